"""Student versions: the source of an exercise without its solution, as nbgrader would release it.

A solution region becomes `# YOUR CODE HERE` and `raise NotImplementedError()`, the model answer to a
question graded by hand becomes `YOUR ANSWER HERE`. As in nbgrader, every line that contains BEGIN SOLUTION
or END SOLUTION is a mark. What nbgrader would clear in another way is refused, never handed out: an answer
without a region, hidden tests, a mark scheme. Outputs, cell ids and every metadata but nbgrader's and the
tags are made anew, so that nothing in the file depends on the solution. The same source and seed give the
same bytes.
"""

import argparse
import json
import posixpath
import re
from collections.abc import Iterable
from functools import partial
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.grading.exercise import (
    DEFAULT_FOLDER, Exercise, ExerciseError, Value, add_exercises_option, load_exercises, refuse_missing_names,
    seed_text,
)  # fmt: skip

STUDENT_FOLDER = "student"
CODE_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
TEXT_STUB = "YOUR ANSWER HERE"
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
_BEGIN, _END = "BEGIN SOLUTION", "END SOLUTION"
_LEFT = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS|MARK SCHEME)")
_PAGE_LINK = re.compile(r"\]\((?P<path>\.\.?/[^)#\s]+)\.(?:ipynb|md)(?P<anchor>#[^)\s]*)?\)")
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")  # nbformat's rule for the ids of cells, of 64 characters at most
_IN_TEXT = re.compile(r"<!--([a-z0-9_.]+)-->(.*?)<!--/\1-->", re.DOTALL)
_IN_CODE = re.compile(r"^(.*?)  # parameter: ([a-z0-9_.]+)$", re.MULTILINE)

Cell = dict[str, Any]


