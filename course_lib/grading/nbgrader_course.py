"""Grades into nbgrader's gradebook, and the autograded notebooks that its formgrader shows.

nbgrader counts grades by cell. An exercise has one automatic cell, whose points are those of all our
checks together, and one cell for each question that a person grades. What students wrote is data here
too: formgrader renders Markdown in the teacher's browser, so tags and links in it are taken apart.
"""

import hashlib
import json
import os
import re
import sqlite3
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.grading.copies import first_written
from course_lib.grading.exercise import Exercise
from course_lib.grading.feedback import head_sentences, outcome_of, points_of, reference
from course_lib.grading.recognise import plain_cells
from course_lib.grading.results import Result, format_points
from course_lib.grading.student_code import UnreadableNotebook, read_file, source_of
from course_lib.grading.text import visible

MISSING = "nbgrader is not installed: python -m pip install 'nbgrader>=0.9.6', and try again."
NOT_MARKED = "(The student's notebook has lost the mark of this cell. The answer may stand in another one.)"
Cell = dict[str, Any]


class CourseError(ValueError):
    """An exercise and nbgrader's format do not fit together; the message says how to make them."""


def automatic_and_marked(exercise: Exercise, max_points: float) -> tuple[Cell, list[Cell]]:
    """Return an exercise's one automatic cell, and its marked cells that students fill in.

    Raises:
        CourseError: there is not exactly one automatic cell, or its points are not those of the checks.
    """
    cells = json.loads(exercise.notebook.read_text(encoding="utf-8"))["cells"]
    cells = [{**cell, "source": source_of(cell)} for cell in cells]
    marked = [cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id")]
    automatic = [cell for cell in marked if _mark(cell)["grade"] and not _mark(cell)["solution"]]
    if len(automatic) != 1:
        raise CourseError(
            f"{exercise.notebook} has {len(automatic)} graded cells that students do not fill in; make it one, "
            "worth the points of all checks."
        )
    points = _mark(automatic[0])["points"]
    if points != max_points:
        raise CourseError(
            f"{exercise.notebook}: the graded cell {_mark(automatic[0])['grade_id']!r} is worth {points}, the "
            f"checks of this grading {format_points(max_points)}. Make them equal, and grade again."
        )
    return automatic[0], [cell for cell in marked if _mark(cell)["solution"]]


def _mark(cell: Cell) -> dict[str, Any]:
    return cell["metadata"]["nbgrader"]


def autograded_notebook(result: Result, exercise: Exercise, submission: bytes) -> str:
    """Return the notebook that formgrader shows for one submission, as text.

    It holds the student's cells without outputs, with nbgrader's marks restored once each, and one
    automatic cell at the end whose output tells what every check found.
    """
    automatic, open_cells = automatic_and_marked(exercise, result.max_points)
    waiting = {_mark(cell)["grade_id"]: cell for cell in open_cells}
    written = {question.id: question.answer for question in result.manual}
    submitted = _student_cells(submission)
    chosen = _answers(submitted, open_cells)
    cells = []
    for cell in submitted:
        known = waiting.get(cell["grade_id"])
        if known and chosen.get(cell["grade_id"]) is cell:
            del waiting[cell["grade_id"]]
            cells.append(_cell(cell["cell_type"], cell["source"], _mark(known)))
        elif cell["grade_id"] != _mark(automatic)["grade_id"]:
            cells.append(_cell(cell["cell_type"], cell["source"]))
    for grade_id, cell in waiting.items():
        source = written.get(grade_id) or (NOT_MARKED if cell["cell_type"] == "markdown" else f"# {NOT_MARKED}")
        cells.append(_cell(cell["cell_type"], source, _mark(cell)))
    cells.append(_cell("code", automatic["source"], _mark(automatic), report=check_report(result)))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:04}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1) + "\n"


def _answers(submitted: list[Cell], open_cells: list[Cell]) -> dict[str, Cell]:
    """Return the student's cell for each mark that one has: of several copies the one that is graded."""
    found = {}
    for known in open_cells:
        copies = [cell for cell in submitted
                  if (cell["grade_id"], cell["cell_type"]) == (_mark(known)["grade_id"], known["cell_type"])]  # fmt: skip
        if copies:
            found[_mark(known)["grade_id"]] = copies[first_written([cell["source"] for cell in copies])]
    return found


def _student_cells(submission: bytes) -> list[Cell]:
    try:
        return plain_cells(submission)
    except UnreadableNotebook as error:
        return [{"cell_type": "markdown", "source": f"The submission cannot be read. {error}", "grade_id": ""}]


def _cell(kind: str, source: str, mark: dict[str, Any] | None = None, report: str = "") -> Cell:
    metadata = {"nbgrader": mark} if mark else {}
    if kind == "code":
        outputs = [{"output_type": "stream", "name": "stdout", "text": report}] if report else []
        return {"cell_type": kind, "metadata": metadata, "source": source, "outputs": outputs, "execution_count": None}
    return {"cell_type": "markdown", "metadata": metadata, "source": harmless_markdown(source)}


