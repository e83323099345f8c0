"""Running lines of code as a student's, in the box."""

import json
import os
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course_lib.grading.host import Box, Child

MEMORY, CPU_SECONDS = 512 * 2**20, 120


@contextmanager
def student(box: Box, source: str, seconds: float = 60, memory: int = MEMORY) -> Iterator[Child]:
    """A child that has run one cell."""
    child = box.fork(memory, CPU_SECONDS)
    try:
        load(child, source, seconds)
        yield child
    finally:
        child.close()


def load(child: Child, source: str, seconds: float = 60) -> dict[str, Any]:
    """Run a cell in a child."""
    cells = [[1, textwrap.dedent(source)]]
    message = {"do": "load", "seed": 1, "prelude": "", "functions": ["f"], "cells": cells}
    return child.ask(message, time.monotonic() + seconds)


def call(child: Child, *args: Any, seconds: float = 60) -> Any:
    """Return what f(*args) answers; an error as the child describes it, a list of four."""
    message = {"do": "call", "seed": 1, "function": "f", "args": list(args), "kwargs": {}}
    reply = child.ask(message, time.monotonic() + seconds)
    return reply["answer"] if "answer" in reply else reply["error"]


def answer(box: Box, source: str, *args: Any, **limits: Any) -> Any:
    """What f(*args) of this source answers in a child of its own."""
    with student(box, source, **limits) as child:
        return call(child, *args)


def processes_named(name: str) -> list[int]:
    """The ids of all processes of this machine with this name (at most 15 characters)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == name:
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def eventually(condition: Any, seconds: float = 60) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def code_notebook(*sources: str) -> str:
    """A notebook of code cells, as text."""
    blank = {"cell_type": "code", "metadata": {}, "outputs": []}
    cells = [blank | {"source": textwrap.dedent(source)} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


TOML = """title = "Double it"
difficulty = 1
minutes = 5
functions = ["double", "half"]

[limits]
seconds = {seconds}
memory_mb = 512

[[manual]]
id = "why"
points = 2
"""
CHECKS = """import torch
from course_lib.grading.checks import check, expect, expect_close, expect_number


@check("doubles a number", points=2)
def number(student):
    x = student.random.integer(1, 1000)
    expect(expect_number(student.call("double", x), "double") == 2 * x, "double(x) is x + x.")


@check("doubles a tensor", points=1)
def tensor(student):
    x = student.random.normal((3, 4))
    expect_close(student.call("double", x), 2 * x, message="Each entry doubles.")


@check("halves", points=1)
def halves(student):
    driver = "def drive(student, x):\\n    return [student.half(x), student.double(student.half(x))]"
    answer = student.run(driver, 8.0)
    expect_close(answer, [4.0, 8.0], message="half undoes double.")
"""
RIGHT = """
def double(x):
    return x + x

def half(x):
    return x / 2
"""


def make_exercise(folder: Path, checks: str = CHECKS, seconds: int = 20) -> Path:
    """Write a folder with one exercise, doubling, and return it."""
    (folder / "checks").mkdir(parents=True)
    (folder / "doubling").mkdir()
    (folder / "doubling.toml").write_text(TOML.format(seconds=seconds))
    (folder / "checks" / "doubling.py").write_text(checks)
    source = json.loads(code_notebook("import math", RIGHT))
    mark = {"nbgrader": {"grade_id": "why", "grade": True, "solution": True, "points": 2}}
    for text, metadata in (("Why does it double?", {}), ("Because.", mark)):
        source["cells"].append({"cell_type": "markdown", "metadata": metadata, "source": text})
    (folder / "doubling" / "doubling.ipynb").write_text(json.dumps(source))
    return folder


def submit(folder: Path, student: str, notebook: str | bytes, piece: str = "doubling") -> Path:
    """Put a notebook where course collect would."""
    path = folder / student / piece / f"{piece}.ipynb"
    os.makedirs(path.parent, exist_ok=True)
    path.write_bytes(notebook if isinstance(notebook, bytes) else notebook.encode())
    return path
