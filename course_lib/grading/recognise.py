"""Which exercise is this notebook? By what is in it, and only then by its name."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from course_lib.grading.exercise import Exercise
from course_lib.grading.origins import own_stem
from course_lib.grading.student_code import MAX_BYTES, UnreadableNotebook, grade_id_of, read_cells, source_of

_FUNCTION = re.compile(r"^(?:async )?def +(\w+) *\(", re.MULTILINE)
_TITLE = re.compile(r"^#+ *(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Recognised:
    """What a file turned out to be.

    Args:
        piece: the exercise; None where nothing tells it.
        by: what told it: marked cells, functions, title or name.
        problem: why the file is no notebook that can be read; "" where it is one.
    """

    piece: str | None
    by: str
    problem: str = ""


class Recogniser:
    """Tells the exercise of a notebook from the exercises' own notebooks and functions.

    Args:
        exercises: what `load_exercises` returned.

    Raises:
        ValueError: the notebook of an exercise cannot be read.
    """

    def __init__(self, exercises: dict[str, Exercise]) -> None:
        self.exercises = exercises
        self._cells, self._titles = {}, {}
        for piece, exercise in exercises.items():
            try:
                cells = plain_cells(exercise.notebook.read_bytes())
            except UnreadableNotebook as error:
                raise ValueError(f"{exercise.notebook} cannot be read: {error}") from None
            self._cells[piece] = _grade_ids(cells)
            self._titles[piece] = {exercise.title.lower(), *_titles(cells)[:1]}
        times = Counter(name for own in self._cells.values() for name in own)
        for own in self._cells.values():
            own.difference_update([name for name in own if times[name] > 1])  # such as `text-1`

    def __call__(self, content: bytes, file: str) -> Recognised:
        """Return what the content is; the file's own name decides only where the content does not."""
        by_name = own_stem(file) if own_stem(file) in self.exercises else None
        try:
            cells = plain_cells(content)
        except UnreadableNotebook as error:
            return Recognised(by_name if file.lower().endswith(".ipynb") else None, "name", str(error))
        for by, matches in self._evidence(cells):
            if len(matches) == 1:
                return Recognised(matches.pop(), by)
            if by_name in matches:
                return Recognised(by_name, f"{by} and name")
        return Recognised(by_name, "name")

    def _evidence(self, cells: list[dict]) -> Iterable[tuple[str, set[str]]]:
        """Yield each kind of evidence with the exercises it speaks for, the strongest kind first."""
        ids, titles = _grade_ids(cells), set(_titles(cells))
        written = {name for cell in cells if cell["cell_type"] == "code" for name in _FUNCTION.findall(cell["source"])}
        shared = {piece: len(ids & own) for piece, own in self._cells.items()}
        most = max(shared.values(), default=0)
        yield "marked cells", {piece for piece, number in shared.items() if number == most > 0}
        yield "functions", {piece for piece, own in self.exercises.items() if written & set(own.functions)}
        yield "title", {piece for piece, own in self._titles.items() if titles & own}


def plain_cells(content: bytes) -> list[dict[str, Any]]:
    """Return a notebook's cells, each with `cell_type` (code or another), `source` and `grade_id`, all texts.

    Raises:
        UnreadableNotebook: it cannot be read; the message says why.
    """
    if len(content) > MAX_BYTES:
        raise UnreadableNotebook(f"The file has more than {MAX_BYTES // 2**20} MiB.")
    return [
        {"cell_type": str(cell.get("cell_type")), "source": source_of(cell) or "", "grade_id": grade_id_of(cell)}
        for cell in read_cells(content)
    ]


def _grade_ids(cells: Iterable[dict]) -> set[str]:
    """The ids of nbgrader's cells."""
    return {cell["grade_id"] for cell in cells} - {""}


def _titles(cells: Iterable[dict]) -> list[str]:
    texts = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    return [title.lower() for text in texts for title in _TITLE.findall(text)]
