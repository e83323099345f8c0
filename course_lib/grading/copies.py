"""What counts where a notebook holds one of its cells more than once: Jupyter copies them with their ids."""

import re
from collections.abc import Collection, Sequence

from course_lib.grading.exercise import Exercise, ExerciseError
from course_lib.grading.release import CODE_STUB, TEXT_STUB, student_version
from course_lib.grading.student_code import Cell, code_cells

_DEFINED = re.compile(r"^(?:(?:async +)?def +(\w+)|(\w+) *=(?!=))", re.MULTILINE)


def first_written(texts: Sequence[str]) -> int:
    """Return which of several copies of an answer counts: the first that somebody has written in, else the first."""
    return next((index for index, text in enumerate(texts) if text.strip() not in ("", TEXT_STUB)), 0)


def released_stubs(exercise: Exercise, seed: str | None) -> tuple[str, ...]:
    """Return the code cells that students were given with a gap to fill, as `code_cells` reads them.

    Args:
        seed: that of the release; None for the public version.
    """
    try:
        given = code_cells(student_version(exercise, seed).encode())
    except ExerciseError:  # it was given out in another way, and can be graded all the same
        return ()
    return tuple(cell.source for cell in given if CODE_STUB[1] in cell.source)


def without_copies(cells: Sequence[Cell], stubs: Collection[str]) -> list[Cell]:
    """Return the cells but for copies of a stub that stand below the answer, which they would replace.

    Args:
        stubs: as `released_stubs` returned them.
    """
    given = {_trimmed(stub) for stub in stubs}
    kept: list[Cell] = []
    answered: set[str] = set()
    for cell in cells:
        names = {function or variable for function, variable in _DEFINED.findall(cell.source)}
        is_stub = _trimmed(cell.source) in given
        if is_stub and names and names <= answered:
            continue
        answered |= set() if is_stub else names
        kept.append(cell)
    return kept


def _trimmed(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))
