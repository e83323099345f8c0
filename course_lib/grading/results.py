"""The results of a grading run: one JSON file a submission, read with care, and `results.csv`."""

import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.files import atomic_path
from course_lib.grading.text import guard_cell, visible

SCHEMA = 1
CSV_NAME = "results.csv"
STATUSES = ("graded", "student_error", "time_out", "grader_error")
CHECK_STATUSES = ("passed", "failed", "student_error", "time_out", "not_run")
STATUS_WORDS = {"student_error": "error in the student's code", "time_out": "time-out", "not_run": "not run"}


class ResultError(ValueError):
    """A result file cannot be used; the message names the file, what is wrong and the remedy."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found; `line` counts within the cell that the message names."""

    name: str
    points: float
    max_points: float
    status: str
    message: str
    line: int | None


@dataclass(frozen=True)
class ManualAnswer:
    """A question that a person grades, and what the student wrote."""

    id: str
    max_points: float
    answer: str


@dataclass(frozen=True)
class Result:
    """What grading one submission found. `points` is None where the grader itself failed.

    `points` and `max_points` are those of the checks; points given by hand are not among them.
    """

    student: str
    exercise: str
    submission_sha256: str
    seed: str
    status: str
    points: float | None
    max_points: float
    late: bool | None
    checks: tuple[CheckResult, ...]
    manual: tuple[ManualAnswer, ...]
    notes: tuple[str, ...]
    log: str

    @property
    def is_graded(self) -> bool:
        """Whether there is a grade: also where the student's code failed, never where the grader did."""
        return self.points is not None


def result_paths(folder: Path) -> list[Path]:
    """Return where the results below `folder` lie, in order; a name with a dot is of a file that is being written."""
    return sorted(path for path in folder.glob("*/*.json") if not path.name.startswith("."))


def read_results(folder: Path) -> list[Result]:
    """Return every result below `folder`, ordered by student and exercise.

    Raises:
        ResultError: there is none, or a file is not a result, or lies where another's belongs.
    """
    folder = Path(folder)
    paths = result_paths(folder)
    if not paths:
        raise ResultError(f"{folder} holds no STUDENT/EXERCISE.json; give the folder that course grade wrote.")
    return sorted((read_result(path) for path in paths), key=lambda result: (result.student, result.exercise))


