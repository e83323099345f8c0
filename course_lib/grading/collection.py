"""`SUBMITTED/collection.json`: every file that was collected, where it lies, and what is odd about it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.grading.text import safe_name

NAME = "collection.json"
SCHEMA = 1
SUPERSEDED, UNRECOGNISED = "_superseded", "_unrecognised"


@dataclass(frozen=True)
class File:
    """One file that was found.

    Args:
        original: archive and path, as they were.
        student: the student's folder; None where nothing tells the student.
        student_id: the student's id as the source wrote it.
        student_name: the student's name, where the source gives one.
        exercise: the exercise that it answers; None where nothing tells it.
        recognised_by: what told the exercise.
        renamed: whether its name was not that of the exercise.
        late: whether it was handed in late; None where the source does not say.
        attempt: grows with each upload, where the source counts them.
        modified: when it was last changed, ISO 8601; "" where unknown.
        sha256: of its content; "" where it was refused.
        problem: what is wrong with it; "" where nothing is.
        state: submitted, superseded, unrecognised or refused.
        path: where it lies, relative to the folder; "" where it was refused.
    """

    original: str
    student: str | None
    student_id: str | None
    student_name: str | None
    exercise: str | None
    recognised_by: str
    renamed: bool
    late: bool | None
    attempt: tuple[int, int]
    modified: str
    sha256: str
    problem: str
    state: str = ""
    path: str = ""

    @property
    def answers(self) -> bool:
        """Whether student and exercise are known, so that it can be graded."""
        return bool(self.student and self.exercise and self.sha256)

    def kept_at(self) -> str:
        """Return where it lies when it is not the one that is graded."""
        if self.answers:
            return f"{SUPERSEDED}/{self.student}/{self.exercise}/{self.sha256[:16]}.ipynb"
        name = safe_name(self.original.rsplit("/", 1)[-1])
        return f"{UNRECOGNISED}/{self.student or '_nobody'}/{self.sha256[:16]}-{name}"

    def submitted_at(self) -> str:
        """Return where it lies when it is graded: nbgrader's layout."""
        return f"{self.student}/{self.exercise}/{self.exercise}.ipynb"


def placed(files: Iterable[File]) -> list[File]:
    """Return each file once, with its state and path: of each student and exercise the newest is graded.

    A file that cannot be read gives way to an older one that can. Alone, it is graded all the same,
    so that its student hears of it. Uploads that the source counts are ordered by that count, others by time.
    """
    different = {(file.original, file.sha256): file for file in files}.values()
    newest: dict[str, File] = {}
    for file in different:
        if file.answers:
            newest[file.submitted_at()] = max(newest.get(file.submitted_at(), file), file, key=_age)
    return sorted((_placed(file, newest) for file in different), key=lambda file: (file.original, file.sha256))


def _age(file: File) -> tuple:
    return (not file.problem, file.attempt, file.modified, file.original, file.sha256)


def _placed(file: File, newest: dict[str, File]) -> File:
    if not file.sha256:
        return replace(file, state="refused", path="")
    if not file.answers:
        return replace(file, state="unrecognised", path=file.kept_at())
    if newest[file.submitted_at()] is file:
        return replace(file, state="submitted", path=file.submitted_at())
    return replace(file, state="superseded", path=file.kept_at())


def write_collection(folder: Path, files: list[File]) -> None:
    """Write `collection.json`: the same files give the same bytes."""
    students: dict[str, dict[str, str | None]] = {}
    for file in sorted((file for file in files if file.student), key=lambda file: file.student_name or ""):
        students[file.student] = {"id": file.student_id, "name": file.student_name}  # a name, if any source has one
    values = {
        "schema": SCHEMA,
        "students": dict(sorted(students.items())),
        "files": [asdict(file) for file in files],
    }
    text = json.dumps(values, indent=1, ensure_ascii=False)
    with atomic_path(folder / NAME) as temporary:
        # A name that is not UTF-8 on the disk holds half characters; \udc80 is how JSON writes one.
        temporary.write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")


def read_collection(folder: Path) -> list[File]:
    """Return the files that `collection.json` lists; none where there is no such file.

    Raises:
        ValueError: it is not one of ours; the message names it.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return []
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            raise ValueError(f"schema is {values['schema']!r}, this version reads {SCHEMA}")
        return [File(**{**each, "attempt": tuple(each["attempt"])}) for each in values["files"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not what course collect wrote ({error}); collect into a new folder.") from None


def read_late(folder: Path) -> dict[tuple[str, str], bool | None]:
    """Return for each student and exercise whether the graded file was late; None where unknown."""
    return {
        (file.student, file.exercise): file.late
        for file in read_collection(folder) if file.state == "submitted"
    }  # fmt: skip


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
