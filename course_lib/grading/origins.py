"""Whose file is it? What the names of files in Canvas' and Moodle's archives, and in plain folders, say.

Canvas names a file `lastnamefirstname_LATE_12345_67890_clipping-2.ipynb`: the student's name in lower case
without anything but letters, LATE where it applies, the number of the student, that of the upload, and the
file's own name. Anonymous assignments have `anon_CODE` for the number and no name; texts and links have no
number of an upload (canvas-lms, `lib/content_zipper.rb`).

Moodle gives each student a folder `Ada Lovelace_12345_assignsubmission_file_`, or puts that before the
file's name. The number is the participant's in this one assignment (moodle, `mod/assign/locallib.php`).

A plain folder, or an archive of one, has a folder for each student.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_CANVAS = re.compile(
    r"(?P<name>[^/]*?)(?:(?:^|_)(?P<late>LATE))?(?:^|_)(?P<student>[1-9]\d*|anon_[A-Za-z0-9]+)"
    r"_(?:(?P<upload>[1-9]\d*)_(?P<file>.+)|(?P<entry>text|link)\.html)",
    re.DOTALL,
)
_MOODLE = re.compile(
    r"(?P<name>.*?)_(?P<student>\d+)_assignsubmission_(?P<kind>file|onlinetext)_?(?P<file>.*)", re.DOTALL
)
# A student called `x_7` and a file called `8_x.ipynb` give names that can be read in two ways.
_THIRD_NUMBER = re.compile(r"[1-9]\d*_.+", re.DOTALL)
_COPY = re.compile(r"(?P<stem>.+?)(?:-(?P<canvas>\d+)| ?\((?P<browser>\d+)\))?(?P<suffix>\.[^.]*)?", re.DOTALL)


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
    """

    student: str | None
    name: str | None
    late: bool | None
    file: str
    attempt: tuple[int, int]
    source: str


def origin_of(parts: Sequence[str]) -> Origin:
    """Return where the file at this path came from, the path being relative to the archive or folder."""
    return _canvas(parts) or _moodle(parts) or _plain(parts)


def _canvas(parts: Sequence[str]) -> Origin | None:
    if len(parts) != 1 or "_assignsubmission_" in parts[0] or not (found := _CANVAS.fullmatch(parts[0])):
        return None
    file = found["file"] or f"{found['entry']}.html"
    attempt = (int(found["upload"] or 0), int(_COPY.fullmatch(file)["canvas"] or 0))
    student = None if found["name"] and _THIRD_NUMBER.fullmatch(file) else found["student"]
    return Origin(student, found["name"] or None, found["late"] is not None, file, attempt, "canvas")


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
