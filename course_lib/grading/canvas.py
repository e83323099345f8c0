"""The gradebook file that Canvas imports, made from the one that it exports.

Canvas finds a student by the column ID, then by SIS ids and names, and an assignment by its heading,
`Title (1234)`. An empty cell takes an existing grade away, so a student without a new grade keeps the
cell as Canvas exported it (canvas-lms, `lib/gradebook_importer.rb`).
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from course_lib.grading.results import Result, format_points

# The columns that Canvas itself needs, in its order; Section has to be the last of them.
OWN_COLUMNS = (
    "Student", "LastName", "FirstName", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account",
    "Section",
)  # fmt: skip
ID_COLUMNS = ("ID", "SIS Login ID", "SIS User ID", "Integration ID")
NOT_ASSIGNED = {"N/A", "EX"}
Totals = dict[tuple[str, str], float]  # by student and exercise
_TITLE = re.compile(r"(?P<title>.*?)\s*\(\d+\)\s*", re.DOTALL)


@dataclass
class Export:
    """The file for Canvas, and what a person has to know about it.

    Args:
        text: the file's content.
        written: how many grades were put in.
        without_grade: `student/exercise` where the grader failed; the cell stays as it was.
        unmatched: `student/exercise` whose student the gradebook does not have.
        kept: `student/exercise` where Canvas says N/A or EX; the cell stays.
        by_hand: `student/exercise` whose grade lacks the points that are given by hand, or may lack them.
        other_maximum: exercises for which Canvas has another maximum, with both.
        without_column: exercises of which nothing is in the file, each with the reason and the remedy.
    """

    text: str = ""
    written: int = 0
    without_grade: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    other_maximum: list[str] = field(default_factory=list)
    without_column: list[str] = field(default_factory=list)


class NoColumnError(ValueError):
    """The template has no column for an exercise, or several; the message says how to name one."""


def canvas_export(
    results: Sequence[Result], template: str, titles: dict[str, str], columns: dict[str, str], ids: dict[str, str],
    totals: Totals | None = None,
) -> Export:  # fmt: skip
    """Return the file for Canvas.

    Args:
        results: what to export.
        template: content of the file that Canvas' “Export entire gradebook” gave.
        titles: title of each exercise; an assignment named by the title or by the piece is found.
        columns: heading of the assignment of an exercise, where its name is another.
        ids: id of each student as the source of the submissions wrote it, where it is not the folder's name.
        totals: points of each student and exercise with those given by hand, where a gradebook has them;
            None without a gradebook.

    Raises:
        ValueError: the template is no gradebook of Canvas, has no column of a heading in `columns`, or none
            for any exercise, or one for two.
    """
    delimiter = _delimiter(template)
    rows = list(csv.reader(io.StringIO(template.removeprefix("\ufeff")), delimiter=delimiter))
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    header = _header(rows)
    export = Export()
    chosen = _chosen_columns(header, sorted({result.exercise for result in results}), titles, columns, export)
    students = _students(rows, header)
    results = [result for result in results if result.exercise in chosen]
    for result in results:
        number = students.get(ids.get(result.student, result.student))
        _fill(result, totals, None if number is None else rows[number], chosen[result.exercise], export)
    _compare_maxima(results, rows, chosen, export)
    own = [header.index(name) for name in OWN_COLUMNS if name in header]
    table = io.StringIO(newline="")
    writer = csv.writer(table, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([_cell(row, index) for index in (*own, *chosen.values())] for row in rows)
    export.text = ("\ufeff" if template.startswith("\ufeff") else "") + table.getvalue()
    return export


def _delimiter(template: str) -> str:
    first = template.split("\n", 1)[0]
    return ";" if first.count(";") > first.count(",") else ","


def _header(rows: list[list[str]]) -> list[str]:
    header = rows[0] if rows else []
    if not ({"Student", "LastName"} & set(header) and {"ID", "Section"} <= set(header)):
        raise ValueError(
            "The template has no columns Student, ID and Section in its first line. In Canvas choose "
            "Grades, Export, Export Entire Gradebook, and give that file."
        )
    return header


def _chosen_columns(
    header: list[str], exercises: list[str], titles: dict[str, str], columns: dict[str, str], export: Export
) -> dict[str, int]:
    """The column of each exercise that has one; the others are listed, so that one does not stop them all."""
    chosen: dict[str, int] = {}
    for exercise in exercises:
        try:
            column = _column(header, exercise, titles, columns)
        except NoColumnError as error:
            if exercise in columns:
                raise
            export.without_column.append(str(error))
            continue
        if other := next((piece for piece in chosen if chosen[piece] == column), None):
            raise ValueError(f"{other} and {exercise} have the same assignment, {header[column]!r}; give each its own.")
        chosen[exercise] = column
    if not chosen:
        raise NoColumnError(" ".join(export.without_column))
    return chosen


def _column(header: list[str], exercise: str, titles: dict[str, str], columns: dict[str, str]) -> int:
    assignments = {i: found["title"] for i, name in enumerate(header) if (found := _TITLE.fullmatch(name))}
    if exercise in columns:
        wanted = columns[exercise]
        found = [i for i in assignments if header[i] == wanted]
    else:
        wanted = titles.get(exercise, exercise)
        known = {exercise.lower(), wanted.lower()}
        found = [i for i, title in assignments.items() if title.lower() in known]
    if len(found) != 1:
        there = ", ".join(repr(header[i]) for i in assignments) or "none"
        raise NoColumnError(
            f"The template has {len(found)} assignments named {wanted!r} for {exercise}. "
            f"Name one with --column '{exercise}=HEADING'; its assignments are: {there}."
        )
    return found[0]


def _students(rows: list[list[str]], header: list[str]) -> dict[str, int | None]:
    """The row of each id; None for an id that two rows claim. The number of Canvas comes before the others."""
    found: dict[str, int | None] = {}
    for name in (name for name in ID_COLUMNS if name in header):
        mine: dict[str, int | None] = {}
        for number, row in enumerate(rows[1:], start=1):
            if _is_student(row) and (value := _cell(row, header.index(name)).strip()):
                mine[value] = None if value in mine else number
        found = mine | found
    return found


def _is_student(row: list[str]) -> bool:
    return "Points Possible" not in row[0] and not all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", c) for c in row)


def _fill(result: Result, totals: Totals | None, row: list[str] | None, column: int, export: Export) -> None:
    name = f"{result.student}/{result.exercise}"
    if row is None:
        export.unmatched.append(name)
        return
    row.extend([""] * (column + 1 - len(row)))
    if not result.is_graded:
        export.without_grade.append(name)
    elif row[column].strip() in NOT_ASSIGNED:
        export.kept.append(name)
    else:
        total = (totals or {}).get((result.student, result.exercise))
        row[column] = format_points(result.points if total is None else total)
        export.written += 1
        if total is None and (result.manual or totals is not None):
            export.by_hand.append(name)


def _compare_maxima(
    results: Sequence[Result], rows: list[list[str]], chosen: dict[str, int], export: Export
) -> None:
    possible = next((row for row in rows if "Points Possible" in row[0]), [])
    for exercise, column in chosen.items():
        mine = [result for result in results if result.exercise == exercise]
        ours = {result.max_points + sum(question.max_points for question in result.manual) for result in mine}
        theirs = _cell(possible, column).strip().replace(",", ".")
        if theirs and {format_points(points) for points in ours} != {_number(theirs)}:
            numbers = " or ".join(sorted(format_points(points) for points in ours))
            export.other_maximum.append(f"{exercise}: {theirs} in Canvas, {numbers} here")


def _number(text: str) -> str:
    try:
        return format_points(float(text))
    except ValueError:
        return text


def _cell(row: list[str], index: int) -> str:
    return row[index] if index < len(row) else ""
