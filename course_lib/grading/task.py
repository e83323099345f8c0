"""An exercise made ready for grading: what its source files say, read once for all submissions."""

import ast
import hashlib
from dataclasses import dataclass
from typing import Any

from course_lib.grading.checks import Check, load_checks
from course_lib.grading.copies import first_written, released_stubs
from course_lib.grading.exercise import Exercise, refuse_missing_names
from course_lib.grading.student_code import UnreadableNotebook, code_cells, grade_id_of, read_cells, source_of

SCHEMA = 1
_MAX_ANSWER = 20_000


@dataclass(frozen=True)
class Task:
    """An exercise made ready for grading: its checks loaded, its parameters drawn, its own notebook read.

    Args:
        basis: SHA-256 of everything that a grade depends on besides submission and secret.
        prelude: the imports of the exercise's notebook.
        questions: text of the cell before each cell that is graded by hand, by that cell's id.
        stubs: the code cells that students were given with a gap to fill.
        uses_optimizers: whether notebook or checks make any.
    """

    exercise: Exercise
    checks: tuple[Check, ...]
    parameters: dict[str, Any]
    basis: str
    prelude: str
    questions: dict[str, str]
    stubs: tuple[str, ...]
    uses_optimizers: bool

    @property
    def max_points(self) -> float:
        """The points of its checks."""
        return sum(check.points for check in self.checks)


def make_task(exercise: Exercise, release_seed: str | None = None) -> Task:
    """Read what an exercise's grades depend on.

    Args:
        release_seed: what `course release --seed` was given; None for the public version.

    Raises:
        ValueError: a check file or the notebook cannot be used, or lacks what the settings name.
    """
    parameters = exercise.draw_parameters(release_seed)
    notebook = exercise.notebook.read_bytes()
    described = repr((exercise.functions, exercise.limits, exercise.manual, sorted(parameters.items()), SCHEMA))
    checks = exercise.checks.read_bytes()
    basis = hashlib.sha256(b"\0".join([checks, notebook, described.encode()])).hexdigest()
    try:
        prelude, questions = _imports(notebook), _questions(notebook, exercise)
        refuse_missing_names(exercise, read_cells(notebook))
    except (UnreadableNotebook, SyntaxError) as error:
        raise ValueError(f"{exercise.notebook}: {error}") from error
    uses_optimizers = b"optim" in checks + notebook
    return Task(
        exercise, tuple(load_checks(exercise.checks)), parameters, basis, prelude, questions,
        released_stubs(exercise, release_seed), uses_optimizers,
    )  # fmt: skip


def manual_answers(data: bytes, task: Task) -> list[dict[str, Any]]:
    """Return what the student wrote to each question that is graded by hand.

    The answer is the cell with the question's id; where ids were stripped, the cell behind the question.
    Of several, `first_written` counts.
    """
    cells = read_cells(data)
    texts = [(source_of(cell) or "").strip() for cell in cells]
    found = []
    for question in task.exercise.manual:
        marked = [text for cell, text in zip(cells, texts) if grade_id_of(cell) == question.id]
        asked = task.questions.get(question.id)
        answers = marked or [text for before, text in zip(texts, texts[1:]) if before == asked] or [""]
        answer = answers[first_written(answers)]
        found.append({"id": question.id, "max_points": question.points, "answer": answer[:_MAX_ANSWER]})
    return found


def _imports(notebook: bytes) -> str:
    """The import statements of an exercise's own notebook, one a line."""
    lines = []
    for cell in code_cells(notebook):
        tree = ast.parse(cell.source)
        lines += [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(dict.fromkeys(lines))


def _questions(notebook: bytes, exercise: Exercise) -> dict[str, str]:
    cells = read_cells(notebook)
    ids = [grade_id_of(cell) for cell in cells]
    manual = [question.id for question in exercise.manual]
    found = {name: ids.index(name) for name in manual if name in ids[1:]}
    return {name: (source_of(cells[index - 1]) or "").strip() for name, index in found.items()}