def read_result(path: Path) -> Result:
    """Return the result in one file.

    Raises:
        ResultError: it is not one; the message says why and to grade the submission again.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        result = _result(values)
        if (result.student, result.exercise) != (path.parent.name, path.stem):
            raise ValueError(f"it is about {result.student}/{result.exercise}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ResultError(
            f"{path} is not a result of course grade: {reason}. Remove it and grade the submission again."
        ) from None
    return result


def _result(values: Any) -> Result:
    _check_type(values, dict, "the file")
    if values.get("schema") != SCHEMA:
        raise ValueError(f"schema is {values.get('schema')!r}, this version reads {SCHEMA}")
    status = _one_of(values["status"], STATUSES, "status")
    points = None if values["points"] is None else _points(values["points"], "points")
    if (points is None) != (status == "grader_error"):
        raise ValueError(f"points is {points} with status {status!r}; only grader_error has none")
    return Result(
        student=_check_type(values["student"], str, "student"),
        exercise=_check_type(values["exercise"], str, "exercise"),
        submission_sha256=_check_type(values["submission_sha256"], str, "submission_sha256"),
        seed=_check_type(values["seed"], str, "seed"),
        status=status,
        points=points,
        max_points=_points(values["max_points"], "max_points"),
        late=values["late"] if values["late"] is None else _check_type(values["late"], bool, "late"),
        checks=tuple(_check_result(each) for each in _check_type(values["checks"], list, "checks")),
        manual=tuple(_manual_answer(each) for each in _check_type(values["manual"], list, "manual")),
        notes=tuple(_check_type(each, str, "a note") for each in _check_type(values["notes"], list, "notes")),
        log=_check_type(values["log"], str, "log"),
    )


def _check_result(values: Any) -> CheckResult:
    _check_type(values, dict, "a check")
    line = values["line"]
    if line is not None and type(line) is not int:
        raise ValueError(f"line is {line!r}; it must be a whole number or null")
    return CheckResult(
        name=_check_type(values["name"], str, "a check's name"),
        points=_points(values["points"], "a check's points"),
        max_points=_points(values["max_points"], "a check's max_points"),
        status=_one_of(values["status"], CHECK_STATUSES, "a check's status"),
        message=_check_type(values["message"], str, "a check's message"),
        line=line,
    )


def _manual_answer(values: Any) -> ManualAnswer:
    _check_type(values, dict, "a manual question")
    return ManualAnswer(
        id=_check_type(values["id"], str, "a manual question's id"),
        max_points=_points(values["max_points"], "a manual question's max_points"),
        answer=_check_type(values["answer"], str, "a manual answer"),
    )


def _check_type(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{what} is {type(value).__name__}; it must be {kind.__name__}")
    return value


def _points(value: Any, what: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{what} is {value!r}; it must be a number from 0")
    return value


def _one_of(value: Any, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise ValueError(f"{what} is {value!r}; it must be one of {', '.join(known)}")
    return value


def format_points(points: float) -> str:
    """Return points as people write them: 2, 2.5, 0.333333."""
    return format(points, ".6g")


def check_columns(results: list[Result]) -> dict[str, list[str]]:
    """Return the names of each exercise's checks, exercises by name, checks in the order of their file.

    A submission whose code never ran may list fewer: the fullest list leads.
    """
    columns: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda each: (each.exercise, -len(each.checks), each.student)):
        names = columns.setdefault(result.exercise, [])
        names.extend(check.name for check in result.checks if check.name not in names)
    return columns


def write_csv(folder: Path) -> Path:
    """Write `results.csv` into a folder of results, one row a student and exercise; return its path.

    The columns are student, exercise, status, late, points, max, one a check (`EXERCISE: CHECK`, its
    points, empty where the check was not part of the grading), the points open for grading by hand,
    and notes. Without a grade, points are empty, never zero. The same results give the same bytes.
    UTF-8 without a byte order mark; no cell can be a formula (`guard_cell`).

    Raises:
        ResultError: as `read_results`.
    """
    results = read_results(folder)
    columns = [(exercise, name) for exercise, names in check_columns(results).items() for name in names]
    head = ["student", "exercise", "status", "late", "points", "max"]
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    names = [f"{exercise}: {name}" for exercise, name in columns]
    writer.writerow([guard_cell(text) for text in [*head, *names, "open by hand", "notes"]])
    writer.writerows(_row(result, columns) for result in results)
    with atomic_path(folder / CSV_NAME) as temporary:
        temporary.write_bytes(table.getvalue().encode("utf-8", "backslashreplace"))
    return folder / CSV_NAME


def _row(result: Result, columns: list[tuple[str, str]]) -> list[str]:
    points = {(result.exercise, check.name): format_points(check.points) for check in result.checks}
    by_hand = sum(question.max_points for question in result.manual)
    return [
        guard_cell(visible(result.student)),
        guard_cell(result.exercise),
        result.status,
        {True: "yes", False: "no", None: ""}[result.late],
        format_points(result.points) if result.is_graded else "",
        format_points(result.max_points),
        *(points.get(column, "") if result.is_graded else "" for column in columns),
        format_points(by_hand) if by_hand else "",
        guard_cell(visible(" | ".join([*result.notes, *_unfinished(result)]))),
    ]


def _unfinished(result: Result) -> list[str]:
    """One note for each check that ended in another way than by its own judgement."""
    return [
        f"{check.name}: {STATUS_WORDS[check.status]}" + (f", line {check.line}" if check.line is not None else "")
        for check in result.checks if check.status in STATUS_WORDS
    ]  # fmt: skip
