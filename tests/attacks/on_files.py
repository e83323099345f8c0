"""Attacks by the submitted file itself, before any of its code runs."""

import json
import os
from pathlib import Path

from attack import ERROR, FULL, GRADED, HONEST, Attack, notebook


def _link(path: Path) -> None:
    path.symlink_to(path.parents[3] / "secret.ipynb")


def _linked_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(path.parents[3] / "classmate")


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "total.ipynb").write_text(notebook(HONEST))


def _cells(*cells: object) -> str:
    return json.dumps({"cells": list(cells), "nbformat": 4, "nbformat_minor": 5, "metadata": []})


HONEST_CELL = {"cell_type": "code", "source": HONEST}
ODD_CELLS = _cells(
    None, 7, [], {"cell_type": "code", "source": None}, {"cell_type": ["code"], "source": "x"}, {"source": {"a": 1}},
    {"cell_type": "code", "source": ["x", 1]}, {"cell_type": "code", "source": "\ud800 = 1", "id": {"a": [1] * 50}},
    {"cell_type": "markdown", "source": "x", "metadata": {"nbgrader": {"grade_id": ["why"]}}},
    {"cell_type": "markdown", "source": "x", "metadata": {"nbgrader": "why"}}, HONEST_CELL,
)  # fmt: skip
# Together they stay below the limit on a notebook's code: what is above it is not looked at.
SLOW_LINES = ["a" * 30_000 + "?", "(" * 30_000, "%time " + " " * 25_000, "x " * 12_000 + "= !ls", "'''" * 9_001]
SLOW_CELLS = [{"cell_type": "code", "source": line} for line in SLOW_LINES]
FILES = {
    "link": ("a link to a notebook of somebody else", _link),
    "linked-folder": ("a folder that is a link to a classmate's", _linked_folder),
    "folder": ("a folder in the notebook's place", _folder),
    "pipe": ("a pipe that nobody writes to", os.mkfifo),
    "garbage": ("no JSON at all", lambda path: path.write_bytes(os.urandom(5000))),
    "empty": ("an empty file", lambda path: path.write_bytes(b"")),
    "giant": ("30 MB", lambda path: path.write_text(notebook(HONEST + "#" * 30_000_000))),
    "deep-json": ("JSON nested a million times", lambda path: path.write_text('{"cells":' + "[" * 1_000_000)),
    "long-number": ("a number of a million digits", lambda path: path.write_text('{"cells":[' + "9" * 10**6 + "]}")),
    "many-cells": ("100,000 cells", lambda path: path.write_text(_cells(*[HONEST_CELL] * 100_000))),
    "much-code": ("2 MB of code", lambda path: path.write_text(notebook(HONEST + "x = 1\n" * 400_000))),
}

ON_FILES = [
    *(Attack(f"file-{name}", tries, outcomes=(ERROR,), build=build) for name, (tries, build) in FILES.items()),
    Attack("file-odd-cells", "cells, ids and sources of every wrong kind", outcomes=(GRADED,), points=FULL,
           build=lambda path: path.write_text(ODD_CELLS)),
    Attack("file-slow-lines", "lines that make a careless regular expression take for ever", points=FULL,
           build=lambda path: path.write_text(_cells(*SLOW_CELLS, HONEST_CELL))),
    Attack("file-bracket-bomb", "code that Python's parser can hardly take",
           "(" * 50_000 + ")" * 50_000 + "\n" + HONEST, (GRADED, ERROR)),
]  # fmt: skip
