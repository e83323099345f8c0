"""`course export`: grades for Canvas, Gradescope or nbgrader. Without a grade there is no zero, but a line."""

import argparse
import json
from pathlib import Path

from course_lib.files import atomic_path
from course_lib.grading.by_hand import totals_in
from course_lib.grading.canvas import Export, canvas_export
from course_lib.grading.collection import read_collection
from course_lib.grading.exercise import add_exercises_option, load_exercises
from course_lib.grading.gradescope import gradescope_results
from course_lib.grading.nbgrader_course import export_to_course
from course_lib.grading.results import Result, read_results
from course_lib.grading.text import one_line


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="RESULTS", help="the folder that course grade wrote")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument(
        "--canvas", type=Path, metavar="TEMPLATE.csv",
        help="write a file for Canvas' “Import grades”, from the one that “Export entire gradebook” gave; needs -o",
    )  # fmt: skip
    to.add_argument("--gradescope", type=Path, metavar="DIR", help="write DIR/STUDENT/PIECE/results.json")
    to.add_argument(
        "--nbgrader", type=Path, metavar="COURSE_DIR",
        help="fill COURSE_DIR/gradebook.db and COURSE_DIR/autograded, for formgrader",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.csv", help="the file for Canvas")
    parser.add_argument(
        "--column", action="append", default=[], metavar="PIECE=HEADING",
        help="the assignment of an exercise in Canvas, where it is not named by title or piece; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--by-hand", type=Path, metavar="COURSE_DIR",
        help="with --canvas: add the points that a person gave in COURSE_DIR/gradebook.db, which --nbgrader filled",
    )  # fmt: skip
    parser.add_argument(
        "--submitted", type=Path, metavar="SUBMITTED",
        help="the folder that was graded (for --nbgrader; default COURSE_DIR/submitted); its collection.json also "
        "tells Canvas the ids that could not name a folder",
    )  # fmt: skip
    add_exercises_option(parser)


def run_export(args: argparse.Namespace) -> None:
    """Export, and end with status 1 if anything was left out."""
    if (args.canvas is not None) != (args.output is not None):
        raise SystemExit("-o FILE.csv goes with --canvas, and --canvas with it.")
    if args.column and args.canvas is None:
        raise SystemExit("--column goes with --canvas.")
    if args.by_hand is not None and args.canvas is None:
        raise SystemExit("--by-hand goes with --canvas.")
    results = read_results(args.results)
    if args.canvas is not None:
        complete = _to_canvas(results, args)
    elif args.gradescope is not None:
        complete = _to_gradescope(results, args.gradescope)
    else:
        complete = _to_nbgrader(results, args)
    if not complete:
        raise SystemExit(1)


def _to_canvas(results: list[Result], args: argparse.Namespace) -> bool:
    columns = dict(_column(text) for text in args.column)
    unknown = sorted(set(columns) - {result.exercise for result in results})
    if unknown:
        raise ValueError(f"--column names {unknown[0]!r}, of which there is no result.")
    titles = {piece: exercise.title for piece, exercise in load_exercises(args.exercises).items()}
    files = read_collection(args.submitted) if args.submitted else []
    ids = {file.student: file.student_id for file in files if file.student and file.student_id}
    totals = totals_in(args.by_hand, results) if args.by_hand else None
    if args.output.exists() and args.output.samefile(args.canvas):
        raise ValueError(f"-o would replace {args.canvas}, which has columns that the new file leaves out. "
                         "Name another.")  # fmt: skip
    try:
        template = args.canvas.read_bytes().decode()
    except UnicodeDecodeError as error:
        reason = f"{args.canvas} is not UTF-8 ({error.reason})"
        raise ValueError(f"{reason}. Give the file as Canvas exported it.") from error
    export = canvas_export(results, template, titles, columns, ids, totals)
    with atomic_path(args.output) as temporary:
        temporary.write_bytes(export.text.encode())
    print(f"{export.written} grades in {args.output}.")
    return _say_what_is_odd(export)


def _column(text: str) -> tuple[str, str]:
    piece, equals, heading = text.partition("=")
    if not (piece and equals and heading):
        raise ValueError(f"--column is {text!r}; write PIECE=HEADING.")
    return piece, heading


def _say_what_is_odd(export: Export) -> bool:
    _list("No column in the template; no grade of these is in the file", export.without_column)
    _list("No such student in the template; these grades are not in the file", export.unmatched)
    _list("No grade, as the grader failed; Canvas' cell stays as it was", export.without_grade)
    _list("Canvas says N/A or EX; the cell stays as it was", export.kept)
    _list("Without the points that are given by hand", export.by_hand)
    _list("Canvas has another maximum", export.other_maximum)
    return not (export.without_column or export.unmatched or export.without_grade)


def _to_gradescope(results: list[Result], folder: Path) -> bool:
    graded = [result for result in results if result.is_graded]
    for result in graded:
        path = folder / result.student / result.exercise / "results.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(gradescope_results(result), indent=1), encoding="utf-8")
    print(f"{len(graded)} files results.json in {folder}.")
    return _say_what_has_no_grade([result for result in results if not result.is_graded])


def _to_nbgrader(results: list[Result], args: argparse.Namespace) -> bool:
    submitted = args.submitted or args.nbgrader / "submitted"
    without_grade = export_to_course(results, load_exercises(args.exercises), submitted, args.nbgrader)
    print(f"{len(results) - len(without_grade)} grades in {args.nbgrader / 'gradebook.db'}.")
    return _say_what_has_no_grade(without_grade)


def _say_what_has_no_grade(results: list[Result]) -> bool:
    _list("No grade, as the grader failed; left out", [f"{result.student}/{result.exercise}" for result in results])
    return not results


def _list(heading: str, lines: list[str]) -> None:
    if lines:
        print(f"{heading} ({len(lines)}):")
        for line in lines:
            print(f"  {one_line(line)}")
