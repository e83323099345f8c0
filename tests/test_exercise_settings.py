"""Settings of exercises: each mistake in PIECE.toml is named with its file, its value and the remedy."""

import re
from pathlib import Path

import pytest

from course_lib.grading.exercise import ExerciseError, Limits, ManualQuestion, load_exercises
from tools import project

GOOD = """\
title = "A task"
difficulty = 2
minutes = 25
functions = ["solve"]
[limits]
seconds = 5
[parameters.size]
choices = [1, 2, 3]
word = ["one", "two", "three"]
[[manual]]
id = "why"
points = 2
"""
CHECKS = """\
from course_lib.grading.checks import check

@check("runs", points=1.5)
def runs(student):
    student.call("solve")

@check("runs again", points=2)
def again(student):
    student.call("solve")
"""


def make(folder: Path, settings: str = GOOD, piece: str = "task") -> Path:
    (folder / piece).mkdir()
    (folder / piece / f"{piece}.ipynb").write_text("{}")
    (folder / "checks").mkdir()
    (folder / "checks" / f"{piece}.py").write_text(CHECKS)
    (folder / f"{piece}.toml").write_text(settings)
    return folder


def test_an_exercise_is_read(tmp_path: Path) -> None:
    (exercise,) = load_exercises(make(tmp_path)).values()
    assert (exercise.piece, exercise.title, exercise.difficulty, exercise.minutes) == ("task", "A task", 2, 25)
    assert exercise.functions == ("solve",) and exercise.manual == (ManualQuestion("why", 2),)
    assert exercise.limits == Limits(5, 2048)
    assert exercise.automatic_points == 3.5 and exercise.points == 5.5
    assert exercise.draw_parameters(None) == {"size": 1, "size.word": "one"}
    assert exercise.draw_parameters("x") in ({"size": 2, "size.word": "two"}, {"size": 3, "size.word": "three"})


def test_a_draw_stays_the_same_for_ever(tmp_path: Path) -> None:
    (exercise,) = load_exercises(make(tmp_path)).values()
    # SHA-256 of "autumn|task|size", as any tool computes it: its first 8 bytes are an even number.
    assert exercise.draw_parameters("autumn")["size"] == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "A task"', "", "title is None"),
        ("difficulty = 2", "difficulty = 6", "difficulty is 6; it must be a whole number from 1 to 5"),
        ("difficulty = 2", "difficulty = 1.5", "whole number"),
        ("minutes = 25", "minutes = true", "minutes is True"),
        ('["solve"]', '["solve it"]', "functions is ['solve it']"),
        ('["solve"]', "[]", "at least one"),
        ("seconds = 5", "seconds = 0", "seconds is 0; it must be a number from 1 to 3600"),
        ("seconds = 5", "second = 5", "limits has no 'second'; known are memory_mb, seconds"),
        ("seconds = 5", "memory_mb = 10", "memory_mb is 10"),
        ("choices = [1, 2, 3]", "choices = [1, 1, 1]", "two or more different values"),
        ("choices = [1, 2, 3]", "values = [1, 2, 3]", "a table with choices"),
        ("choices = [1, 2, 3]", "choices = [1, 2]", "as long as choices"),
        ("choices = [1, 2, 3]", "choices = [[1], [2], [3]]", "a list of texts, numbers or true and false"),
        ("[parameters.size]", "[parameters.Size]", "lower-case"),
        ('id = "why"', 'id = "Why?"', "manual.id is 'Why?'"),
        ("points = 2", 'points = 2\n[[manual]]\nid = "why"\npoints = 1', "different for each question"),
        ("points = 2", "points = -1", "points is -1"),
        ("[[manual]]", "[manual]", "each [[manual]]"),
        ("minutes = 25", "minutes = 25\nhours = 1", "settings has no 'hours'"),
        ("minutes = 25", "minutes =", "is not TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ExerciseError, match=re.escape(said)) as raised:
        load_exercises(make(tmp_path, GOOD.replace(old, new)))
    assert "task.toml" in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "checks" / "task.py").unlink()
    with pytest.raises(ExerciseError, match="checks/task.py is not"):
        load_exercises(tmp_path)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExerciseError, match="--exercises"):
        load_exercises(tmp_path)


def test_the_course_has_its_eight_exercises() -> None:
    pieces = {"corpus", "batches", "loss", "clipping", "schedule", "training", "repair", "testing"}
    assert set(load_exercises(project.EXERCISES)) == set(load_exercises()) == pieces
