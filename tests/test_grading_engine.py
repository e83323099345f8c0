"""Grading one submission: each of the four outcomes, and the same grade whenever it is reproduced."""

import json
import time
from pathlib import Path

import pytest
import torch
from boxed import RIGHT, code_notebook, make_exercise, submit

from course_lib.grading.checks import GraderError
from course_lib.grading.exercise import load_exercises
from course_lib.grading.grade import grade_file, secret_id
from course_lib.grading.host import Box, Child
from course_lib.grading.randomness import Random
from course_lib.grading.task import Task, make_task

SECRET = b"s" * 32


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Task:
    folder = make_exercise(tmp_path_factory.mktemp("exercises"))
    return make_task(load_exercises(folder)["doubling"])


def graded(box: Box, task: Task, folder: Path, *cells: str, secret: bytes = SECRET) -> dict:
    return grade_file(submit(folder, "ada", code_notebook(*cells)), "ada", task, box, secret, late=False)


def statuses(result: dict) -> list[str]:
    return [check["status"] for check in result["checks"]]


def test_a_right_notebook_has_all_points(box: Box, task: Task, tmp_path: Path) -> None:
    result = graded(box, task, tmp_path, RIGHT, "print('hello')")
    assert (result["status"], result["points"], result["max_points"]) == ("graded", 4, 4)
    assert statuses(result) == ["passed"] * 3 and result["log"] == "hello\n" and result["late"] is False
    assert result["manual"] == [{"id": "why", "max_points": 2, "answer": ""}]
    assert result["seed"] == secret_id(SECRET) and SECRET.hex() not in json.dumps(result)


def test_a_wrong_function_fails_its_checks_alone(box: Box, task: Task, tmp_path: Path) -> None:
    result = graded(box, task, tmp_path, RIGHT, "def half(x): return x / 3")
    assert (result["status"], result["points"], statuses(result)) == ("graded", 3, ["passed", "passed", "failed"])
    assert result["checks"][2]["message"] == "half undoes double."


@pytest.mark.parametrize(
    "cells",
    [
        ["%pip install torch\n!ls\n" + RIGHT], ["%%time\n" + RIGHT], ["1 / 0", RIGHT, "assert False, 'visible'", "1 +"],
        ["import warnings, sys\nwarnings.warn('x')\nprint('x', file=sys.stderr)", RIGHT],
        ["two = one + one", "one = 1", "def double(x): return two * x", "def half(x): return x / two",
         "import sys; sys.exit()"],
        ["def double(x): return 0", RIGHT, RIGHT],
        ["def half(x): return math.ldexp(x, -1)\ndef double(x): return x + x"],
        ["get_ipython().run_line_magic('matplotlib', 'inline')\n" + RIGHT],
        ["raise KeyboardInterrupt", RIGHT, "exit()"],
        ["input('name? ')", RIGHT], [RIGHT, "import sys\nsys.stdout.close()"], [RIGHT, "print('x' * 10_000_000)"],
        ["from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n" + RIGHT],
        ["def double(x): 'first try'\nprint(double(undefined))", RIGHT],
        ["def double(x): return 0\nprint(later)", RIGHT, "later = 1"],
        ["two = one + one\n" + RIGHT.replace("x + x", "two * x"), "one = unit", "unit = int(word)", "word = '1'"],
    ],
    ids=range(16),
)  # fmt: skip
def test_what_costs_no_point(box: Box, task: Task, tmp_path: Path, cells: list[str]) -> None:
    result = graded(box, task, tmp_path, *cells)
    assert (result["status"], result["points"]) == ("graded", 4), result


@pytest.mark.parametrize(("last", "points"), [("def half(x): return 0", 3), ("half = 3", 3), ("x = 1", 4)])
def test_what_a_later_cell_defines_replaces_what_was_tried_twice(
    box: Box, task: Task, tmp_path: Path, last: str, points: int
) -> None:
    result = graded(box, task, tmp_path, RIGHT + "\nprint(later)", last, "later = 1")
    assert (result["points"], result["notes"]) == (points, [])


