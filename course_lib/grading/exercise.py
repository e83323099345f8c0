"""One exercise: its settings in `PIECE.toml`, its notebook, its hidden checks, its parameters.

A folder of exercises holds, for each piece, `PIECE.toml`, `PIECE/PIECE.ipynb` (the source with its
solution) and `checks/PIECE.py`. The settings lie outside the notebook's folder because nbgrader's
release copies whatever lies in it to the students.
"""

import argparse
import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "exercises"
Value = str | int | float | bool
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_QUESTION = re.compile(r"[a-z0-9][a-z0-9_-]*")
_KEYS = {"title", "difficulty", "minutes", "functions", "limits", "parameters", "manual"}


class ExerciseError(ValueError):
    """An exercise's settings cannot be used; the message names the file, the setting and the remedy."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use: wall-clock seconds a check, and memory in MiB."""

    seconds: float = 30.0
    memory_mb: int = 2048


@dataclass(frozen=True)
class Parameter:
    """What a private seed changes in the task; the first choice is the default.

    Args:
        choices: the values, at least two.
        faces: further values that go with each choice, such as its formula: `{name: values}`, as
            many values as choices.
    """

    choices: tuple[Value, ...]
    faces: dict[str, tuple[Value, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ManualQuestion:
    """A question graded by hand; `id` is the `grade_id` of its cell."""

    id: str
    points: float


@dataclass(frozen=True)
class Exercise:
    """An exercise as `load_exercises` found it. Difficulty runs from 1 to 5."""

    piece: str
    title: str
    difficulty: int
    minutes: int
    functions: tuple[str, ...]
    limits: Limits
    parameters: dict[str, Parameter]
    manual: tuple[ManualQuestion, ...]
    notebook: Path
    checks: Path

    @property
    def automatic_points(self) -> float:
        """The points of the hidden checks. They stand in the checks alone, which are loaded here."""
        from course_lib.grading.checks import load_checks

        return sum(check.points for check in load_checks(self.checks))

    @property
    def points(self) -> float:
        """All points: those of the hidden checks and those given by hand."""
        return self.automatic_points + sum(question.points for question in self.manual)

    def draw_parameters(self, seed: str | None) -> dict[str, Value]:
        """Return the value of each parameter, and its faces as `PARAMETER.FACE`.

        Without a seed these are the defaults. With one, SHA-256 of `seed|piece|parameter` picks
        among the other choices, so that an answer to the public version never fits.
        """
        drawn: dict[str, Value] = {}
        for name, parameter in self.parameters.items():
            index = 0
            if seed is not None:
                digest = hashlib.sha256(f"{seed}|{self.piece}|{name}".encode()).digest()
                index = 1 + int.from_bytes(digest[:8], "big") % (len(parameter.choices) - 1)
            drawn[name] = parameter.choices[index]
            drawn |= {f"{name}.{face}": values[index] for face, values in parameter.faces.items()}
        return drawn


def seed_text(text: str) -> str:
    """Take the text of --seed; an empty one, such as a variable that is not set, is refused."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a text that nobody can guess, or no --seed")
    return text


def refuse_missing_names(exercise: Exercise, cells: Sequence[dict[str, Any]]) -> None:
    """Make sure that the source notebook defines what the settings name: students would lose the points.

    Raises:
        ExerciseError: it has no such function, or no cell for a question that is graded by hand.
    """
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for name in exercise.functions:
        if not re.search(rf"^(?:(?:def|class) {name}\b|{name} *[:=])", code, re.MULTILINE):
            raise ExerciseError(f"{exercise.notebook} defines no {name!r}, which its settings have among functions.")
    ids = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells}
    for question in exercise.manual:
        if question.id not in ids:
            raise ExerciseError(f"{exercise.notebook} has no cell with the grade_id {question.id!r}, which its "
                                "settings have under manual.")  # fmt: skip


def add_exercises_option(parser: argparse.ArgumentParser) -> None:
    """Add `--exercises DIR`, which every command that reads exercises has."""
    parser.add_argument(
        "--exercises", type=Path, default=DEFAULT_FOLDER, metavar="DIR",
        help="your own set of exercises (default: the course's, whose solutions are public)",
    )  # fmt: skip


def load_exercises(folder: Path = DEFAULT_FOLDER) -> dict[str, Exercise]:
    """Return every exercise of a folder by its piece, in the order of their names.

    Raises:
        ExerciseError: there is no exercise, or a setting or a file of one is wrong or missing.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ExerciseError(f"{folder} holds no PIECE.toml; name a folder of exercises with --exercises.")
    return {path.stem: _load(path) for path in files}


def _load(path: Path) -> Exercise:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExerciseError(f"{path} is not TOML: {error}") from error
    piece = path.stem
    _require(_NAME.fullmatch(piece), path, "the file's name", piece, "lower-case letters, digits and _")
    _only(settings, _KEYS, path, "settings")
    exercise = Exercise(
        piece=piece,
        title=_text(settings, "title", path),
        difficulty=_number(settings, "difficulty", path, least=1, most=5, whole=True),
        minutes=_number(settings, "minutes", path, least=1, most=600, whole=True),
        functions=_functions(settings, path),
        limits=_limits(settings.get("limits", {}), path),
        parameters=_parameters(settings.get("parameters", {}), path),
        manual=_manual(settings.get("manual", []), path),
        notebook=path.parent / piece / f"{piece}.ipynb",
        checks=path.parent / "checks" / f"{piece}.py",
    )
    for needed in (exercise.notebook, exercise.checks):
        if not needed.is_file():
            raise ExerciseError(f"{path.name} is there, but {needed} is not; an exercise needs both.")
    return exercise


def _limits(table: Any, path: Path) -> Limits:
    _require(isinstance(table, dict), path, "limits", table, "a table")
    _only(table, {"seconds", "memory_mb"}, path, "limits")
    values = {"seconds": Limits.seconds, "memory_mb": Limits.memory_mb} | table
    return Limits(
        _number(values, "seconds", path, least=1, most=3600),
        _number(values, "memory_mb", path, least=256, most=1_048_576, whole=True),
    )


def _parameters(table: Any, path: Path) -> dict[str, Parameter]:
    _require(isinstance(table, dict), path, "parameters", table, "a table of tables")
    return {name: _parameter(name, values, path) for name, values in table.items()}


def _parameter(name: str, table: Any, path: Path) -> Parameter:
    _require(_NAME.fullmatch(name), path, "the name of a parameter", name, "lower-case letters, digits and _")
    _require(isinstance(table, dict) and "choices" in table, path, f"parameters.{name}", table, "a table with choices")
    columns: dict[str, tuple[Value, ...]] = {}
    for key, values in table.items():
        where = f"parameters.{name}.{key}"
        good = isinstance(values, list) and all(type(value) in (str, int, float, bool) for value in values)
        _require(good, path, where, values, "a list of texts, numbers or true and false")
        _require(len(values) == len(table["choices"]), path, where, values, "as long as choices")
        columns[key] = tuple(values)
    choices = columns.pop("choices")
    different = len(choices) >= 2 and len(set(map(repr, choices))) == len(choices)
    _require(different, path, f"parameters.{name}.choices", list(choices), "two or more different values")
    return Parameter(choices, columns)


def _manual(tables: Any, path: Path) -> tuple[ManualQuestion, ...]:
    _require(isinstance(tables, list), path, "manual", tables, "a list of tables, each [[manual]]")
    questions = []
    for table in tables:
        _require(isinstance(table, dict), path, "manual", table, "a list of tables, each [[manual]]")
        _only(table, {"id", "points"}, path, "manual")
        name = _text(table, "id", path)
        _require(_QUESTION.fullmatch(name), path, "manual.id", name, "lower-case letters, digits, - and _")
        questions.append(ManualQuestion(name, _number(table, "points", path, least=0, most=1000)))
    ids = [question.id for question in questions]
    _require(len(set(ids)) == len(ids), path, "manual.id", ids, "different for each question")
    return tuple(questions)


def _functions(settings: dict, path: Path) -> tuple[str, ...]:
    names = settings.get("functions")
    good = isinstance(names, list) and names and all(isinstance(name, str) and name.isidentifier() for name in names)
    _require(good, path, "functions", names, "a list of function names, at least one")
    return tuple(names)


def _text(table: dict, key: str, path: Path) -> str:
    value = table.get(key)
    _require(isinstance(value, str) and value.strip(), path, key, value, "a text that is not empty")
    return value


def _number(table: dict, key: str, path: Path, *, least: float, most: float, whole: bool = False) -> Any:
    value = table.get(key)
    good = type(value) is int or (type(value) is float and not whole)
    kind = "a whole number" if whole else "a number"
    _require(good and least <= value <= most, path, key, value, f"{kind} from {least:g} to {most:g}")
    return value


def _only(table: dict, known: set[str], path: Path, where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise ExerciseError(f"{path}: {where} has no {unknown[0]!r}; known are {', '.join(sorted(known))}.")


def _require(good: Any, path: Path, key: str, value: Any, wanted: str) -> None:
    if not good:
        raise ExerciseError(f"{path}: {key} is {value!r}; it must be {wanted}.")
