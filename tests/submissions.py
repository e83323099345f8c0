"""Submissions of mixed quality, made from the exercises themselves: for tests and for the benchmark.

    python tests/submissions.py 300 FOLDER      writes FOLDER/exercises and FOLDER/submitted

The same numbers give the same files. Whoever is asked what a submission should earn gets it from how it
was made: full marks, nothing, or all but what `tests/wrong_solutions` says.
"""

import json
import random
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading.exercise import DEFAULT_FOLDER, Exercise, load_exercises

WRONG = Path(__file__).resolve().parent / "wrong_solutions"
PIECES = ("schedule", "loss", "clipping", "corpus")  # those whose checks take little time
SECONDS = 12  # the time limit, so that an endless loop is soon over
Notebook = dict


@dataclass(frozen=True)
class Made:
    """One submission: whose, of what, how it was made, and the checks that it fails (None: all)."""

    student: str
    piece: str
    quality: str
    fails: tuple[str, ...] | None


def make_submissions(folder: Path, count: int, *, seed: int = 0, pieces: Sequence[str] = PIECES) -> list[Made]:
    """Write `folder/submitted` and `folder/exercises`, the course's own with a shorter time limit."""
    write_exercises(folder / "exercises", pieces)
    exercises = load_exercises(folder / "exercises")
    rng, made = random.Random(seed), []
    names = list(QUALITIES)
    for number in range(count):
        exercise = exercises[pieces[number % len(pieces)]]
        quality = names[number] if number < len(names) else rng.choice(COMMON)
        text, fails = QUALITIES[quality](exercise, rng)
        student = f"student-{number:03}"
        path = folder / "submitted" / student / exercise.piece / f"{exercise.piece}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        made.append(Made(student, exercise.piece, quality, fails))
    return made


def write_exercises(folder: Path, pieces: Sequence[str]) -> None:
    """Copy these exercises, with the short time limit."""
    (folder / "checks").mkdir(parents=True)
    for piece in pieces:
        settings = (DEFAULT_FOLDER / f"{piece}.toml").read_text(encoding="utf-8")
        settings = re.sub(r"(?m)^seconds = \d+$", f"seconds = {SECONDS}", settings)
        (folder / f"{piece}.toml").write_text(settings, encoding="utf-8")
        shutil.copy(DEFAULT_FOLDER / "checks" / f"{piece}.py", folder / "checks")
        shutil.copytree(DEFAULT_FOLDER / piece, folder / piece)


def _source(exercise: Exercise) -> Notebook:
    return json.loads(exercise.notebook.read_text(encoding="utf-8"))


def _answer(notebook: Notebook) -> dict:
    """The cell with the answer: the last code cell that nbgrader takes for a solution."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"
            and cell["metadata"].get("nbgrader", {}).get("solution")][-1]  # fmt: skip


def _text(cell: dict) -> str:
    return "".join(cell["source"])


def _right(exercise: Exercise, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    return json.dumps(_source(exercise)), ()


def _wrong(exercise: Exercise, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """The source with a plausible mistake."""
    known = tomllib.loads((WRONG / f"{exercise.piece}.toml").read_text(encoding="utf-8"))["wrong"]
    mistake, notebook = rng.choice(known), _source(exercise)
    for old, new in mistake.get("edits", []):
        holder = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code" and old in _text(cell))
        holder["source"] = _text(holder).replace(old, new)
    if "code" in mistake:
        _answer(notebook)["source"] = _text(_answer(notebook)) + "\n" + mistake["code"]
    return json.dumps(notebook), tuple(mistake["fails"])


def _stub(exercise: Exercise, rng: random.Random) -> tuple[str, None]:
    """What was given out, handed in as it was."""
    return (DEFAULT_FOLDER / "student" / f"{exercise.piece}.ipynb").read_text(encoding="utf-8"), None


def _syntax_error(exercise: Exercise, rng: random.Random) -> tuple[str, None]:
    notebook = _source(exercise)
    _answer(notebook)["source"] = _text(_answer(notebook)) + "\n\ndef half a thought(:\n"
    return json.dumps(notebook), None


def _endless(exercise: Exercise, rng: random.Random) -> tuple[str, None]:
    notebook = _source(exercise)
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "outputs": [], "source": "while True:\n    pass"})
    return json.dumps(notebook), None


def _exits(exercise: Exercise, rng: random.Random) -> tuple[str, None]:
    notebook = _source(exercise)
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "outputs": [], "source": "import os\nos._exit(1)"})
    return json.dumps(notebook), None


def _cut_off(exercise: Exercise, rng: random.Random) -> tuple[str, None]:
    """A file whose upload was interrupted."""
    text = json.dumps(_source(exercise))
    return text[: len(text) * 2 // 3], None


def _reordered(exercise: Exercise, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    notebook = _source(exercise)
    notebook["cells"].reverse()
    return json.dumps(notebook), ()


def _without_metadata(exercise: Exercise, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    notebook = _source(exercise)
    cells = [{"cell_type": cell["cell_type"], "source": cell["source"]} for cell in notebook["cells"]]
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 0}), ()


def _from_colab(exercise: Exercise, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """As Colab saves it: its own metadata, magics and shell lines, outputs with warnings on stderr."""
    notebook = _source(exercise)
    notebook["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook["cells"].insert(0, {
        "cell_type": "code", "execution_count": 1, "metadata": {"id": "aBcDeFgHiJkL"},
        "source": "!pip install -q tqdm\n%matplotlib inline",
        "outputs": [{"output_type": "stream", "name": "stderr", "text": ["UserWarning: old\n"]}],
    })  # fmt: skip
    for cell in notebook["cells"]:
        cell["source"] = _text(cell).splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False), ()


def _duplicated(exercise: Exercise, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """An early attempt left standing above the answer, and what was given out copied below it."""
    notebook = _source(exercise)
    attempt = f"def {exercise.functions[0]}(*args, **kwargs):\n    raise ValueError('a first try')"
    given = json.loads((DEFAULT_FOLDER / "student" / f"{exercise.piece}.ipynb").read_text(encoding="utf-8"))
    notebook["cells"].append(_answer(given))
    notebook["cells"].insert(0, json.loads(json.dumps(_answer(notebook) | {"source": attempt})))
    return json.dumps(notebook), ()


QUALITIES: dict[str, Callable[[Exercise, random.Random], tuple[str, tuple[str, ...] | None]]] = {
    "right": _right, "wrong": _wrong, "stub": _stub, "syntax error": _syntax_error, "endless": _endless,
    "exits": _exits, "cut off": _cut_off, "reordered": _reordered, "without metadata": _without_metadata,
    "from Colab": _from_colab, "duplicated": _duplicated,
}  # fmt: skip
# One of each comes first; the rest is what a class hands in.
COMMON = [
    *["right"] * 4, *["wrong"] * 8, "stub", "syntax error", "reordered", "without metadata", "from Colab", "duplicated",
]


if __name__ == "__main__":
    made = make_submissions(Path(sys.argv[2]), int(sys.argv[1]))
    print(f"{len(made)} submissions of {len({each.quality for each in made})} kinds in {sys.argv[2]}/submitted")
