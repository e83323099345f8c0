"""The exercises through the real grader: sources, student versions, plausible mistakes, private seeds.

`tests/wrong_solutions/PIECE.toml` holds the mistakes: edits of the solution, or code that replaces it,
and exactly the checks that each has to fail.
"""

import contextlib
import io
import json
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib.grading.exercise import load_exercises
from course_lib.grading.grade import grade_file
from course_lib.grading.release import release, student_version
from course_lib.grading.task import Task, make_task
from tools import exercises, project

EXERCISES = load_exercises(project.EXERCISES)
WRONG_FOLDER = project.ROOT / "tests" / "wrong_solutions"
PIECES = pytest.mark.parametrize("piece", EXERCISES)
SECRET = b"a secret of the tests"
# For each choice of a parameter: what to put in the place of a piece of the public solution.
CLIPPING = "torch.linalg.vector_norm(torch.stack(norms)).item()"
LOSS = "return total / keep.sum().clamp(min=1)"
OTHERWISE = {
    ("corpus", "order"): {
        order: ('("train", "val", "test"):', f"{tuple(order.split(', '))}:")
        for order in EXERCISES["corpus"].parameters["order"].choices
    },
    ("clipping", "length"): {
        "the square root of the mean of the squares": (
            CLIPPING, CLIPPING.removesuffix(".item()") + ".item() / math.sqrt(sum(g.numel() for g in grads))"),
        "the largest absolute value": (
            CLIPPING, "torch.stack([g.double().abs().max() for g in grads]).max().item()"),
        "the sum of the absolute values": (CLIPPING, "sum(g.double().abs().sum().item() for g in grads)"),
    },
    ("loss", "average"): {
        "over the kept predictions of each row, and then over the rows that keep at least one": (
            LOSS, "rows = torch.where(keep, losses, torch.zeros_like(losses)).sum(1) / keep.sum(1).clamp(min=1)\n"
                  "    return rows.sum() / keep.any(1).sum().clamp(min=1)"),
        "over rows: in each row the sum over its kept predictions, then the sum of all rows divided by B": (
            LOSS, "return total / len(keep)"),
    },
    ("schedule", "shape"): {
        "square root": ("(1 - u) *", "(1 - math.sqrt(u)) *"),
        "cosine": ("(1 - u) *", "(1 + math.cos(math.pi * u)) / 2 *"),
        "square": ("(1 - u) *", "(1 - u) ** 2 *"),
        "quarter circle": ("(1 - u) *", "math.sqrt(1 - u * u) *"),
    },
}  # fmt: skip


def wrong_solutions() -> list[tuple[str, dict]]:
    found = []
    for path in sorted(WRONG_FOLDER.glob("*.toml")):
        found += [(path.stem, each) for each in tomllib.loads(path.read_text(encoding="utf-8"))["wrong"]]
    return found


