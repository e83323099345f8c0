"""The points that a person gave in nbgrader's gradebook, added to those of the checks."""

import sqlite3
import warnings
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from course_lib.grading.feedback import reference
from course_lib.grading.nbgrader_course import MISSING, CourseError, scripts_on_path
from course_lib.grading.results import Result, format_points


def totals_in(course: Path, results: Iterable[Result]) -> dict[tuple[str, str], float]:
    """Return the points of each student and exercise that are complete, those given by hand among them.

    Left out is what nobody has graded yet, what formgrader marks for another look, and what is not in the
    gradebook. A person may also have changed the points of the checks there; that counts.

    Raises:
        CourseError: nbgrader is missing, there is no gradebook, or it holds another grading than this one.
    """
    try:
        from nbgrader.api import Gradebook, MissingEntry
    except ImportError:
        raise CourseError(MISSING) from None
    database = course.resolve() / "gradebook.db"
    if not database.is_file():
        raise CourseError(f"There is no {database}; run course export --nbgrader {course} first.")
    totals = {}
    address = f"sqlite:///{database}"
    with scripts_on_path(), warnings.catch_warnings(), Gradebook(address, _course_id(database)) as gradebook:
        warnings.filterwarnings("ignore", "Object of type")  # as in nbgrader_course
        for result in results:
            try:
                submission = gradebook.find_submission(result.exercise, result.student)
            except MissingEntry:
                continue
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            found = [grade.auto_score for grade in grades if grade.auto_score is not None]
            if not result.is_graded:
                continue
            if found != [result.points] or not _is_of(result, course):
                raise CourseError(
                    f"{course} has another grading of {result.student}/{result.exercise} than these results, which "
                    f"have {format_points(result.points)} points of the checks; run course export --nbgrader "
                    f"{course} again, and look at the answer."
                )
            if not submission.needs_manual_grade:
                totals[result.student, result.exercise] = submission.score
    return totals


def _is_of(result: Result, course: Path) -> bool:
    """Whether the notebook that a person saw in formgrader is of this very submission."""
    path = course / "autograded" / result.student / result.exercise / f"{result.exercise}.ipynb"
    return path.is_file() and reference(result) in path.read_text(encoding="utf-8")


def _course_id(database: Path) -> str:
    """The gradebook's course, lest nbgrader adds another one to it when it opens it."""
    with closing(sqlite3.connect(database)) as connection:
        ids = [row[0] for row in connection.execute("select id from course")]
    return ids[0] if ids else "default_course"
