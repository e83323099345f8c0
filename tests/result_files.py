"""Result files as `course grade` writes them, for tests of what reads them."""

import json
from pathlib import Path
from typing import Any


def check(
    name: str, points: float, max_points: float, status: str = "", message: str = "", line: int | None = None
) -> dict:
    status = status or ("passed" if points == max_points else "failed")
    values = {"name": name, "points": points, "max_points": max_points}
    return values | {"status": status, "message": message, "line": line}


def result(student: str = "ada", exercise: str = "clipping", **changes: Any) -> dict[str, Any]:
    """One result: 3 of 4 points, and a question for a person."""
    checks = [check("adds", 3, 3), check("keeps order", 0, 1, message="The order changed.")]
    values = {
        "schema": 1, "student": student, "exercise": exercise, "submission_sha256": "ab" * 32, "seed": "c0ffee",
        "status": "graded", "points": 3.0, "max_points": 4.0, "late": None, "checks": checks,
        "manual": [{"id": f"why-{exercise}", "max_points": 2, "answer": "Because."}], "notes": [], "log": "",
    }  # fmt: skip
    return values | changes


def grader_error(student: str = "eve", exercise: str = "clipping") -> dict[str, Any]:
    return result(
        student, exercise, status="grader_error", points=None, checks=[], manual=[], notes=["The box failed."]
    )


def write_results(folder: Path, *results: dict[str, Any]) -> Path:
    for values in results:
        path = folder / values["student"] / f"{values['exercise']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    return folder
