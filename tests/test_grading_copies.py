"""What counts where a notebook holds a cell twice, and what a number is compared as."""

import json
from pathlib import Path

import pytest
import torch
from exercise_folder import cell, make_exercises, notebook
from result_files import result, write_results

from course_lib.grading.answers import close, equal
from course_lib.grading.copies import first_written, released_stubs, without_copies
from course_lib.grading.exercise import Exercise, load_exercises
from course_lib.grading.nbgrader_course import autograded_notebook
from course_lib.grading.randomness import Random
from course_lib.grading.results import read_results
from course_lib.grading.student_code import Cell
from course_lib.grading.task import make_task, manual_answers

STUB = "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
ANSWER = "def f(x):\n    return x"


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    return load_exercises(make_exercises(tmp_path))["clipping"]


@pytest.mark.parametrize(
    ("sources", "left"),
    [
        ([ANSWER, STUB], [ANSWER]), ([ANSWER, "f(1)", STUB + " \n", STUB], [ANSWER, "f(1)"]),
        ([STUB, ANSWER], [STUB, ANSWER]), ([STUB, STUB], [STUB, STUB]), ([STUB], [STUB]),
        (["f = len", STUB], ["f = len"]), (["f == len", STUB], ["f == len", STUB]),
        (["def g(x): pass", STUB], ["def g(x): pass", STUB]),
        ([ANSWER, ANSWER.replace("x", "y")], [ANSWER, ANSWER.replace("x", "y")]),
        ([ANSWER, "raise NotImplementedError()"], [ANSWER, "raise NotImplementedError()"]),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_copy_of_the_stub_below_the_answer_is_left_out(sources: list[str], left: list[str]) -> None:
    cells = [Cell(number, source) for number, source in enumerate(sources, start=1)]
    found = without_copies(cells, [STUB])
    assert [each.source for each in found] == left and all(each in cells for each in found)


def test_the_stubs_are_those_that_are_given_out(exercise: Exercise) -> None:
    given = "def clip_or_skip(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()\n"
    assert released_stubs(exercise, None) == make_task(exercise).stubs == (given,)
    exercise.notebook.write_text(exercise.notebook.read_text().replace("END SOLUTION", "END"))
    assert released_stubs(exercise, None) == ()  # not to be released, and still to be graded


COPIES = [
    (["Mine.", "YOUR ANSWER HERE"], 0), (["YOUR ANSWER HERE", "Mine."], 1), (["", " ", "YOUR ANSWER HERE\n", "Mine."], 3),
    (["Mine.", "Another."], 0), (["YOUR ANSWER HERE", ""], 0), (["Mine."], 0),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "chosen"), COPIES, ids=range(len(COPIES)))
@pytest.mark.parametrize("marked", [True, False])
def test_the_first_written_copy_of_an_answer_counts(
    exercise: Exercise, tmp_path: Path, texts: list[str], chosen: int, marked: bool
) -> None:
    assert first_written(texts) == chosen
    source = json.loads(exercise.notebook.read_text())["cells"]
    exercise.notebook.write_text(notebook(*source[:-1], cell("markdown", "Why?"), source[-1]))
    marks = {"grade_id": "why-clipping", "grade": True, "solution": True, "points": 2} if marked else {}
    copies = [part for text in texts for part in (cell("markdown", "Why?"), cell("markdown", text, **marks))]
    data = notebook(*copies).encode()
    manual = manual_answers(data, make_task(exercise))
    assert manual == [{"id": "why-clipping", "max_points": 2, "answer": texts[chosen].strip()}]
    if marked:  # formgrader shows the same one
        folder = write_results(tmp_path / "results", result(manual=manual))
        shown = json.loads(autograded_notebook(read_results(folder)[0], exercise, data))["cells"]
        there = [each for each in shown if each["metadata"].get("nbgrader", {}).get("grade_id") == "why-clipping"]
        assert [each["source"] for each in there] == [texts[chosen]]


def test_numbers_are_compared_as_doubles() -> None:
    assert equal(0.1, torch.tensor(0.1, dtype=torch.float64)) and equal(2, 2.0) and equal(3, torch.tensor(3.0))
    assert close(0.1, torch.tensor(0.1, dtype=torch.float64), rtol=1e-9) and close(1 + 1e-9, 1.0, rtol=1e-8)
    assert not equal(1.0, 1.00000001) and not equal(1e39, 1e300) and not close([1e39], [1e300])
    assert equal(float("inf"), float("inf")) and not equal(1e39, float("inf"))


def test_draws_fill_their_range_and_follow_from_the_whole_seed() -> None:
    draws = Random(1)
    normal, numbers = draws.normal((100_000,)), draws.integers(-2, 3, (100_000,))
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02 and normal.dtype == torch.float32
    assert normal.abs().max() > 3.5 and abs((normal < 1).double().mean() - 0.8413) < 0.01
    assert torch.bincount(numbers + 2).min() > 19_000 and len(torch.bincount(numbers + 2)) == 5
    for dtype in (torch.float16, torch.float32, torch.float64):
        uniform = draws.uniform((50, 2000), dtype)
        assert uniform.dtype == dtype and 0 <= uniform.min() < 0.001 and 0.998 < uniform.max() < 1
        assert abs(uniform.double().mean() - 0.5) < 0.01
    assert draws.uniform((0, 3)).shape == (0, 3) and draws.normal(()).shape == () and draws.choice("a") == "a"
    first = [Random(seed).normal((4,)).tolist() for seed in (1, 1, 1 + 2**32, 2)]
    assert first[0] == first[1] and len(set(map(tuple, first))) == 3  # PyTorch would take 1 and 1 + 2**32 for one
