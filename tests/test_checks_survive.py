"""No answer makes a hidden check itself fail: whatever has crossed, it passes or ends with a message.

The answers are the source's own, with one part replaced by something absurd. The source is our code, so
it runs here; what matters is what the checks do with the answers.
"""

import copy
import itertools
import math
import types
from collections.abc import Callable

import nbformat
import pytest
import torch

from course_lib.grading.checks import Check, CheckFailed, StudentError, Submission, load_checks
from course_lib.grading.exercise import Exercise, load_exercises
from course_lib.grading.randomness import Random
from tools import project

EXERCISES = load_exercises(project.EXERCISES)
ABSURD = [
    None, True, 0, -1, 2**62, -(2**62), math.nan, math.inf, -math.inf, 1e308, "", "a text", [], (), {}, {"a": None},
    [[]], [None, None], [math.nan, math.nan], {"length": "5", "action": 7}, {"train": 1, "val": 2, "test": 3},
    {"loss": None, "norm": []}, {"x": 1, "y": 2, "weight": 3, "lrs": 4, "max_norm": 5},
    torch.tensor(math.nan), torch.tensor(2**62), torch.tensor(True), torch.zeros(0), torch.zeros(0, dtype=torch.int64),
    torch.zeros(2, 0, 3), torch.full((3, 4), math.inf), torch.zeros(1, 1, 1, 1, 1), torch.ones(3, 4, dtype=torch.bool),
    torch.full((4, 3), 2**62), torch.arange(5, dtype=torch.int32), torch.zeros(2, 3, dtype=torch.float64),
    [torch.zeros(0), "b"], [[torch.tensor(1.0)]], {"embedding": torch.zeros(0), "head": 3},
]  # fmt: skip


class Recorded(Submission):
    """The source's own answers, kept in their order."""

    def __init__(self, exercise: Exercise, names: dict) -> None:
        self.random, self.parameters = Random(7), exercise.draw_parameters(None)
        self.answers: list[object] = []
        self._names = names

    def call(self, function: str, *args: object, **kwargs: object) -> object:
        given = copy.deepcopy(args)
        return self._keep(lambda: self._names[function](*given, **kwargs))

    def run(self, driver: str, *args: object) -> object:
        defined: dict = {}
        exec(driver, defined)
        given = copy.deepcopy(args)  # nothing that the box does to them comes back
        return self._keep(lambda: defined["drive"](types.SimpleNamespace(**self._names), *given))

    def restart(self) -> None:
        """Nothing is kept between calls anyway."""

    def _keep(self, run: Callable[[], object]) -> object:
        try:
            self.answers.append(run())
        except Exception as error:
            self.answers.append(StudentError(type(error).__name__, str(error)))
            raise self.answers[-1] from error
        return self.answers[-1]


class Tampered(Submission):
    """The recorded answers again, with the part of number `place` (counted through all) replaced."""

    def __init__(self, exercise: Exercise, answers: list[object], place: int, value: object) -> None:
        self.random, self.parameters = Random(7), exercise.draw_parameters(None)
        self._answers = itertools.cycle(answers)
        self._place, self._value = place, value
        self.met = 0

    def call(self, function: str, *args: object, **kwargs: object) -> object:
        answer = next(self._answers)
        if isinstance(answer, StudentError):
            raise answer
        return self._tamper(answer)

    def run(self, driver: str, *args: object) -> object:
        return self.call(driver, *args)

    def restart(self) -> None:
        """As Recorded."""

    def _tamper(self, value: object) -> object:
        self.met += 1
        if self.met - 1 == self._place:
            return self._value
        if type(value) in (list, tuple):
            return [self._tamper(each) for each in value]
        if type(value) is dict:
            return {key: self._tamper(each) for key, each in value.items()}
        return value


def names_of(exercise: Exercise) -> dict:
    names: dict = {"__name__": "__main__"}
    for cell in nbformat.read(exercise.notebook, as_version=4).cells:
        if cell.cell_type == "code" and "install" not in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names


def every_check() -> list[tuple[Exercise, Check]]:
    return [(exercise, check) for exercise in EXERCISES.values() for check in load_checks(exercise.checks)]


@pytest.fixture(scope="module")
def names() -> dict[str, dict]:
    return {piece: names_of(exercise) for piece, exercise in EXERCISES.items()}


def name_of(value: Exercise | Check) -> str:
    return value.piece if isinstance(value, Exercise) else value.name


@pytest.mark.parametrize(("exercise", "check"), every_check(), ids=name_of)
def test_a_check_survives_every_answer(exercise: Exercise, check: Check, names: dict) -> None:
    recorded = Recorded(exercise, names[exercise.piece])
    check.function(recorded)
    untouched = Tampered(exercise, recorded.answers, -1, None)
    check.function(untouched)
    refused = 0
    middle, last = untouched.met // 2, untouched.met - 1
    for place in sorted({0, 1, 2, 3, 4, middle, last} & set(range(untouched.met))):
        for value in ABSURD if place < 3 else ABSURD[place % 3 :: 3]:
            try:
                check.function(Tampered(exercise, recorded.answers, place, value))
            except (CheckFailed, StudentError):
                refused += 1
    assert refused > 10
