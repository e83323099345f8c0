"""A small set of exercises in the real format, for tests of what surrounds the grading."""

import json
import zlib
from pathlib import Path
from typing import Any

TOML = """title = "{title}"
difficulty = 1
minutes = 5
functions = ["{function}"]

[[manual]]
id = "why-{piece}"
points = 2
"""
CHECKS = """from course_lib.grading.checks import check


@check("adds", points=3)
def adds(student):
    pass


@check("keeps order", points=1)
def keeps_order(student):
    pass
"""
PIECES = {"clipping": ("Clip, or skip", "clip_or_skip"), "loss": ("Positions that count", "masked_loss")}


def cell(kind: str, source: str, grade_id: str | None = None, **marks: Any) -> dict[str, Any]:
    """A notebook's cell; with a `grade_id` it is one of nbgrader's."""
    metadata: dict[str, Any] = {}
    if grade_id is not None:
        plain = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        metadata["nbgrader"] = {"grade_id": grade_id, "cell_type": kind, **plain, **marks}
    made = {
        "cell_type": kind,
        "id": f"c{zlib.crc32(source.encode()):08x}-{grade_id or kind}",
        "metadata": metadata,
        "source": source,
    }
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def notebook(*cells: dict[str, Any]) -> str:
    """A notebook of format 4.5 with these cells, as text."""
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": list(cells), "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def answered(piece: str, body: str = "return 1", answer: str = "Because.") -> str:
    """A student's notebook for a piece, with nbgrader's marks."""
    title, function = PIECES[piece]
    return notebook(
        cell("markdown", f"# {title}", "text-1", locked=True),
        cell("code", f"def {function}(x):\n    {body}\n", f"{function}", solution=True),
        cell("code", f"assert {function}(1) == 1", "visible-checks", grade=True, locked=True, points=4),
        cell("markdown", answer, f"why-{piece}", grade=True, solution=True, points=2),
    )


def unmarked(piece: str, body: str = "return 1") -> str:
    """The same without any mark: code and title alone."""
    title, function = PIECES[piece]
    return notebook(cell("markdown", f"# {title}"), cell("code", f"def {function}(x):\n    {body}\n"))


def make_exercises(folder: Path) -> Path:
    """Write the exercises of PIECES into `folder`, and return it."""
    (folder / "checks").mkdir(parents=True)
    for piece, (title, function) in PIECES.items():
        (folder / f"{piece}.toml").write_text(TOML.format(title=title, function=function, piece=piece))
        (folder / "checks" / f"{piece}.py").write_text(CHECKS)
        (folder / piece).mkdir()
        body = "### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
        (folder / piece / f"{piece}.ipynb").write_text(answered(piece, body, "The model answer."))
    return folder
