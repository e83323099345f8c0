"""Gradescope's `results.json`, in the form that it documents.

See https://gradescope-autograders.readthedocs.io/en/latest/specs/.
"""

from typing import Any

from course_lib.grading.feedback import head_sentences, outcome_of, reference
from course_lib.grading.results import CheckResult, Result
from course_lib.grading.text import visible


def gradescope_results(result: Result) -> dict[str, Any]:
    """Return what `run_autograder` has to leave in `/autograder/results/results.json` for one submission.

    All text is plain (`output_format: text`), so nothing that a student wrote is rendered. The students
    see the checks; what their notebook printed stays with the teachers.

    Raises:
        ValueError: there is no grade; Gradescope would show one.
    """
    if not result.is_graded:
        raise ValueError(f"{result.student}/{result.exercise} has no grade: the grader failed. Grade it again.")
    sentences = [*head_sentences(result), *(f"Note: {note}" for note in result.notes)]
    sentences.append(f"If you disagree, quote this: {reference(result)}.")
    return {
        "score": result.points,
        "output": visible("\n".join(sentences)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(number, check) for number, check in enumerate(result.checks, start=1)],
        "extra_data": {
            "exercise": result.exercise,
            "max_points": result.max_points,
            "late": result.late,
            "submission_sha256": result.submission_sha256,
            "seed": result.seed,
            "open_by_hand": {question.id: question.max_points for question in result.manual},
        },
    }


def _test(number: int, check: CheckResult) -> dict[str, Any]:
    return {
        "number": str(number),
        "name": visible(check.name),
        "score": check.points,
        "max_score": check.max_points,
        "status": "passed" if check.status == "passed" else "failed",
        "output": visible("\n".join(text for text in (outcome_of(check), check.message) if text)),
        "visibility": "visible",
    }
