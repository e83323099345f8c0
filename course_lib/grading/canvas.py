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
        by_hand: `student/exercise` whose grade lacks the points that are given by hand.
        other_maximum: exercises for which Canvas has another maximum, with both.
    """

    text: str = ""
    written: int = 0
    without_grade: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    other_maximum: list[str] = field(default_factory=list)


def canvas_export(
    results: Sequence[Result], template: str, titles: dict[str, str], columns: dict[str, str], ids: dict[str, str]
) -> Export:
    """Return the file for Canvas.

    Args:
        results: what to export.
        template: content of the file that Canvas' “Export entire gradebook” gave.
        titles: title of each exercise; an assignment named by the title or by the piece is found.
        columns: heading of the assignment of an exercise, where its name is another.
        ids: id of each student as the source of the submissions wrote it, where it is not the folder's name.

    Raises:
        ValueError: the template is no gradebook of Canvas, or has no or several columns for an exercise.
    """
    delimiter = _delimiter(template)
    rows = list(csv.reader(io.StringIO(template.removeprefix("\ufeff")), delimiter=delimiter))
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    header = _header(rows)
    exercises = sorted({result.exercise for result in results})
    chosen = {exercise: _column(header, exercise, titles, columns) for exercise in exercises}
    students = _students(rows, header)
    export = Export()
    for result in results:
        _fill(result, rows, header, students, chosen[result.exercise], ids, export)
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


def _column(header: list[str], exercise: str, titles: dict[str, str], columns: dict[str, str]) -> int:
    if exercise in columns:
        wanted, found = columns[exercise], [i for i, name in enumerate(header) if name == columns[exercise]]
    else:
        wanted = titles.get(exercise, exercise)
        known = {exercise.lower(), wanted.lower()}
        found = [i for i, name in enumerate(header) if (m := _TITLE.fullmatch(name)) and m["title"].lower() in known]
    if len(found) != 1:
        there = ", ".join(repr(name) for name in header if _TITLE.fullmatch(name)) or "none"
        raise ValueError(
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


def _fill(
    result: Result, rows: list[list[str]], header: list[str], students: dict[str, int | None], column: int,
    ids: dict[str, str], export: Export,
) -> None:  # fmt: skip
    name = f"{result.student}/{result.exercise}"
    number = students.get(ids.get(result.student, result.student))
    if number is None:
        export.unmatched.append(name)
        return
    row = rows[number]
    row.extend([""] * (len(header) - len(row)))
    if not result.is_graded:
        export.without_grade.append(name)
    elif row[column].strip() in NOT_ASSIGNED:
        export.kept.append(name)
    else:
        row[column] = format_points(result.points)
        export.written += 1
        if result.manual:
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
