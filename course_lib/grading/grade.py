"""Grading one submission: run every check on it and write down what each found."""

import hashlib
from pathlib import Path
from typing import Any

import torch

from course_lib.grading.checks import Check, CheckFailed, GraderError, StudentError, TimeOut
from course_lib.grading.copies import without_copies
from course_lib.grading.host import Box
from course_lib.grading.randomness import derive_seed
from course_lib.grading.session import Session, place
from course_lib.grading.student_code import UnreadableNotebook, code_cells, read_file
from course_lib.grading.task import SCHEMA, Task, manual_answers

_MAX_MESSAGE = 2_000


def grade_file(
    path: Path, student: str, task: Task, box: Box, secret: bytes, late: bool | None = None
) -> dict[str, Any]:
    """Grade one notebook and return its result, as it stands in the result's file.

    A failure of the grader's own is raised, never a result: nobody gets a zero for it.

    Raises:
        GraderError: the box failed, or a check itself did.
    """
    result = blank_result(student, task, secret, late)
    try:
        data = read_file(path)
        result["submission_sha256"] = hashlib.sha256(data).hexdigest()
        cells = without_copies(code_cells(data), task.stubs)
    except UnreadableNotebook as error:
        return _unread(result, task, str(error))
    result["manual"] = manual_answers(data, task)

    def seed_of(purpose: str) -> int:
        return derive_seed(secret, result["submission_sha256"], task.exercise.piece, purpose)

    session = Session(box, task.exercise, cells, task.prelude, task.parameters, seed_of)
    try:
        with torch.random.fork_rng(devices=[]):  # what a check may draw from the global generator
            _run_checks(session, task, result)
    finally:
        result["log"] = session.close()
    result["points"] = sum(check["points"] for check in result["checks"])
    return result


def blank_result(student: str, task: Task, secret: bytes, late: bool | None) -> dict[str, Any]:
    """Return a result before anything is known."""
    return {
        "schema": SCHEMA, "student": student, "exercise": task.exercise.piece, "submission_sha256": "",
        "seed": secret_id(secret), "status": "graded", "points": 0.0, "max_points": task.max_points, "late": late,
        "checks": [], "manual": [], "notes": [], "log": "", "basis": task.basis, "attempts": 1,
    }  # fmt: skip


def secret_id(secret: bytes) -> str:
    """Return a name for a secret that does not give it away."""
    return hashlib.sha256(b"id|" + secret).hexdigest()[:16]


def _unread(result: dict[str, Any], task: Task, reason: str) -> dict[str, Any]:
    result["status"] = "student_error"
    result["notes"].append(f"The notebook could not be read. {reason}")
    result["checks"] = [_finding(check, "not_run", reason) for check in task.checks]
    return result


def _run_checks(session: Session, task: Task, result: dict[str, Any]) -> None:
    """Fill in `checks`, `status` and `notes`."""
    try:
        session.start()
    except (StudentError, TimeOut) as error:
        finding = _outcome(error, "running the notebook", task.exercise.limits.seconds)
        result["status"] = finding[0]
        result["notes"].append(f"No check was run. {finding[1]}")
        result["checks"] = [_finding(check, *finding) for check in task.checks]
        return
    for kind, message, cell, line in session.failures:
        result["notes"].append(f"{place(cell, line)} stopped with {kind}: {message}"[:_MAX_MESSAGE])
    if not session.functions:
        missing = session.missing(task.exercise.functions[0])
        result["status"] = "student_error"
        result["checks"] = [_finding(check, "student_error", missing.message, missing.line) for check in task.checks]
        return
    for check in task.checks:
        result["checks"].append(_run_check(check, session, task))
    stopped = [check["name"] for check in result["checks"] if check["status"] == "time_out"]
    if stopped:
        result["status"] = "time_out"
        result["notes"].append(f"Stopped at the time limit: {', '.join(stopped)}.")


def _run_check(check: Check, session: Session, task: Task) -> dict[str, Any]:
    seconds = task.exercise.limits.seconds if check.seconds is None else check.seconds
    try:
        session.begin(check)
        check.function(session)
    except CheckFailed as error:
        return _finding(check, "failed", str(error))
    except (StudentError, TimeOut) as error:
        return _finding(check, *_outcome(error, "this check", seconds))
    except GraderError:
        raise
    except Exception as error:
        raise GraderError(f"Check {check.name!r} failed itself: {type(error).__name__}: {error}") from error
    return _finding(check, "passed", "")


def _outcome(error: StudentError | TimeOut, what: str, seconds: float) -> tuple[str, str, int | None]:
    if isinstance(error, TimeOut):
        return "time_out", f"Stopped at the time limit: {what} may take {seconds:g} seconds.", None
    return "student_error", error.message[:1].upper() + error.message[1:], error.line


def _finding(check: Check, status: str, message: str, line: int | None = None) -> dict[str, Any]:
    return {
        "name": check.name, "points": check.points if status == "passed" else 0.0, "max_points": check.points,
        "status": status, "message": message[:_MAX_MESSAGE], "line": line,
    }  # fmt: skip