def edited(piece: str, edits: list, folder: Path, code: str | None = None) -> Path:
    """Write the source with edits of its code, and with `code` after its last answer; return its path."""
    notebook = json.loads(EXERCISES[piece].notebook.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for old, new in edits:
        holders = [cell for cell in cells if old in "".join(cell["source"])]
        assert len(holders) == 1 and "".join(holders[0]["source"]).count(old) == 1, f"not once in the source: {old}"
        holders[0]["source"] = "".join(holders[0]["source"]).replace(old, new)
    if code is not None:
        answers = [cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("solution")]
        answers[-1]["source"] = "".join(answers[-1]["source"]) + "\n" + code
    path = folder / f"{piece}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def graded(path: Path, task: Task, box) -> dict:
    return grade_file(path, "a-student", task, box, SECRET)


def failed(result: dict) -> list[str]:
    return [check["name"] for check in result["checks"] if check["status"] != "passed"]


@PIECES
def test_the_source_is_in_order(piece: str) -> None:
    assert exercises.problems(EXERCISES[piece].notebook) == []


@PIECES
def test_the_source_runs_from_top_to_bottom(piece: str) -> None:
    notebook = nbformat.read(EXERCISES[piece].notebook, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    graded_cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("points")]
    last = [cell for cell in graded_cells if cell.cell_type == "code"][-1]
    assert "".join(output.get("text", "") for output in last.outputs) == "The visible checks pass.\n"


@PIECES
def test_the_source_scores_full_marks(piece: str, box) -> None:
    task = make_task(EXERCISES[piece])
    result = graded(EXERCISES[piece].notebook, task, box)
    assert failed(result) == [] and result["status"] == "graded"
    assert result["points"] == result["max_points"] == EXERCISES[piece].automatic_points == 10
    assert all(answer["answer"] for answer in result["manual"])


@PIECES
def test_the_student_version_scores_nothing(piece: str, box, tmp_path: Path) -> None:
    result = graded(release(EXERCISES[piece], tmp_path), make_task(EXERCISES[piece]), box)
    assert result["points"] == 0 and len(failed(result)) == len(result["checks"])
    assert "NotImplementedError" in json.dumps(result)


@PIECES
def test_every_visible_check_stops_at_the_missing_answer(piece: str, tmp_path: Path) -> None:
    notebook = nbformat.read(release(EXERCISES[piece], tmp_path), as_version=4)
    names: dict = {"__name__": "__main__"}
    stopped = []
    for cell in notebook.cells[1:]:
        if cell.cell_type != "code" or "install" in cell.metadata.get("tags", []):
            continue
        try:
            exec(cell.source, names)
        except (NotImplementedError, NameError) as error:  # the second: what an earlier check would have made
            stopped.append((cell.metadata.nbgrader.grade_id, type(error)))
    assert stopped[0] == ("check-1", NotImplementedError) and stopped[-1][0] == "visible-checks"


def name_of(value: str | dict) -> str:
    return value if isinstance(value, str) else value["name"]


@pytest.mark.parametrize(("piece", "wrong"), wrong_solutions(), ids=name_of)
def test_a_wrong_solution_fails_what_it_should(piece: str, wrong: dict, box, tmp_path: Path) -> None:
    path = edited(piece, wrong.get("edits", []), tmp_path, wrong.get("code"))
    result = graded(path, make_task(EXERCISES[piece]), box)
    assert failed(result) == wrong["fails"]
    for check in result["checks"]:
        assert check["status"] == "passed" or len(check["message"]) > 20


@PIECES
def test_three_or_more_mistakes_are_known(piece: str) -> None:
    assert sum(piece == of for of, _ in wrong_solutions()) >= 3


def test_the_library_s_own_functions_are_among_the_wrong_solutions() -> None:
    with_library = [wrong for _, wrong in wrong_solutions() if "the library's" in wrong["name"]]
    assert len(with_library) >= 5 and all(wrong["fails"] for wrong in with_library)


def seed_for(piece: str, name: str, choice: object) -> str:
    """Return the first of the seeds "0", "1", … that draws this choice."""
    return next(str(n) for n in range(1000) if EXERCISES[piece].draw_parameters(str(n))[name] == choice)


def private_cases() -> list[tuple[str, str, object]]:
    return [(piece, name, choice) for piece, exercise in EXERCISES.items()
            for name, parameter in exercise.parameters.items() for choice in parameter.choices[1:]]  # fmt: skip


def test_at_least_three_exercises_have_parameters() -> None:
    assert len({piece for piece, _, _ in private_cases()}) >= 3


@pytest.mark.parametrize(("piece", "name", "choice"), private_cases())
def test_a_private_seed_wants_another_answer(piece: str, name: str, choice, box, tmp_path: Path) -> None:
    exercise = EXERCISES[piece]
    task = make_task(exercise, seed_for(piece, name, choice))
    copied = graded(exercise.notebook, task, box)
    assert copied["points"] <= 0.6 * copied["max_points"], "an answer to the public version is worth too much"
    solved = graded(edited(piece, [OTHERWISE[piece, name][choice]], tmp_path), task, box)
    assert failed(solved) == []


@pytest.mark.parametrize(("piece", "name", "choice"), private_cases())
def test_right_answers_to_a_private_task_pass_its_visible_checks(piece: str, name: str, choice, tmp_path: Path) -> None:
    solved = json.loads(edited(piece, [OTHERWISE[piece, name][choice]], tmp_path).read_text(encoding="utf-8"))
    answers = {cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"]) for cell in solved["cells"]
               if cell["metadata"].get("nbgrader", {}).get("solution")}  # fmt: skip
    released = json.loads(student_version(EXERCISES[piece], seed_for(piece, name, choice)))
    names: dict = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in released["cells"][1:]:
            if cell["cell_type"] == "code" and "install" not in cell["metadata"].get("tags", []):
                grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
                exec(answers.get(grade_id, "".join(cell["source"])), names)
    assert printed.getvalue().endswith("The visible checks pass.\n")
