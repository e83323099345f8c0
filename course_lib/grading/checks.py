"""What a file of checks is written with: `exercises/checks/<piece>.py`.

A check is a function of one `Submission`. It runs outside the box, in the grader's process, and sees a
student's work only through `student.call` and `student.run`, whose answers have crossed as numbers.
An answer may be of any kind that crosses, of any shape, NaN or huge: look at it with the functions of
`answers` (all importable from here) before computing with it, so that no answer can make a check itself fail.
"""

import abc
import importlib.util
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.grading.answers import (
    CheckFailed, Value, close, equal, expect, expect_close, expect_dict, expect_integer, expect_items,
    expect_number, expect_tensor, fail, kind_of,
)  # fmt: skip
from course_lib.grading.randomness import Random

__all__ = [
    "Check", "CheckFailed", "GraderError", "StudentError", "Submission", "TimeOut", "Value", "check", "close",
    "equal", "expect", "expect_close", "expect_dict", "expect_error", "expect_integer", "expect_items",
    "expect_number", "expect_tensor", "fail", "kind_of", "load_checks",
]  # fmt: skip


class StudentError(Exception):
    """The student's code failed: it raised, it is missing, it ended its process, or its answer cannot cross.

    Args:
        kind: name of the exception class that the student's code raised, or what else happened in two words.
        message: what happened and where, for the student.
        line: line within the cell that is named in the message.
    """

    def __init__(self, kind: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.line = kind, message, line


class TimeOut(Exception):
    """The student's code was stopped at its time limit."""


class GraderError(Exception):
    """The grader, not the student, failed: there is no score, and the submission is graded again."""


class Submission(abc.ABC):
    """One student's notebook, as a check sees it.

    Attributes:
        random: draws that are new for every grading run, and the same when a grade is reproduced.
        parameters: what a private seed has drawn for this exercise, by name.
    """

    random: Random
    parameters: dict[str, Any]

    @abc.abstractmethod
    def call(self, function: str, *args: Value, **kwargs: Value) -> Value:
        """Call the student's function of this name and return its answer.

        Raises:
            StudentError: it is missing, it raised, or its answer cannot cross.
            TimeOut: the check's time is up.
        """

    @abc.abstractmethod
    def run(self, driver: str, *args: Value) -> Value:
        """Return what `drive(student, *args)` returns, defined by the source text `driver`.

        It runs in the box, where `student` has the notebook's names as attributes. A driver holds
        neither expected values nor a solution, and what it returns is as untrusted as any answer.

        Raises:
            StudentError, TimeOut: as `call`.
        """

    @abc.abstractmethod
    def restart(self) -> None:
        """Let the next call meet a new process that runs the notebook from the top, and knows nothing of earlier calls.

        For a check that asks several questions whose answers could be guessed from all of them together.
        """


@dataclass(frozen=True)
class Check:
    """One check: its name, what it is worth, its own time limit in seconds (None: the exercise's)."""

    name: str
    points: float
    seconds: float | None
    function: Callable[[Submission], None]


_registered: list[Check] = []


def check(
    name: str, points: float, seconds: float | None = None
) -> Callable[[Callable[[Submission], None]], Callable[[Submission], None]]:
    """Register the decorated function as the next check of its file.

    Raises:
        ValueError: the name is empty or longer than 100 characters, or points or seconds are not positive.
    """
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise ValueError(f"A check is named {name!r}; a name is one line of 1 to 100 characters.")
    for what, number in (("points", points), ("seconds", seconds)):
        if number is not None and not (number > 0 and math.isfinite(number)):
            raise ValueError(f"Check {name!r} has {what} = {number}; give a positive number.")

    def register(function: Callable[[Submission], None]) -> Callable[[Submission], None]:
        _registered.append(Check(name, points, seconds, function))
        return function

    return register


def load_checks(path: Path) -> list[Check]:
    """Run a file of checks and return them in its order.

    Raises:
        ValueError: it holds no check, or two of one name.
    """
    _registered.clear()
    spec = importlib.util.spec_from_file_location(f"course_checks_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the folder may be read-only
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
        found = _registered.copy()
        _registered.clear()
    names = [each.name for each in found]
    if not names:
        raise ValueError(f"{path} registers no check; decorate a function with @check(name, points).")
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{path} has two checks named {doubled!r}; a name is a column of the results.")
    return found


def expect_error(student: Submission, kinds: str | Sequence[str], function: str, *args: Value, message: str) -> None:
    """End the check with `message` unless the student's function raises an exception of (one of) this name."""
    try:
        student.call(function, *args)
    except StudentError as error:
        if error.kind in ((kinds,) if isinstance(kinds, str) else kinds):
            return
        raise
    fail(message)
