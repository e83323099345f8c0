"""Check the sources of exercises: nbgrader's cells, no outputs, and what they say about themselves."""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.grading.exercise import Exercise, load_exercises
from tools import notebooks, project

SOLUTION = "### BEGIN SOLUTION"
NBGRADER_KEYS = {"cell_type", "grade", "grade_id", "locked", "schema_version", "solution", "task"}
LONGEST_LINE = 120


def problems(path: Path) -> list[str]:
    """What is wrong with the source of one exercise, one sentence each."""
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    exercise = load_exercises(project.EXERCISES)[path.stem]
    found = []
    if notebooks.to_text(notebooks.strip(notebook)) != text:
        found.append("is not in its stripped form")
    install, *cells = notebooks.code_cells(notebook)
    if install.source != notebooks.install_source(exercise=True):
        found.append("its install cell differs from pyproject.toml: run `python -m tools.notebooks sync`")
    if any(cell.outputs or cell.execution_count for cell in (install, *cells)):
        found.append("holds outputs: clear them")
    marked = [cell for cell in notebook.cells if cell is not install]
    for number, cell in enumerate(marked, start=2):
        found.extend(f"cell {number} {problem}" for problem in _cell_problems(cell))
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in marked]
    if len(set(ids)) != len(ids):
        found.append("has two cells with one grade_id")
    return found + _header_problems(notebook.cells[0].source, exercise) + _points_problems(marked, exercise)


def _cell_problems(cell: NotebookNode) -> list[str]:
    settings = cell.metadata.get("nbgrader", {})
    wanted = NBGRADER_KEYS | ({"points"} if settings.get("grade") else set())
    if set(settings) != wanted or settings["schema_version"] != 3 or settings["cell_type"] != cell.cell_type:
        return [f"lacks nbgrader's metadata of schema 3 ({sorted(wanted)})"]
    found = []
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if cell.cell_type == "code" and not settings["solution"] and len(lines) > notebooks.MAX_LINES:
        found.append(f"has {len(lines)} lines; {notebooks.MAX_LINES} is the limit")
    if cell.cell_type == "code" and max(map(len, lines)) > LONGEST_LINE:
        found.append(f"has a line of more than {LONGEST_LINE} characters")
    if (SOLUTION in cell.source) != (cell.cell_type == "code" and settings["solution"]):
        found.append("has a solution region and is no answer cell, or is one and has none")
    return found


def _header_problems(header: str, exercise: Exercise) -> list[str]:
    """The first cell states title, difficulty, minutes and points; the settings have the last word."""
    by_hand = sum(question.points for question in exercise.manual)
    points = f"**{exercise.automatic_points:g} points** from the checks" + (f", {by_hand:g} by hand" if by_hand else "")
    stated = (f"**Difficulty** {exercise.difficulty} of 5", f"**about {exercise.minutes} minutes**", f"{points} ·")
    found = [f"does not open with {words!r}" for words in stated if words not in header]
    if not re.match(rf"# Exercise \d\. {re.escape(exercise.title)}\n", header):
        found.append(f"is not titled {exercise.title!r}")
    return found + ([] if "**Why it matters.**" in header else ["does not say why it matters"])


def _points_problems(cells: list[NotebookNode], exercise: Exercise) -> list[str]:
    """One graded test cell is worth all automatic points, so that nbgrader's gradebook adds up to ours."""
    graded = [cell for cell in cells if cell.metadata.nbgrader.grade]
    by_hand = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points for cell in graded
               if cell.metadata.nbgrader.solution}  # fmt: skip
    automatic = [cell.metadata.nbgrader.points for cell in graded if not cell.metadata.nbgrader.solution]
    found = []
    if automatic != [exercise.automatic_points]:
        found.append(f"gives its test cells {automatic} points; one cell has to have {exercise.automatic_points:g}")
    if by_hand != {question.id: question.points for question in exercise.manual}:
        found.append(f"has the manual questions {by_hand}; {exercise.piece}.toml has others")
    return found
