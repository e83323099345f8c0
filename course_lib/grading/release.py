"""Student versions: the source of an exercise without its solution, as nbgrader would release it.

A solution region becomes `# YOUR CODE HERE` and `raise NotImplementedError()`, the model answer to a
question graded by hand becomes `YOUR ANSWER HERE`. Outputs, cell ids and every metadata but nbgrader's
and the tags are made anew, so that nothing in the file depends on the solution. The same source and
seed give the same bytes.
"""

import argparse
import json
import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.grading.exercise import (
    DEFAULT_FOLDER, Exercise, ExerciseError, Value, add_exercises_option, load_exercises,
)  # fmt: skip

STUDENT_FOLDER = "student"
CODE_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
TEXT_STUB = "YOUR ANSWER HERE"
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
_BEGIN, _END = re.compile(r"\s*### BEGIN SOLUTION\s*"), re.compile(r"\s*### END SOLUTION\s*")
_IN_TEXT = re.compile(r"<!--([a-z0-9_.]+)-->(.*?)<!--/\1-->", re.DOTALL)
_IN_CODE = re.compile(r"^(.*?)  # parameter: ([a-z0-9_.]+)$", re.MULTILINE)

Cell = dict[str, Any]


def student_version(exercise: Exercise, seed: str | None = None) -> str:
    """Return the text of the student's notebook; `seed` draws the task's parameters.

    Raises:
        ExerciseError: a solution region is not closed, or a parameter's marks do not fit its settings.
    """
    source = json.loads(exercise.notebook.read_text(encoding="utf-8"))
    parameters = _Parameters(exercise, seed)
    cells = [_student_cell(cell, exercise, parameters) for cell in source["cells"]]
    if unused := set(exercise.parameters) - parameters.used:
        raise ExerciseError(f"{exercise.notebook} never mentions the parameter {min(unused)!r} of its settings.")
    notebook = {"cells": cells, "metadata": NOTEBOOK_METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def release(exercise: Exercise, folder: Path, seed: str | None = None) -> Path:
    """Write the student's notebook into `folder`, which is made if need be, and return its path."""
    text = student_version(exercise, seed)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{exercise.piece}.ipynb"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def colab_link(piece: str) -> str:
    """Return the address that opens the public student version of the installed release in Colab."""
    described = metadata("course-lib")
    addresses = dict(entry.split(", ", 1) for entry in described.get_all("Project-URL") or [])
    repository = addresses["Repository"].rstrip("/").removeprefix("https://github.com/")
    path = f"{repository}/blob/v{described['Version']}/exercises/{STUDENT_FOLDER}/{piece}.ipynb"
    return f"https://colab.research.google.com/github/{path}"


def _student_cell(cell: Cell, exercise: Exercise, parameters: "_Parameters") -> Cell:
    text = "".join(cell["source"])
    settings = cell["metadata"].get("nbgrader", {})
    is_code = cell["cell_type"] == "code"
    if is_code:
        text = parameters.in_code(_without_solution(text, exercise))
    else:
        text = TEXT_STUB if settings.get("solution") else parameters.in_text(text)
    kept = {key: cell["metadata"][key] for key in ("nbgrader", "tags") if key in cell["metadata"]}
    name = settings.get("grade_id") or "-".join(cell["metadata"].get("tags", ["cell"])[:1])
    made: Cell = {
        "cell_type": cell["cell_type"], "id": name, "metadata": kept, "source": text.splitlines(keepends=True),
    }  # fmt: skip
    return made | ({"execution_count": None, "outputs": []} if is_code else {})


def _without_solution(text: str, exercise: Exercise) -> str:
    """Put the stub in the place of each solution region, at the region's own indentation."""
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        if _BEGIN.fullmatch(line) if not inside else _END.fullmatch(line):
            inside = not inside
            indentation = line[: len(line) - len(line.lstrip())]
            lines += [indentation + stub for stub in CODE_STUB] if inside else []
        elif _BEGIN.fullmatch(line) or _END.fullmatch(line):
            raise ExerciseError(f"{exercise.notebook} has {line.strip()!r} where it does not belong.")
        elif not inside:
            lines.append(line)
    if inside:
        raise ExerciseError(f"{exercise.notebook} has a solution region without '### END SOLUTION'.")
    return "\n".join(lines)


class _Parameters:
    """Writes the drawn values over the defaults, and takes the marks away. `used` names what was met."""

    def __init__(self, exercise: Exercise, seed: str | None) -> None:
        self.exercise = exercise
        self.defaults, self.drawn = exercise.draw_parameters(None), exercise.draw_parameters(seed)
        self.used: set[str] = set()

    def in_text(self, text: str) -> str:
        """Fill `<!--NAME-->default<!--/NAME-->`."""
        return _IN_TEXT.sub(lambda found: self._filled(found[2], found[1], whole=True), text)

    def in_code(self, text: str) -> str:
        """Fill lines that end in `# parameter: NAME` and hold the default."""
        return _IN_CODE.sub(lambda found: self._filled(found[1], found[2], whole=False), text)

    def _filled(self, written: str, name: str, whole: bool) -> str:
        where = f"{self.exercise.notebook} marks {written.strip()!r} as {name}"
        if name not in self.defaults:
            known = ", ".join(sorted(self.defaults)) or "no parameters"
            raise ExerciseError(f"{where}; {self.exercise.piece}.toml has {known}.")
        default = str(self.defaults[name])
        if written.count(default) != 1 or (whole and written != default):
            raise ExerciseError(f"{where}; its default, {default!r}, must stand there once.")
        self.used.add(name.split(".")[0])
        return written.replace(default, str(self.drawn[name]))


def add_release_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pieces", nargs="*", metavar="PIECE", help="exercises to release (default: all)")
    add_exercises_option(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="DIR",
                        help=f"where the student versions go (default: {STUDENT_FOLDER}/ there)")  # fmt: skip
    parser.add_argument("--seed", metavar="SECRET",
                        help="change what the tasks ask, so that answers to the public version fail; keep it for "
                             "`course grade`. Needs -o.")  # fmt: skip


def run_release(args: argparse.Namespace) -> None:
    """Write the student versions, say where they are, and how Colab opens the public ones."""
    if args.seed is not None and args.output is None:
        raise SystemExit("--seed makes a private version: say with -o where it goes, outside the public folder.")
    folder = args.output or args.exercises / STUDENT_FOLDER
    try:
        exercises = load_exercises(args.exercises)
        if unknown := [piece for piece in args.pieces if piece not in exercises]:
            known = ", ".join(exercises)
            raise SystemExit(f"There is no exercise {unknown[0]!r} in {args.exercises}; there are {known}.")
        for piece in args.pieces or exercises:
            print(release(exercises[piece], folder, args.seed))
            if folder == DEFAULT_FOLDER / STUDENT_FOLDER:
                print(f"  {colab_link(piece)}")
    except (ExerciseError, OSError) as error:
        raise SystemExit(str(error)) from error