def test_a_failed_cell_without_a_line_is_named_without_one(box: Box, task: Task, tmp_path: Path) -> None:
    result = graded(box, task, tmp_path, "x = '\0'", RIGHT)
    assert result["points"] == 4 and len(result["notes"]) == 1
    assert result["notes"][0].startswith("Code cell 1 stopped with ") and "None" not in result["notes"][0]


def test_an_error_is_named_with_cell_and_line(box: Box, task: Task, tmp_path: Path) -> None:
    result = graded(box, task, tmp_path, "x = 1", "def half(x): return x / 2\n\ndef double(x):\n    return x + 'a'")
    check = result["checks"][0]
    assert (result["status"], check["status"], check["line"], result["points"]) == ("graded", "student_error", 4, 0)
    assert check["message"].startswith("Double raised TypeError in code cell 2, line 4: unsupported operand")


def test_a_missing_function_names_the_cell_that_failed(box: Box, task: Task, tmp_path: Path) -> None:
    result = graded(box, task, tmp_path, "def half(x): return x / 2", "def double(x):\n    return (x")
    assert statuses(result) == ["student_error", "student_error", "student_error"] and result["status"] == "graded"
    assert "no function double. Code cell 2, line 2 stopped with SyntaxError" in result["checks"][0]["message"]


@pytest.mark.parametrize("cells", [["x = 1"], [], ["def double(x:\n"], ["import os; os._exit(0)"]], ids=range(4))
def test_no_entry_function_at_all_is_the_students_error(box: Box, task: Task, tmp_path: Path, cells: list[str]) -> None:
    result = graded(box, task, tmp_path, *cells)
    assert (result["status"], result["points"]) == ("student_error", 0)


def test_an_unreadable_notebook_is_the_students_error(box: Box, task: Task, tmp_path: Path) -> None:
    result = grade_file(submit(tmp_path, "ada", b"PK\x03\x04"), "ada", task, box, SECRET)
    assert (result["status"], result["points"], statuses(result)) == ("student_error", 0, ["not_run"] * 3)
    assert "could not be read" in result["notes"][0]


def test_a_time_out_names_its_check_and_the_next_is_graded(box: Box, tmp_path: Path) -> None:
    checks = "from course_lib.grading.checks import check, expect\n" + "".join(
        f'@check("{name}", points=1, seconds=2)\ndef {name}(student):\n'
        f'    expect(student.call("double", {x}) == {2 * x}, "no")\n'
        for name, x in (("one", 1), ("two", 2), ("three", 3))
    )  # fmt: skip
    task = make_task(load_exercises(make_exercise(tmp_path / "exercises", checks))["doubling"])
    result = graded(box, task, tmp_path, "def double(x):\n    while x == 2: pass\n    return 2 * x")
    assert (result["status"], result["points"], statuses(result)) == ("time_out", 2, ["passed", "time_out", "passed"])
    assert result["notes"] == ["Stopped at the time limit: two."]


def test_a_notebook_that_does_not_end_is_a_time_out(box: Box, tmp_path: Path) -> None:
    task = make_task(load_exercises(make_exercise(tmp_path / "exercises", seconds=2))["doubling"])
    started = time.monotonic()
    result = graded(box, task, tmp_path, RIGHT, "while True: pass")
    assert (result["status"], result["points"], statuses(result)) == ("time_out", 0, ["time_out"] * 3)
    assert time.monotonic() - started < 30


def test_a_process_that_ends_costs_one_check(box: Box, task: Task, tmp_path: Path) -> None:
    source = RIGHT + "\nimport os\ndef double(x):\n    if type(x) is int: os._exit(7)\n    return x + x"
    result = graded(box, task, tmp_path, source)
    assert statuses(result) == ["student_error", "passed", "passed"]
    assert "exit code 7" in result["checks"][0]["message"]


RESTARTS = """
from course_lib.grading.checks import check, expect


@check("forgets", points=1)
def forgets(student):
    found = [student.call("double", 1), student.call("double", 1)]
    student.restart()
    expect(found + [student.call("double", 1)] == [1, 2, 1], "A restart keeps what was.")
    student.restart()
"""


