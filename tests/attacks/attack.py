"""What an attack is, and the small exercises that the attacks are on."""

import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FULL = 4.0
HONEST = """
import torch
def total(numbers):
    return torch.as_tensor(numbers, dtype=torch.float64).sum().item()
"""
GRADED, ERROR, LATE = "graded", "student_error", "time_out"


@dataclass(frozen=True)
class Attack:
    """A hostile submission.

    Args:
        tries: what it is after, in a few words.
        source: its one cell. `@BASE@`, `@PORT@` and `@TOKEN@` stand for a folder that holds all that it must
            not see, a port that listens, and a text that must not turn up anywhere. It prints "GOT …" if it
            reaches what it must not reach.
        outcomes: the outcomes that are right.
        points: what its honest part earns.
        piece: `total`, or `brief`, whose time limit is short.
        build: makes the submitted file itself, for attacks that are no notebook; gets its path.
    """

    name: str
    tries: str
    source: str = ""
    outcomes: tuple[str, ...] = (GRADED,)
    points: float = 0.0
    piece: str = "total"
    build: Callable[[Path], None] | None = None


def notebook(source: str, answer: str = "Because.") -> str:
    """A notebook with one cell of code and the answer to the question, as text."""
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "source": textwrap.dedent(source)}
    mark = {"nbgrader": {"grade_id": "why", "grade": True, "solution": True, "points": 2, "schema_version": 3}}
    written = {"cell_type": "markdown", "metadata": mark, "source": answer}
    return json.dumps({"cells": [code, written], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


TOML = """title = "{piece}"
difficulty = 1
minutes = 5
functions = ["total"]

[limits]
seconds = {seconds}
memory_mb = 512

[[manual]]
id = "why"
points = 2
"""
CHECKS = '''# The token that nobody may read: @TOKEN@
from course_lib.grading.checks import check, expect_close, expect_number

DRIVER = """
def drive(student, parts):
    return [student.total(part) for part in parts]
"""


@check("adds a list", points=2)
def adds_a_list(student):
    numbers = student.random.uniform((7,)).tolist()
    expect_close(expect_number(student.call("total", numbers), "total(...)"), sum(numbers), message="The sum is wrong.")
'''
MORE_CHECKS = '''

@check("adds a tensor", points=1)
def adds_a_tensor(student):
    numbers = student.random.normal((5, 3))
    answer = expect_number(student.call("total", numbers), "total(...)")
    expect_close(answer, numbers.double().sum().item(), rtol=1e-4, message="The sum over a tensor is wrong.")


@check("adds in parts", points=1)
def adds_in_parts(student):
    parts = [student.random.uniform((n,)) for n in (1, 2, 3)]
    expect_close(student.run(DRIVER, parts), [part.double().sum().item() for part in parts], rtol=1e-4,
                 message="The sums of parts are wrong.")
'''
# The first names the check that its notebook shows; the second has a time limit for those that never end.
PIECES = {"total": (30, CHECKS + MORE_CHECKS), "brief": (3, CHECKS)}


def write_exercises(folder: Path, token: str) -> None:
    """Write both exercises; `token` stands in their checks and their solution."""
    (folder / "checks").mkdir(parents=True)
    for piece, (seconds, checks) in PIECES.items():
        (folder / f"{piece}.toml").write_text(TOML.format(piece=piece, seconds=seconds))
        (folder / "checks" / f"{piece}.py").write_text(checks.replace("@TOKEN@", token))
        (folder / piece).mkdir()
        (folder / piece / f"{piece}.ipynb").write_text(notebook(f"{HONEST}# {token}\nassert total([1, 2, 3]) == 6"))