def student_version(exercise: Exercise, seed: str | None = None, links_to: str | None = None) -> str:
    """Return the text of the student's notebook.

    Args:
        seed: draws the task's parameters.
        links_to: address of the course's website, to which links to its pages then lead.

    Raises:
        ExerciseError: a part of the solution would stay, a parameter's marks do not fit its settings, or
            the notebook lacks what they name.
    """
    source = json.loads(exercise.notebook.read_text(encoding="utf-8"))
    refuse_missing_names(exercise, source["cells"])
    parameters = _Parameters(exercise, seed)
    cells: list[Cell] = []
    for number, cell in enumerate(source["cells"], start=1):
        made = _student_cell(cell, f"{exercise.notebook}, cell {number}", parameters, links_to)
        cells.append(made | {"id": _unique(made["id"], {other["id"] for other in cells})})
    if unused := set(exercise.parameters) - parameters.used:
        raise ExerciseError(f"{exercise.notebook} never mentions the parameter {min(unused)!r} of its settings.")
    notebook = {"cells": cells, "metadata": NOTEBOOK_METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def release(exercise: Exercise, folder: Path) -> Path:
    """Write the public notebook of one exercise into `folder`, as `release_all` does, and return its path."""
    return release_all([exercise], folder)[0]


def release_all(
    exercises: Iterable[Exercise], folder: Path, seed: str | None = None, links_to: str | None = None
) -> list[Path]:
    """Write the students' notebooks into `folder`, which is made if need be, and return their paths.

    Raises:
        ExerciseError: as `student_version`, for any of them; then nothing is written.
    """
    texts = {exercise.piece: student_version(exercise, seed, links_to) for exercise in exercises}
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for piece, text in texts.items():
        paths.append(folder / f"{piece}.ipynb")
        with atomic_path(paths[-1]) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return paths


def colab_link(piece: str) -> str:
    """Return the address that opens the public student version of the installed release in Colab."""
    described = metadata("course-lib")
    addresses = dict(entry.split(", ", 1) for entry in described.get_all("Project-URL") or [])
    repository = addresses["Repository"].rstrip("/").removeprefix("https://github.com/")
    path = f"{repository}/blob/v{described['Version']}/exercises/{STUDENT_FOLDER}/{piece}.ipynb"
    return f"https://colab.research.google.com/github/{path}"


def _student_cell(cell: Cell, where: str, parameters: "_Parameters", links_to: str | None) -> Cell:
    text = "".join(cell["source"])
    settings = cell["metadata"].get("nbgrader", {})
    is_code = cell["cell_type"] == "code"
    name = settings.get("grade_id") or "-".join(cell["metadata"].get("tags", ["cell"])[:1])
    where = f"{where} ({name})"
    if is_code:
        text = parameters.in_code(_without_solution(text, where, must_have_one=settings.get("solution", False)))
    else:
        text = TEXT_STUB if settings.get("solution") else parameters.in_text(text)
        text = _PAGE_LINK.sub(partial(_absolute, links_to), text) if links_to else text
    if left := _LEFT.search(text):
        raise ExerciseError(
            f"{where} would hand out what stands at {left[0]!r}. Solution regions go into code cells; hidden "
            "tests and mark schemes go out of the notebook, into checks/."
        )
    kept = {key: cell["metadata"][key] for key in ("nbgrader", "tags") if key in cell["metadata"]}
    made: Cell = {
        "cell_type": cell["cell_type"], "id": name, "metadata": kept, "source": text.splitlines(keepends=True),
    }  # fmt: skip
    return made | ({"execution_count": None, "outputs": []} if is_code else {})


def _unique(name: str, taken: set[str]) -> str:
    """Return an id that nbformat allows and that is not taken, from a name."""
    plain = _NO_ID.sub("-", name)[:50] or "cell"
    wanted, number = plain, 1
    while wanted in taken:
        number += 1
        wanted = f"{plain}-{number}"
    return wanted


def _absolute(site: str, link: re.Match[str]) -> str:
    """Return a Markdown link to a page of the website, from one relative to the public student versions."""
    page = posixpath.normpath(f"exercises/{STUDENT_FOLDER}/{link['path']}.html")
    outside = page.startswith("..")
    return link[0] if outside else f"]({site.rstrip('/')}/{page}{link['anchor'] or ''})"


def _without_solution(text: str, where: str, must_have_one: bool) -> str:
    """Put the stub in the place of each solution region, at the region's own indentation."""
    lines: list[str] = []
    inside = found = False
    for line in text.split("\n"):
        if (_END if inside else _BEGIN) in line:
            inside, found = not inside, True
            indentation = line[: len(line) - len(line.lstrip())]
            lines += [indentation + stub for stub in CODE_STUB] if inside else []
        elif _BEGIN in line or _END in line:
            raise ExerciseError(f"{where} has {line.strip()!r} where it does not belong.")
        elif not inside:
            lines.append(line)
    if inside:
        raise ExerciseError(f"{where} has a solution region without '### {_END}'.")
    if must_have_one and not found:
        raise ExerciseError(
            f"{where} is an answer (solution: true) without a solution region, so all of it would be handed out. "
            f"Put its solution between '### {_BEGIN}' and '### {_END}'."
        )
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
    parser.add_argument("--seed", metavar="SECRET", type=seed_text,
                        help="change what the tasks ask, so that answers to the public version fail; keep it for "
                             "`course grade`. Needs -o.")  # fmt: skip
    parser.add_argument("--links-to", metavar="SITE",
                        help="the address of the course's website, such as https://example.org/course: links to its "
                             "pages then lead there. Without it they work on the website only. Needs -o.")  # fmt: skip


def run_release(args: argparse.Namespace) -> None:
    """Write the student versions, say where they are, and how Colab opens the public ones."""
    if args.seed is not None and args.output is None:
        raise SystemExit("--seed makes a private version: say with -o where it goes, outside the public folder.")
    if args.links_to is not None and args.output is None:
        raise SystemExit("--links-to makes files to hand out: say with -o where they go, outside the public folder.")
    folder = args.output or args.exercises / STUDENT_FOLDER
    try:
        exercises = load_exercises(args.exercises)
        if unknown := [piece for piece in args.pieces if piece not in exercises]:
            known = ", ".join(exercises)
            raise SystemExit(f"There is no exercise {unknown[0]!r} in {args.exercises}; there are {known}.")
        chosen = [exercises[piece] for piece in args.pieces or exercises]
        for path in release_all(chosen, folder, args.seed, args.links_to):
            print(path)
            if folder == DEFAULT_FOLDER / STUDENT_FOLDER:
                print(f"  {colab_link(path.stem)}")
    except (ExerciseError, OSError) as error:
        raise SystemExit(str(error)) from error