def test_after_a_restart_the_notebook_knows_nothing(box: Box, tmp_path: Path) -> None:
    task = make_task(load_exercises(make_exercise(tmp_path, RESTARTS))["doubling"])
    counting = "import os\ncalls = []\nprint('ran')\ndef double(x):\n    calls.append(x)\n    return len(calls)"
    result = graded(box, task, tmp_path, counting)
    assert (result["points"], result["notes"], result["log"]) == (1, [], "ran\n"), result


SEEDS = """
import torch
from course_lib.grading.checks import check, fail


@check("tells", points=1)
def tells(student):
    seen, draws = [], []
    for _ in range(3):
        seen += [student.call("double", 1), student.call("double", 1)]
        draws.append(student.random.seed())
        student.restart()
    fail(f"{seen} {draws}")
"""


def test_no_seed_in_the_box_is_that_of_the_check(box: Box, tmp_path: Path) -> None:
    task = make_task(load_exercises(make_exercise(tmp_path, SEEDS))["doubling"])
    looking = "import torch\nfirst = torch.initial_seed()\ndef double(x): return [first, torch.initial_seed()]"
    seen, draws = eval(graded(box, task, tmp_path, looking)["checks"][0]["message"].replace("] [", "], ["))
    assert seen == [seen[0]] * 6 and seen[0][0] != seen[0][1]  # which process it is, the seed does not tell
    for seed in seen[0]:
        generator = torch.Generator().manual_seed(seed)
        guesses = [Random(seed).seed() for _ in range(3)] + [int(torch.randint(0, 2**31, ())) for _ in range(3)]
        guesses += torch.randint(0, 2**31, (3,), generator=generator).tolist()
        assert not set(guesses) & set(draws) and len(set(draws)) == 3


class SlowBox:
    """A box that takes its time to start each child, as one box a child does on a busy machine."""

    def __init__(self, box: Box, seconds: float) -> None:
        self.box, self.seconds = box, seconds

    def fork(self, memory_bytes: int, cpu_seconds: int) -> Child:
        time.sleep(self.seconds)
        return self.box.fork(memory_bytes, cpu_seconds)


def test_the_time_that_the_box_takes_is_not_the_students(box: Box, tmp_path: Path) -> None:
    checks = RESTARTS.replace("student.restart()\n    expect", "[student.restart() or student.call('double', 1) "
                              "for _ in range(5)]\n    student.restart()\n    expect")  # fmt: skip
    task = make_task(load_exercises(make_exercise(tmp_path, checks, seconds=4))["doubling"])
    counting = "calls = []\ndef double(x):\n    calls.append(x)\n    return len(calls)"
    started = time.monotonic()
    assert graded(SlowBox(box, 1.0), task, tmp_path, counting)["points"] == 1
    assert time.monotonic() - started > 6


def test_a_check_that_fails_itself_is_the_graders_error(box: Box, tmp_path: Path) -> None:
    checks = "from course_lib.grading.checks import check\n@check('broken', 1)\ndef broken(student):\n    1 / 0\n"
    task = make_task(load_exercises(make_exercise(tmp_path / "exercises", checks))["doubling"])
    with pytest.raises(GraderError, match="'broken' failed itself: ZeroDivisionError"):
        graded(box, task, tmp_path, RIGHT)


def test_random_inputs_differ_between_runs_and_return_with_the_secret(box: Box, tmp_path: Path) -> None:
    checks = """from course_lib.grading.checks import check, fail
@check("shows", points=1)
def shows(student):
    fail(f"{student.random.seed()} {student.call('double', 1)}")
"""
    task = make_task(load_exercises(make_exercise(tmp_path / "exercises", checks))["doubling"])
    draws = "[torch.rand(1).item(), random.random(), numpy.random.rand()]"
    source = f"import torch, random, numpy\ndef double(x): return {draws}"

    def shown(secret: bytes, extra: str = "") -> str:
        return graded(box, task, tmp_path, source, extra, secret=secret)["checks"][0]["message"]

    first = shown(SECRET)
    assert shown(SECRET) == first
    assert len({first, shown(b"t" * 32), shown(SECRET, "another = 1")}) == 3
