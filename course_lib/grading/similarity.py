"""`course similarity`: what students wrote, laid out for Dolos and JPlag. Code is parsed, never run.

The layout serves both, one folder an exercise: `submissions/STUDENT/PIECE.py`, `template/PIECE.py` with
the code that everybody was given, and Dolos' `info.csv`. Into the same folder again, a run takes away what
the one before wrote, so that nobody is compared who is no longer there.
"""

import argparse
import ast
import csv
import io
import shlex
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_lib.grading.collection import File, read_collection
from course_lib.grading.exercise import Exercise, add_exercises_option, load_exercises
from course_lib.grading.own_files import replace_files
from course_lib.grading.release import student_version
from course_lib.grading.student_code import UnreadableNotebook, code_cells, read_file
from course_lib.grading.text import guard_cell, visible

RECORD = "similarity.json"
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


def add_similarity_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("submitted", type=Path, metavar="SUBMITTED", help="the folder that course collect wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR",
                        help="where the files go: a new folder, or one that this command wrote, whose files it "
                        "replaces")  # fmt: skip
    add_exercises_option(parser)


def run_similarity(args: argparse.Namespace) -> None:
    """Write the functions, and say what to type next."""
    exercises = load_exercises(args.exercises)
    found = args.submitted.glob("*/*/*.ipynb")
    notebooks = sorted(path for path in found if path.stem == path.parent.name in exercises)
    if not notebooks:
        raise SystemExit(
            f"{args.submitted} holds no STUDENT/PIECE/PIECE.ipynb; give the folder that course collect wrote."
        )
    files = {file.path: file for file in read_collection(args.submitted)}
    texts: dict[str, str] = {}
    lines: list[str] = []
    for piece, exercise in exercises.items():
        mine = [path for path in notebooks if path.stem == piece]
        if mine:
            own, empty = exercise_files(exercise, mine, {path: files.get(_place(path)) for path in mine})
            texts |= {f"{piece}/{path}": text for path, text in own.items()}
            lines += report(piece, len(mine), empty, args.output / piece)
    clean = [f"{piece}/{name}" for piece in exercises for name in ("submissions", "template")]
    replace_files(args.output, texts, RECORD, clean)
    print("\n".join(lines))


def _place(path: Path) -> str:
    return "/".join(path.parts[-3:])


def report(piece: str, number: int, empty: Sequence[str], folder: Path) -> list[str]:
    """Return what was written for one exercise, and the commands that compare it."""
    quoted = [shlex.quote(str(folder / name)) for name in ("info.csv", "template", "submissions", "jplag-result")]
    lines = [f"{piece}: {number - len(empty)} of {number} submissions. Compare them with one of"]
    lines.append(f"  dolos run -f web -l python {quoted[0]}")
    lines.append(f"  java -jar jplag.jar -l python3 -bc {quoted[1]} -r {quoted[3]} {quoted[2]}")
    if empty:
        lines.append(f"  No code of their own: {', '.join(empty)}.")
    return lines


def exercise_files(
    exercise: Exercise, notebooks: Sequence[Path], files: dict[Path, File | None]
) -> tuple[dict[str, str], list[str]]:
    """Return template, submissions and `info.csv` of one exercise, and the students without code of their own."""
    piece = exercise.piece
    given = template_code(exercise)
    rows = [[f"template/{piece}.py", "template", "", "true"]]
    texts = {f"template/{piece}.py": "\n\n\n".join(given) + "\n"}
    empty = []
    for path in notebooks:
        student = path.parts[-3]
        code = own_code(path, given, exercise.functions)
        if not code:
            empty.append(student)
            continue
        texts[f"submissions/{student}/{piece}.py"] = code
        file = files[path]
        name = (file and (file.student_name or file.student_id)) or student
        modified = file.modified if file else ""
        rows.append([f"submissions/{student}/{piece}.py", guard_cell(visible(name)), modified, "false"])
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows([["filename", "full_name", "created_at", "ignored"], *rows])
    return texts | {"info.csv": table.getvalue()}, empty


def template_code(exercise: Exercise) -> list[str]:
    """Return the code that every student was given, cell by cell."""
    cells = code_cells(student_version(exercise).encode())
    return [text for cell in cells if (text := cell.source.strip())]


def own_code(notebook: Path, given: Iterable[str], first: Sequence[str]) -> str:
    """Return the functions and classes of a notebook that are not among those given, as one text.

    Those named in `first` lead, so that the order of cells does not matter. A cell that is no Python
    goes in as it is. A notebook that cannot be read has no code.
    """
    try:
        cells = [cell.source for cell in code_cells(read_file(notebook))]
    except UnreadableNotebook:
        return ""
    known = {ast.dump(node) for text in given for node, _ in definitions(text)}
    known_texts = {text.strip() for text in given}
    found: list[tuple[int, str]] = []  # place and text
    for source in cells:
        if _parse(source) is None and source.strip() not in known_texts:
            found.append((len(first), source.strip()))
        for node, text in definitions(source):
            if ast.dump(node) not in known:
                found.append((first.index(node.name) if node.name in first else len(first), text))
    texts = [text for _, text in sorted(found, key=lambda pair: pair[0])]
    return "\n\n\n".join(texts) + "\n" if texts else ""


def definitions(source: str) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, str]]:
    """Return the functions and classes at the top of a source, each with its text; none if it is no Python."""
    tree = _parse(source)
    lines = source.splitlines(keepends=True)
    found = []
    for node in tree.body if tree else []:
        if isinstance(node, _FUNCTION):
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found.append((node, "".join(lines[start - 1 : node.end_lineno]).rstrip()))
    return found


def _parse(source: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as a backslash that Python does not know
        try:
            return ast.parse(source)
        except _NO_PYTHON:
            return None
