"""Student versions: nothing of the solution in them, the same bytes each time, parameters filled in."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from course_lib import cli
from course_lib.grading.checks import load_checks
from course_lib.grading.exercise import ExerciseError, load_exercises
from course_lib.grading.task import make_task
from course_lib.grading.release import CODE_STUB, TEXT_STUB, colab_link, release, student_version
from tools import project

EXERCISES = load_exercises(project.EXERCISES)
STUDENT = project.EXERCISES / "student"
PIECES = pytest.mark.parametrize("piece", EXERCISES)
REGION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)


def cells_of(text: str) -> list:
    return nbformat.reads(text, as_version=4).cells


def secret_lines(piece: str) -> set[str]:
    """Lines of the solution, sentences of model answers and names of checks that a student may not see."""
    source = cells_of(EXERCISES[piece].notebook.read_text(encoding="utf-8"))
    given = REGION.sub("", "\n".join(cell.source for cell in source))
    code = {line.strip() for cell in source for region in REGION.findall(cell.source) for line in region.splitlines()}
    model_answers = [cell.source for cell in source if cell.cell_type == "markdown" and cell.metadata.nbgrader.solution]
    sentences = {part.strip() for answer in model_answers for part in re.split(r"[.\n]", answer)}
    checks = {check.name for check in load_checks(EXERCISES[piece].checks)}
    # A line of the solution that the notebook also shows elsewhere is no secret.
    unseen = {line for line in code if line not in given}
    return {text for text in unseen | sentences if len(text) > 12} | checks


@PIECES
def test_the_committed_version_is_the_released_one(piece: str) -> None:
    assert (STUDENT / f"{piece}.ipynb").read_text(encoding="utf-8") == student_version(EXERCISES[piece])


def test_nothing_else_is_handed_out() -> None:
    assert sorted(path.name for path in STUDENT.iterdir()) == sorted(f"{piece}.ipynb" for piece in EXERCISES)
    for piece, exercise in EXERCISES.items():  # nbgrader releases whatever lies there
        assert [path.name for path in exercise.notebook.parent.iterdir()] == [f"{piece}.ipynb"]


@PIECES
def test_no_solution_and_no_hidden_check_is_in_it(piece: str) -> None:
    secrets = secret_lines(piece)
    assert len(secrets) > 10
    text = student_version(EXERCISES[piece])
    plain = text.encode().decode("unicode_escape", errors="ignore") + text.replace('\\"', '"').replace("\\\\", "\\")
    assert [secret for secret in secrets if secret in plain] == []
    assert "SOLUTION" not in text and "# parameter:" not in text and "<!--" not in text


@pytest.mark.site
@PIECES
def test_the_page_shows_the_task_and_no_solution(site: Path, piece: str) -> None:
    import html

    page = (site / "exercises" / "student" / f"{piece}.html").read_text(encoding="utf-8")
    words = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert "raise NotImplementedError()" in words and EXERCISES[piece].title in words
    assert [secret for secret in secret_lines(piece) if secret in words] == []
    assert f"/blob/{project.tag()}/exercises/student/{piece}.ipynb" in page


@PIECES
def test_answers_become_stubs_and_outputs_are_gone(piece: str) -> None:
    source = cells_of(EXERCISES[piece].notebook.read_text(encoding="utf-8"))
    notebook = nbformat.reads(student_version(EXERCISES[piece]), as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) == len(source)
    for before, after in zip(source, notebook.cells):
        assert after.metadata == before.metadata
        if before.metadata.get("nbgrader", {}).get("solution"):
            stub = CODE_STUB if before.cell_type == "code" else (TEXT_STUB,)
            assert all(line in after.source for line in stub)
        if after.cell_type == "code":
            assert after.outputs == [] and after.execution_count is None


MANUAL = """
[[manual]]
id = "why-not"
points = 1
"""


@pytest.fixture
def own_set(tmp_path: Path) -> Path:
    """A set of one exercise, as an instructor would copy it."""
    folder = tmp_path / "my exercises"
    shutil.copytree(project.EXERCISES / "schedule", folder / "schedule")
    (folder / "checks").mkdir()
    shutil.copy(project.EXERCISES / "checks" / "schedule.py", folder / "checks")
    shutil.copy(project.EXERCISES / "schedule.toml", folder)
    return folder


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "schedule" / "schedule.ipynb"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_nothing_in_the_file_depends_on_the_solution(own_set: Path) -> None:
    before = student_version(load_exercises(own_set)["schedule"])
    change(own_set, "return floor + (1 - u) * (peak - floor)", "return 3")
    notebook = json.loads((own_set / "schedule" / "schedule.ipynb").read_text())
    notebook["metadata"]["remark"] = "the solution is 3"
    notebook["cells"][2]["metadata"]["remark"] = "the solution is 3"
    notebook["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["3"]}]
    (own_set / "schedule" / "schedule.ipynb").write_text(json.dumps(notebook))
    assert student_version(load_exercises(own_set)["schedule"]) == before


def test_a_seed_changes_the_task_and_only_its_parameters() -> None:
    exercise = EXERCISES["schedule"]
    plain, private = student_version(exercise), student_version(exercise, "a seed")
    assert private == student_version(exercise, "a seed") != plain
    differing = [(a, b) for a, b in zip(plain.splitlines(), private.splitlines(), strict=True) if a != b]
    drawn = exercise.draw_parameters("a seed")
    assert len(differing) == 2
    assert json.dumps(drawn["shape.formula"])[1:-1] in differing[0][1]
    assert str(drawn["shape.quarter"]) in differing[1][1]


@PIECES
def test_a_seed_never_draws_the_public_version(piece: str) -> None:
    exercise = EXERCISES[piece]
    public = exercise.draw_parameters(None)
    drawn = [exercise.draw_parameters(str(seed)) for seed in range(200)]
    for name, parameter in exercise.parameters.items():
        assert public[name] == parameter.choices[0]
        assert {each[name] for each in drawn} == set(parameter.choices[1:])


@pytest.mark.parametrize(
    ("begin", "end"),
    [("# BEGIN SOLUTION", "# END SOLUTION"), ("### BEGIN SOLUTION: the curve", "### END SOLUTION of it"),
     ("###BEGIN SOLUTION", "END SOLUTION")],
)  # fmt: skip
def test_marks_count_as_in_nbgrader_wherever_they_stand_in_a_line(own_set: Path, begin: str, end: str) -> None:
    before = student_version(load_exercises(own_set)["schedule"])
    change(own_set, "### BEGIN SOLUTION", begin)
    change(own_set, "### END SOLUTION", end)
    assert student_version(load_exercises(own_set)["schedule"]) == before


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ({"cell_type": "code", "solution": True, "source": "def forgotten():\n    return 41"}, "without a solution"),
        ({"cell_type": "code", "source": "### BEGIN HIDDEN TESTS\nassert f(3) == 41\n### END HIDDEN TESTS"},
         "'BEGIN HIDDEN TESTS'"),
        ({"cell_type": "code", "solution": True,
          "source": "### BEGIN SOLUTION\n41\n### END SOLUTION\n# BEGIN MARK SCHEME\n41"}, "'BEGIN MARK SCHEME'"),
        ({"cell_type": "markdown", "source": "=== BEGIN MARK SCHEME ===\n41\n=== END MARK SCHEME ==="},
         "'BEGIN MARK SCHEME'"),
        ({"cell_type": "markdown", "source": "### BEGIN SOLUTION\n41\n### END SOLUTION"}, "'BEGIN SOLUTION'"),
    ],
)  # fmt: skip
def test_what_would_stay_is_refused_and_nothing_is_written(own_set: Path, tmp_path: Path, added: dict, said: str):
    for name in ("loss", "loss.toml", "checks/loss.py"):  # a good one, which comes first
        take = shutil.copytree if name == "loss" else shutil.copy
        take(project.EXERCISES / name, own_set / name)
    add_cell(own_set, added)
    with pytest.raises(SystemExit) as ended:
        cli.main(["release", "--exercises", str(own_set), "-o", str(tmp_path / "given")])
    words = str(ended.value.code)
    assert said in words and "schedule.ipynb, cell" in words and "(mine)" in words and "41" not in words
    assert not (tmp_path / "given").exists()


def add_cell(folder: Path, added: dict) -> None:
    """Put a cell at the end of the own exercise, marked as `mine`."""
    path = folder / "schedule" / "schedule.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    marks = {"grade_id": "mine", "solution": added.get("solution", False)}
    notebook["cells"].append(
        {"cell_type": added["cell_type"], "metadata": {"nbgrader": marks}, "source": [added["source"]]}
    )
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_cells_without_a_name_get_ids_of_their_own(own_set: Path) -> None:
    path = own_set / "schedule" / "schedule.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for tags in ([], [], ["a tag: no id"], ["x" * 90], ["x" * 90]):
        own = {"tags": tags} if tags else {}
        notebook["cells"].append({"cell_type": "markdown", "metadata": own, "source": ["Hi"]})
    path.write_text(json.dumps(notebook), encoding="utf-8")
    made = json.loads(student_version(load_exercises(own_set)["schedule"]))
    ids = [cell["id"] for cell in made["cells"]]
    assert len(set(ids)) == len(ids) and {"cell", "cell-2", "a-tag--no-id"} < set(ids)
    nbformat.validate(made)  # it refuses an id that is none; two alike only where it is asked to look


def test_links_can_lead_to_the_website(own_set: Path, tmp_path: Path) -> None:
    added = "[here](#hints) [a](https://example.org/a.ipynb) [b](../../book/teaching.md#cost) [c](../../../etc/x.ipynb)"
    add_cell(own_set, {"cell_type": "markdown", "source": added})
    site = "https://example.org/c/"
    cli.main(["release", "--exercises", str(own_set), "-o", str(tmp_path / "given"), "--links-to", site])
    found = (tmp_path / "given" / "schedule.ipynb").read_text(encoding="utf-8")
    assert "[chapter 5](https://example.org/c/notebooks/05_schedule.html)" in found
    assert "[b](https://example.org/c/book/teaching.html#cost)" in found
    assert "[here](#hints) [a](https://example.org/a.ipynb)" in found and "[c](../../../etc/x.ipynb)" in found
    plain = student_version(load_exercises(own_set)["schedule"])
    assert len(plain.splitlines()) == len(found.splitlines()) and "(../../notebooks/05_schedule.ipynb)" in plain


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    ### END SOLUTION", "    # the end", "without '### END SOLUTION'"),
        ("    ### BEGIN SOLUTION", "    # the beginning", "where it does not belong"),
        ("$1 - u$<!--/shape.formula-->", "$1$<!--/shape.formula-->", "must stand there once"),
        ("# parameter: shape.quarter", "# parameter: quarter", "marks 'quarter"),
        ("quarter = 0.75", "quarter = 3 / 4", "must stand there once"),
    ],
)  # fmt: skip
def test_marks_that_do_not_fit_are_named(own_set: Path, old: str, new: str, said: str) -> None:
    change(own_set, old, new)
    with pytest.raises(ExerciseError, match=re.escape(said)):
        student_version(load_exercises(own_set)["schedule"])


def test_a_parameter_that_the_notebook_forgets_is_named(own_set: Path) -> None:
    with open(own_set / "schedule.toml", "a") as settings:
        settings.write('[parameters.colour]\nchoices = ["red", "blue"]\n')
    with pytest.raises(ExerciseError, match="never mentions the parameter 'colour'"):
        student_version(load_exercises(own_set)["schedule"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("functions = [", 'functions = ["schedul", ', "defines no 'schedul'"), ("", MANUAL, "grade_id 'why-not'")],
)
def test_settings_that_name_what_the_notebook_lacks_are_refused(own_set: Path, old: str, new: str, said: str) -> None:
    settings = own_set / "schedule.toml"
    text = settings.read_text()
    settings.write_text(text.replace(old, new, 1) if old else text + new)
    exercise = load_exercises(own_set)["schedule"]
    for use in (student_version, make_task):
        with pytest.raises(ExerciseError, match=said):
            use(exercise)


def test_the_command_writes_and_says_where(own_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["release", "schedule", "--exercises", str(own_set), "-o", str(tmp_path / "given"), "--seed", "s"])
    path = tmp_path / "given" / "schedule.ipynb"
    assert path.read_text(encoding="utf-8") == student_version(load_exercises(own_set)["schedule"], "s")
    assert capsys.readouterr().out == f"{path}\n"
    second = release(EXERCISES["loss"], tmp_path / "given")
    assert second.read_text(encoding="utf-8") == student_version(EXERCISES["loss"])


def test_the_link_opens_the_public_version_in_colab() -> None:
    address = project.repository().removeprefix("https://github.com/")
    expected = f"https://colab.research.google.com/github/{address}/blob/{project.tag()}/exercises/student/loss.ipynb"
    assert colab_link("loss") == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["release", "--seed", "s"], "say with -o"),
        (["release", "--links-to", "https://example.org"], "say with -o"),
        (["release", "nothing"], "no exercise 'nothing'"),
        (["release", "--exercises", "no such folder"], "holds no PIECE.toml"),
    ],
)
def test_wrong_use_ends_with_a_message(arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        cli.main(arguments)