def harmless_markdown(source: str) -> str:
    """Return Markdown in which no tag, link, picture or `\\href` works; a space in each takes it apart."""
    source = re.sub(r"<(?=[A-Za-z/!?])", "< ", visible(source))
    source = re.sub(r"\](?=[(:])", "] ", source)
    return re.sub(r"\\(?=href|require)", r"\\ ", source)


def check_report(result: Result) -> str:
    """Return what every check found, as plain text."""
    lines = [points_of(result), *head_sentences(result), *(f"Note: {note}" for note in result.notes), ""]
    for check in result.checks:
        lines.append(f"{check.name}: {outcome_of(check)}")
        lines += [f"    {line}" for line in check.message.splitlines()]
    return visible("\n".join([*lines, "", reference(result)])) + "\n"


def export_to_course(
    results: Iterable[Result], exercises: dict[str, Exercise], submitted: Path, course: Path
) -> list[Result]:
    """Write every graded result into `course/gradebook.db` and `course/autograded`; return those without a grade.

    What a person has graded already stays; it is marked for another look only if the notebook has changed.

    Raises:
        CourseError: nbgrader is missing, or an exercise or a submission does not fit the results.
    """
    try:
        from nbgrader.api import Gradebook
    except ImportError:
        raise CourseError(MISSING) from None
    from tqdm import tqdm

    course.mkdir(parents=True, exist_ok=True)
    without_grade = []
    database = course.resolve() / "gradebook.db"
    address = f"sqlite:///{database}"
    with scripts_on_path(), warnings.catch_warnings(), Gradebook(address, _course_id(database)) as gradebook:
        # nbgrader joins objects in an order of which SQLAlchemy 2 warns; what is stored is right.
        warnings.filterwarnings("ignore", "Object of type")
        for result in tqdm(list(results), unit="submission", leave=False, disable=None):
            if not result.is_graded:
                without_grade.append(result)
                continue
            if result.exercise not in exercises:
                raise CourseError(f"There is no exercise {result.exercise!r}; name the graded set with --exercises.")
            exercise = exercises[result.exercise]
            text = autograded_notebook(result, exercise, _submission(submitted, result))
            changed = _write_notebook(course, result, text)
            _save_grades(gradebook, result, exercise, changed)
    return without_grade


@contextmanager
def scripts_on_path() -> Iterator[None]:
    """Let nbgrader find the `alembic` of its own environment, also where that was not activated."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join(filter(None, [sysconfig.get_path("scripts"), before]))
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _course_id(database: Path) -> str:
    """The course of an existing gradebook, if it has just one; else nbgrader's default."""
    if not database.is_file():
        return "default_course"
    with closing(sqlite3.connect(database)) as connection:
        ids = [row[0] for row in connection.execute("select id from course")]
    return ids[0] if len(ids) == 1 else "default_course"


def _submission(submitted: Path, result: Result) -> bytes:
    path = submitted / result.student / result.exercise / f"{result.exercise}.ipynb"
    if not path.exists():
        raise CourseError(f"There is no {path}; name the folder that was graded with --submitted.")
    try:
        content = read_file(path)
    except UnreadableNotebook:
        content = b""
    if result.submission_sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise CourseError(f"{path} is not what was graded; grade it again, or name the right folder with --submitted.")
    return content


def _write_notebook(course: Path, result: Result, text: str) -> bool:
    """Write the autograded notebook; return whether it is another than before."""
    path = course / "autograded" / result.student / result.exercise / f"{result.exercise}.ipynb"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return True


def _save_grades(gradebook: Any, result: Result, exercise: Exercise, changed: bool) -> None:
    automatic, open_cells = automatic_and_marked(exercise, result.max_points)
    piece = exercise.piece
    gradebook.update_or_create_assignment(piece)
    gradebook.update_or_create_notebook(piece, piece)
    for cell in (automatic, *open_cells):
        mark, kind = _mark(cell), cell["cell_type"]
        if mark["grade"]:
            gradebook.update_or_create_grade_cell(
                mark["grade_id"], piece, piece, max_score=mark["points"], cell_type=kind
            )
        if mark["solution"]:
            gradebook.update_or_create_solution_cell(mark["grade_id"], piece, piece)
    gradebook.update_or_create_student(result.student)
    gradebook.update_or_create_submission(piece, result.student)
    grade = gradebook.find_grade(_mark(automatic)["grade_id"], piece, piece, result.student)
    grade.auto_score = result.points
    grade.needs_manual_grade = grade.manual_score is not None and (changed or grade.needs_manual_grade)
    for cell in open_cells:
        if _mark(cell)["grade"]:
            grade = gradebook.find_grade(_mark(cell)["grade_id"], piece, piece, result.student)
            grade.needs_manual_grade = grade.manual_score is None or changed or grade.needs_manual_grade
    gradebook.db.commit()
