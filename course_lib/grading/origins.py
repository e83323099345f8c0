"""Whose file is it? What the names of files in Canvas' and Moodle's archives, and in plain folders, say.

Canvas names a file `lastnamefirstname_LATE_12345_67890_clipping-2.ipynb`: the student's name in lower case
without anything but letters, LATE where it applies, the number of the student, that of the upload, and the
file's own name. Anonymous assignments have `anon_CODE` for the number and no name; texts and links have no
number of an upload (canvas-lms, `lib/content_zipper.rb`). A student may be called `mallory_101`, and a file
`8_x.ipynb`: where three numbers or more stand in a row, one alone does not tell whose the file is.

Moodle gives each student a folder `Ada Lovelace_12345_assignsubmission_file_`, or puts that before the
file's name. The number is the participant's in this one assignment (moodle, `mod/assign/locallib.php`).

A plain folder, or an archive of one, has a folder for each student.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

_CANVAS = re.compile(
    r"(?P<name>[^/]*?)(?:(?:^|_)(?P<late>LATE))?(?:^|_)(?P<student>[1-9]\d{0,18}|anon_[A-Za-z0-9]+)"
    r"_(?:(?P<upload>[1-9]\d{0,18})_(?P<file>.+)|(?P<entry>text|link)\.html)",
    re.DOTALL,
)
_MOODLE = re.compile(
    r"(?P<name>.*?)_(?P<student>\d+)_assignsubmission_(?P<kind>file|onlinetext)_?(?P<file>.*)", re.DOTALL
)
_MORE_NUMBERS = re.compile(r"((?:[1-9]\d{0,18}_)+).+", re.DOTALL)
# Which number cannot be an upload's. Uploads are counted over the whole Canvas, so those of one assignment
# are of one size. Without others to compare with, few uploads on a Canvas of a thousand times as many
# students are ruled out; a student from another Canvas can have a number of any size.
_USUAL_UPLOADS, _LESS = 10_000, 10
_SMALL, _MUCH_LESS = 10_000, 1_000
_COPY = re.compile(r"(?P<stem>.+?)(?:-(?P<canvas>\d{1,18})| ?\((?P<browser>\d+)\))?(?P<suffix>\.[^.]*)?", re.DOTALL)


@dataclass(frozen=True)
class Origin:
    """Where a file came from.

    Args:
        student: the student's id as the source wrote it; None where the name tells no student for certain.
        name: the student's name, where the source gives one apart from the id.
        late: whether it was handed in late; None where the source does not say.
        file: the file's own name, as the student chose it.
        attempt: grows with each upload of a student; (0, 0) where the source does not say.
        source: canvas, moodle or folder.
        numbers: where the student is in doubt, the numbers that stand in a row; each but the last may be the
            student's, and the next one then is the upload's.
    """

    student: str | None
    name: str | None
    late: bool | None
    file: str
    attempt: tuple[int, int]
    source: str
    numbers: tuple[int, ...] = ()


def origins_of(paths: Iterable[Sequence[str]]) -> list[Origin]:
    """Return the origin of each path of one archive or folder; what one leaves in doubt the others may settle."""
    origins = [origin_of(path) for path in paths]
    sure = [origin for origin in origins if origin.source == "canvas" and origin.student]
    uploads = [origin.attempt[0] for origin in sure if origin.attempt[0]]
    students = {origin.student for origin in sure}
    return [_settled(origin, min(uploads, default=0), students) for origin in origins]


def _settled(origin: Origin, first_upload: int, students: set[str | None]) -> Origin:
    """Take the first number for the student's where no later pair can be a student and an upload."""
    if not origin.numbers or students & {str(number) for number in origin.numbers[1:-1]}:
        return origin
    upload, *others = origin.numbers[1:]
    if first_upload >= _USUAL_UPLOADS:
        settled = all(number * _LESS < first_upload for number in others)
    else:
        settled = len(others) == 1 and others[0] < _SMALL and others[0] * _MUCH_LESS <= upload
    return replace(origin, student=str(origin.numbers[0]), numbers=()) if settled else origin


def origin_of(parts: Sequence[str]) -> Origin:
    """Return where the file at this path came from, the path being relative to the archive or folder."""
    return _canvas(parts) or _moodle(parts) or _plain(parts)


def _canvas(parts: Sequence[str]) -> Origin | None:
    if len(parts) != 1 or "_assignsubmission_" in parts[0] or not (found := _CANVAS.fullmatch(parts[0])):
        return None
    file = found["file"] or f"{found['entry']}.html"
    attempt = (int(found["upload"] or 0), int(_COPY.fullmatch(file)["canvas"] or 0))
    origin = Origin(found["student"], found["name"] or None, found["late"] is not None, file, attempt, "canvas")
    more = _MORE_NUMBERS.fullmatch(file)
    if not more or found["student"].startswith("anon_"):
        return origin
    numbers = (found["student"], found["upload"], *more[1].split("_")[:-1])
    return replace(origin, student=None, numbers=tuple(map(int, numbers)))


def _moodle(parts: Sequence[str]) -> Origin | None:
    if not (found := _MOODLE.fullmatch(parts[0])):
        return None
    file = parts[-1] if len(parts) > 1 else found["file"]
    return Origin(found["student"], found["name"], None, file, (0, 0), "moodle") if file else None


def _plain(parts: Sequence[str]) -> Origin:
    student = parts[0] if len(parts) > 1 else None
    return Origin(student, None, None, parts[-1], (0, 0), "folder")


def without_common_folder(paths: Sequence[Sequence[str]], pieces: Collection[str]) -> int:
    """Return how many leading folders, 0 or 1, enclose everything without being a student's.

    One is left off where what lies in it bears Canvas' or Moodle's names, or where each file lies at least
    two folders deep and the second is not an exercise's, as in `class/ada/clipping.ipynb`.
    """
    if not paths or len({path[0] for path in paths}) != 1 or any(len(path) < 2 for path in paths):
        return 0
    inner = [path[1:] for path in paths]
    if origin_of(paths[0]).source == "folder" and any(origin_of(path).source != "folder" for path in inner):
        return 1
    deep = all(len(path) >= 3 for path in paths)
    return int(deep and not any(path[1] in pieces for path in paths))


def own_stem(file: str) -> str:
    """Return a file's name without suffix, case, and the number that a further upload or download adds."""
    return _COPY.fullmatch(file)["stem"].strip().lower()
