"""One submission while it is graded: what `student.call` and `student.run` of a check do."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from course_lib.grading.checks import Check, GraderError, StudentError, Submission, TimeOut, Value
from course_lib.grading.exercise import Exercise
from course_lib.grading.host import Box, Child
from course_lib.grading.protocol import ProtocolError, encode
from course_lib.grading.randomness import Random
from course_lib.grading.student_code import Cell

# A submission that uses up each check's time is stopped after so many times an exercise's seconds.
OVERALL_LIMITS = 8
_MAX_LOG = 64 * 1024
_MAX_FAILURES = 20  # of cells; a child can claim any number


class Session(Submission):
    """A notebook, run in a child of the box, and in a fresh one after each child that ended.

    Args:
        cells: the notebook's code.
        prelude: imports that the exercise's own notebook makes, run first: a student may have deleted them.
        seed_of: gives a seed by what it is for: a check's draws, the notebook's own run, the student's draws.

    Attributes:
        failures: cells that failed: [kind, message, cell, line] of each.
        functions: which of the exercise's functions the notebook defines.
    """

    def __init__(
        self, box: Box, exercise: Exercise, cells: Sequence[Cell], prelude: str, parameters: dict[str, Any],
        seed_of: Callable[[str], int],
    ) -> None:  # fmt: skip
        self._box, self._exercise, self._cells, self._prelude = box, exercise, cells, prelude
        self._seed_of = seed_of
        self.parameters = dict(parameters)
        self.failures: list[list] = []
        self.functions: list[str] = []
        self.random = Random(0)
        self._child: Child | None = None
        self._logs: list[str] = []
        self._seed: int | None = None  # for the next call
        self._student_seed: int | None = None
        self._deadline = 0.0
        self._last = time.monotonic() + OVERALL_LIMITS * exercise.limits.seconds

    def start(self) -> None:
        """Run the notebook, in a new child unless one is at hand.

        Raises:
            StudentError, TimeOut: it ended its process, or did not end.
            GraderError: the box failed.
        """
        if self._child is not None:
            return
        limits = self._exercise.limits
        cpu_seconds = int(2 * OVERALL_LIMITS * limits.seconds) + 1
        with self._own_time():
            self._child = self._box.fork(limits.memory_mb * 2**20, cpu_seconds)
        deadline = min(time.monotonic() + limits.seconds, self._last)
        answer = self._ask({
            "do": "load", "seed": self._seed_of("notebook"), "functions": list(self._exercise.functions),
            "prelude": self._prelude, "cells": [[cell.number, cell.source] for cell in self._cells],
        }, deadline).get("answer")  # fmt: skip
        if not _is_report(answer):
            self._drop()
            raise StudentError("answer", "the notebook's process does not answer in the grader's format")
        self.failures = answer["failures"][:_MAX_FAILURES]
        self.functions = [name for name in self._exercise.functions if name in answer["functions"]]

    def begin(self, check: Check) -> None:
        """Make ready for a check: its draws, its time, a notebook that has run.

        Raises:
            StudentError, TimeOut, GraderError: as `start`.
        """
        if time.monotonic() >= self._last:
            raise TimeOut
        self.start()
        self.random = Random(self._seed_of(f"check {check.name}"))
        # Another one for the box: the student's code can read its own, and must not know the check's draws by it.
        self._student_seed = self._seed = self._seed_of(f"student {check.name}")
        seconds = self._exercise.limits.seconds if check.seconds is None else check.seconds
        self._deadline = min(time.monotonic() + seconds, self._last)

    def call(self, function: str, *args: Value, **kwargs: Value) -> Value:
        if function in self._exercise.functions and function not in self.functions:
            raise self.missing(function)
        message = {"do": "call", "function": function, "args": list(args), "kwargs": kwargs}
        return self._answer(function, message)

    def run(self, driver: str, *args: Value) -> Value:
        return self._answer(" or ".join(self._exercise.functions), {"do": "run", "driver": driver, "args": list(args)})

    def restart(self) -> None:
        self._drop()

    def missing(self, function: str) -> StudentError:
        """Say that the notebook does not define a function, and which cell may be the reason."""
        text = f"The notebook defines no function {function}."
        if not self.failures:
            return StudentError("missing", text)
        # Of several failed cells, one that Python could not read is the likeliest.
        kind, message, cell, line = min(self.failures, key=lambda failure: failure[0] != "SyntaxError")
        return StudentError("missing", f"{text} {place(cell, line)} stopped with {kind}: {message}", line)

    def close(self) -> str:
        """End the child and return what the notebook printed, of all its runs."""
        self._drop()
        return "\n".join(filter(None, self._logs))[:_MAX_LOG]

    def _answer(self, name: str, message: dict[str, Any]) -> Value:
        if self._child is None:  # `restart`, or an earlier call of this check has ended it, and the check goes on
            self.start()
            self._seed = self._student_seed  # the same for each, so that it does not tell how many there were
        message["seed"], self._seed = self._seed, None
        try:
            encode(message)
        except ProtocolError as error:
            raise GraderError(f"A check's argument {error}.") from error
        reply = self._ask(message, self._deadline)
        if "answer" in reply:
            return reply["answer"]
        kind, text, cell, line = reply["error"]
        if kind == "answer":
            raise StudentError(kind, f"{name} returned what the grader cannot take: {text}", line)
        where = "" if cell is None else f" in {place(cell, line)[0].lower()}{place(cell, line)[1:]}"
        raise StudentError(kind, f"{name} raised {kind}{where}: {text}", line)

    def _ask(self, message: dict[str, Value], deadline: float) -> dict[str, Any]:
        try:
            return self._child.ask(message, deadline)
        except (StudentError, TimeOut, GraderError):
            self._drop()
            raise

    def _drop(self) -> None:
        if self._child is not None:
            with self._own_time():
                log = self._child.close()
            if log not in self._logs:  # each restart prints the same
                self._logs.append(log)
            self._child = None


    @contextmanager
    def _own_time(self) -> Iterator[None]:
        """Move the student's limits on by what the grader takes itself: a box to each child may start slowly."""
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            self._deadline += took
            self._last += took


def place(cell: int, line: int | None) -> str:
    """Return where a notebook failed: "Code cell 2, line 3", or the cell alone where no line is known."""
    return f"Code cell {cell}" + (f", line {line}" if line is not None else "")


def _is_report(answer: Any) -> bool:
    """Whether what a child says about its notebook has the form that it must have."""
    return (
        type(answer) is dict and type(answer.get("functions")) is list and type(answer.get("failures")) is list
        and all(
            type(failure) is list and len(failure) == 4 and all(type(text) is str for text in failure[:2])
            and all(number is None or type(number) is int for number in failure[2:])
            for failure in answer["failures"]
        )
    )  # fmt: skip
