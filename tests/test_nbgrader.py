"""nbgrader's own tools work on our sources and on our grades: release, gradebook, export, formgrader."""

import csv
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbgrader import api
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import ExportApp
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import read as read_nbgrader
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import Config

from course_lib import cli
from course_lib.grading.exercise import DEFAULT_FOLDER, Exercise, load_exercises
from course_lib.grading.nbgrader_course import autograded_notebook, harmless_markdown, scripts_on_path
from course_lib.grading.release import student_version
from course_lib.grading.results import read_results
from exercise_folder import answered, cell, make_exercises, notebook
from result_files import check, grader_error, result, write_results
from test_feedback import HOSTILE, Page

# nbgrader joins objects in an order of which SQLAlchemy 2 warns.
pytestmark = pytest.mark.filterwarnings("ignore:Object of type")
EXERCISES = load_exercises()
MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN")


@pytest.fixture(scope="module", autouse=True)
def alembic_once() -> Iterator[None]:
    """nbgrader starts a process whenever it opens a gradebook, to ask which version its own schema has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "get_alembic_version", functools.cache(api.get_alembic_version))
        yield


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Path:
    """An nbgrader course whose own `generate_assignment` has released every exercise."""
    course = tmp_path_factory.mktemp("course")
    for piece in EXERCISES:
        folder = course / "source" / piece
        folder.mkdir(parents=True)
        for path in (DEFAULT_FOLDER / piece).iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        config = Config()
        config.CourseDirectory.root, config.CourseDirectory.assignment_id = str(course), piece
        config.CourseDirectory.db_url = f"sqlite:///{course}/gradebook.db"
        with scripts_on_path():
            GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
    return course


def solution_lines(exercise: Exercise) -> set[str]:
    """Every line of a source that students must not see, if it is long enough to tell anything."""
    source = json.loads(exercise.notebook.read_text())
    lines, inside = set(), False
    for each in source["cells"]:
        text = "".join(each["source"])
        mark = each["metadata"].get("nbgrader", {})
        if each["cell_type"] == "markdown" and mark.get("solution"):
            lines.update(text.splitlines())
        for line in text.splitlines():
            inside = (inside or "BEGIN SOLUTION" in line) and "END SOLUTION" not in line
            if inside:
                lines.add(line.strip())
    given = {line.strip() for line in student_version(exercise).splitlines()}
    return {line for line in lines if len(line) > 15 and json.dumps(line)[1:-1] not in "\n".join(given)}


@pytest.mark.parametrize("piece", EXERCISES)
def test_nbgraders_release_holds_no_solution_and_no_hidden_check(released, piece):
    folder = released / "release" / piece
    assert [path.name for path in folder.iterdir()] == [f"{piece}.ipynb"]
    text = (folder / f"{piece}.ipynb").read_text()
    secret = solution_lines(EXERCISES[piece])
    assert secret and [line for line in secret if json.dumps(line)[1:-1] in text] == []
    assert [marker for marker in MARKERS if marker in text] == []
    checks = EXERCISES[piece].checks.read_text()
    hidden = {line.strip() for line in checks.splitlines() if line.strip().startswith(("@check", "expect", "fail("))}
    assert hidden and [line for line in hidden if json.dumps(line)[1:-1] in text] == []


@pytest.mark.parametrize("piece", EXERCISES)
def test_nbgrader_and_we_release_the_same_cells(released, piece):
    theirs = nbformat.read(released / "release" / piece / f"{piece}.ipynb", as_version=4)
    ours = nbformat.reads(student_version(EXERCISES[piece]), as_version=4)
    for one, other in zip(theirs.cells, ours.cells, strict=True):
        ids = [each.metadata.get("nbgrader", {}).get("grade_id") for each in (one, other)]
        assert one.cell_type == other.cell_type and ids[0] == ids[1]
        assert (
            one.cell_type == "markdown"
            and "<!--" in one.source
            or one.source == other.source
            or "# parameter" in one.source
        )


@pytest.mark.parametrize("piece", EXERCISES)
def test_nbgrader_counts_the_points_that_we_count(released, piece):
    with Gradebook(f"sqlite:///{released}/gradebook.db") as gradebook:
        assert gradebook.find_assignment(piece).max_score == EXERCISES[piece].points


TEXTS = {"ada": answered("clipping"), "bob": answered("clipping", answer=""), "cleo": notebook(cell("code", "x = 1")),
         "dan": "not a notebook", "eve": answered("clipping")}  # fmt: skip
ADA = [check("adds", 3, 3), check("keeps order", 0, 1, message="The order changed.")]


@pytest.fixture
def graded(tmp_path) -> Path:
    """A folder with exercises, submissions and results of five students, the last one without a grade."""
    make_exercises(tmp_path / "exercises")
    results = {
        "ada": result("ada", checks=ADA, points=3, late=True),
        "bob": result("bob", points=0.1, checks=[check("adds", 0.1, 3, "failed"), check("keeps order", 0, 1)]),
        "cleo": result("cleo", manual=[{"id": "why-clipping", "max_points": 2, "answer": "It lost its mark."}]),
        "dan": result("dan", status="student_error", points=0, checks=[], manual=[], notes=["Not readable."]),
        "eve": grader_error("eve"),
    }
    for student, text in TEXTS.items():
        path = tmp_path / "submitted" / student / "clipping" / "clipping.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        results[student]["submission_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    write_results(tmp_path / "results", *results.values())
    return tmp_path


def export(folder: Path) -> int:
    try:
        cli.main(["export", str(folder / "results"), "--nbgrader", str(folder / "course"), "--submitted",
                  str(folder / "submitted"), "--exercises", str(folder / "exercises")])  # fmt: skip
    except SystemExit as ended:
        return ended.code
    return 0


def gradebook_of(folder: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{folder}/course/gradebook.db")


def test_a_round_trip_through_the_gradebook_keeps_every_point(graded, capsys):
    assert export(graded) == 1  # eve has no grade
    assert "4 grades in" in (out := capsys.readouterr().out) and "eve/clipping" in out
    with gradebook_of(graded) as gradebook:
        assert gradebook.find_assignment("clipping").max_score == 4 + 2
        for each in read_results(graded / "results"):
            if each.is_graded:
                submission = gradebook.find_submission("clipping", each.student)
                assert (submission.score, submission.max_score) == (each.points, 6)
                assert submission.needs_manual_grade
                hand = gradebook.find_grade("why-clipping", "clipping", "clipping", each.student)
                assert (hand.auto_score, hand.max_score, hand.needs_manual_grade) == (None, 2, True)
        with pytest.raises(MissingEntry):
            gradebook.find_submission("clipping", "eve")


def test_nbgraders_own_export_shows_the_points(graded, monkeypatch):
    export(graded)
    monkeypatch.chdir(graded / "course")
    ExportApp.clear_instance()
    app = ExportApp.instance()
    app.initialize(["--to=grades.csv", f"--CourseDirectory.root={graded / 'course'}"])
    app.start()
    ExportApp.clear_instance()
    with open("grades.csv", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {student: float(row["score"]) for student, row in rows.items()} == {
        "ada": 3,
        "bob": 0.1,
        "cleo": 3,
        "dan": 0,
    }
    assert {float(row["max_score"]) for row in rows.values()} == {6}


def test_the_autograded_notebooks_are_valid_and_hold_every_graded_cell(graded):
    export(graded)
    for student in ("ada", "bob", "cleo", "dan"):
        path = graded / f"course/autograded/{student}/clipping/clipping.ipynb"
        with open(path) as file:
            found = read_nbgrader(file, as_version=4)
        nbformat.validate(found)
        ids = [
            each.metadata.nbgrader.grade_id for each in found.cells if each.metadata.get("nbgrader", {}).get("grade")
        ]
        assert sorted(ids) == ["visible-checks", "why-clipping"]
        assert all(not each.get("outputs") for each in found.cells[:-1])
    texts = {each.cell_type: each for each in found.cells}
    assert "cannot be read" in found.cells[0].source and "Not readable." in texts["code"].outputs[0].text
    cleo = json.loads((graded / "course/autograded/cleo/clipping/clipping.ipynb").read_text())
    assert "It lost its mark." in [each["source"] for each in cleo["cells"]]


def formgrader_page(folder: Path, student: str) -> str:
    """What formgrader's page of one submission shows: its own template, resources and exporter."""
    from nbconvert.exporters import HTMLExporter

    settings = Config()
    settings.HTMLExporter.template_name = "formgrade"
    settings.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    path = folder / f"course/autograded/{student}/clipping/clipping.ipynb"
    resources = {
        "assignment_id": "clipping",
        "notebook_id": "clipping",
        "submission_id": "s",
        "index": 0,
        "total": 1,
        "base_url": "/",
        "student": student,
        "last_name": None,
        "first_name": None,
        "notebook_path": "/x",
    }
    return HTMLExporter(config=settings).from_filename(str(path), resources=resources)[0]


def test_formgrader_shows_answer_score_fields_and_what_the_checks_found(graded):
    export(graded)
    page = formgrader_page(graded, "ada")
    for words in ('id="visible-checks"', 'id="why-clipping"', "Because.", "keeps order: not passed, 0 of 1 points",
                  "The order changed.", "It was handed in late."):  # fmt: skip
        assert words in page


def test_nothing_that_a_student_wrote_acts_in_formgrader(graded):
    texts = [*HOSTILE, "[a]\n(javascript:x)", "<a href='javascript:x'>", "$\\href{javascript:x}{y}$"]
    plain, hostile = shown(graded, ["plain"]), shown(graded, texts)
    assert hostile.tags - plain.tags <= HARMLESS
    # A bare address becomes a link that says where it leads; nothing else leads anywhere, nothing is loaded.
    assert all(
        (value or "#").startswith(("#", "/", "https://")) for name, value in hostile.attributes if name == "href"
    )
    loaded = [{value for name, value in page.attributes if name == "src"} for page in (plain, hostile)]
    assert loaded[0] == loaded[1]
    assert not [value for name, value in hostile.attributes if name.startswith("on") and "alert" in (value or "")]


HARMLESS = {
    "em",
    "strong",
    "code",
    "li",
    "ul",
    "ol",
    "hr",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "del",
    "blockquote",
    "h1",
    "h2",
    "br",
    "p",
    "pre",
    "span",
    "a",
}


def shown(folder: Path, texts: list[str]) -> Page:
    """Formgrader's page of a submission that has each of these texts in every place that a student fills."""
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    cells = [cell(kind, text) for text in texts for kind in ("markdown", "code", "raw")]
    marked = cell("markdown", "\n\n".join(texts), "why-clipping", grade=True, solution=True)
    values = result(notes=texts, checks=[check("adds", 3, 3, message="\n".join(texts)), check("b", 0, 1)], manual=[])
    write_results(folder / "one", values)
    [read] = read_results(folder / "one")
    path = folder / "course/autograded/ada/clipping/clipping.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    exercise = load_exercises(folder / "exercises")["clipping"]
    path.write_text(autograded_notebook(read, exercise, notebook(*cells, marked).encode()))
    page = formgrader_page(folder, "ada")
    return Page(page[page.index("<body") :])


def test_what_takes_markdown_apart_leaves_mathematics_and_code():
    for text in ("$a < b$ and $x_{i} > 2$", "`a[i] (x)`", "**bold** & _it_", "1 < 2", "- [ ] list"):
        assert harmless_markdown(text) == text
    assert harmless_markdown("[x](y) <b> ![z](w)") == "[x] (y) < b> ![z] (w)"


def test_exporting_again_changes_nothing_and_keeps_what_a_person_graded(graded):
    export(graded)
    with gradebook_of(graded) as gradebook:
        hand = gradebook.find_grade("why-clipping", "clipping", "clipping", "ada")
        hand.manual_score, hand.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    export(graded)
    with gradebook_of(graded) as gradebook:
        submission = gradebook.find_submission("clipping", "ada")
        assert submission.score == 3 + 1.5 and not submission.needs_manual_grade
        assert len(gradebook.students) == 4


def test_a_changed_submission_is_looked_at_again(graded):
    export(graded)
    with gradebook_of(graded) as gradebook:
        hand = gradebook.find_grade("why-clipping", "clipping", "clipping", "ada")
        hand.manual_score, hand.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    text = answered("clipping", answer="Something else.")
    (graded / "submitted/ada/clipping/clipping.ipynb").write_text(text)
    write_results(graded / "results", result("ada", submission_sha256=hashlib.sha256(text.encode()).hexdigest()))
    export(graded)
    with gradebook_of(graded) as gradebook:
        hand = gradebook.find_grade("why-clipping", "clipping", "clipping", "ada")
        assert hand.manual_score == 1.5 and hand.needs_manual_grade


CANVAS = """Student,ID,Section,clipping (7)
    Points Possible,,,6
Ada,ada,A,1
Bob,bob,A,1
Cleo,cleo,A,1
Eve,eve,A,
"""


def by_hand(folder: Path, *more: str) -> tuple[dict[str, str], int | str | None]:
    """Export for Canvas with the points of the gradebook; return the grades by student, and the exit status."""
    (folder / "canvas.csv").write_text(CANVAS)
    (folder / "import.csv").unlink(missing_ok=True)
    status = None
    try:
        cli.main(["export", str(folder / "results"), "--canvas", str(folder / "canvas.csv"), "-o",
                  str(folder / "import.csv"), "--exercises", str(folder / "exercises"), *more])  # fmt: skip
    except SystemExit as ended:
        status = ended.code
    if not (folder / "import.csv").is_file():
        return {}, status
    with open(folder / "import.csv", newline="") as file:
        return {row["ID"]: row["clipping (7)"] for row in csv.DictReader(file) if row["ID"]}, status


def grade_by_hand(folder: Path, student: str, points: float, cell: str = "why-clipping") -> None:
    with gradebook_of(folder) as gradebook:
        grade = gradebook.find_grade(cell, "clipping", "clipping", student)
        grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.db.commit()


def test_canvas_gets_the_points_that_a_person_gave(graded, capsys):
    export(graded)
    grade_by_hand(graded, "ada", 1.5)
    grade_by_hand(graded, "cleo", 0)
    before = (graded / "course/gradebook.db").read_bytes()
    capsys.readouterr()
    found, _ = by_hand(graded, "--by-hand", str(graded / "course"))
    out = capsys.readouterr().out
    assert found == {"ada": "4.5", "bob": "0.1", "cleo": "3", "eve": ""}
    assert "Without the points that are given by hand (1):\n  bob/clipping\n" in out
    assert (graded / "course/gradebook.db").read_bytes() == before
    assert by_hand(graded)[0] == {"ada": "3", "bob": "0.1", "cleo": "3", "eve": ""}


def test_points_of_the_checks_that_a_person_changed_count_and_those_in_doubt_are_listed(graded, capsys):
    export(graded)
    grade_by_hand(graded, "ada", 2)
    grade_by_hand(graded, "ada", 3.5, "visible-checks")
    assert by_hand(graded, "--by-hand", str(graded / "course"))[0]["ada"] == "5.5"
    with gradebook_of(graded) as gradebook:
        gradebook.find_grade("visible-checks", "clipping", "clipping", "ada").needs_manual_grade = True
        gradebook.db.commit()
    capsys.readouterr()
    assert by_hand(graded, "--by-hand", str(graded / "course"))[0]["ada"] == "3"
    assert "\n  ada/clipping\n" in capsys.readouterr().out


def test_who_is_not_in_the_gradebook_is_listed(graded, capsys):
    export(graded)
    write_results(graded / "results", result("eve", points=2, manual=[]))
    capsys.readouterr()
    found, _ = by_hand(graded, "--by-hand", str(graded / "course"))
    assert found["eve"] == "2" and "\n  eve/clipping\n" in capsys.readouterr().out


@pytest.mark.parametrize("case", ["points", "submission", "no notebook", "no gradebook"])
def test_points_that_a_person_gave_to_another_grading_are_refused(graded, case):
    export(graded)
    grade_by_hand(graded, "ada", 2)
    words = "another grading of ada/clipping"
    digest = hashlib.sha256(TEXTS["ada"].encode()).hexdigest()
    if case == "points":
        write_results(graded / "results", result("ada", checks=ADA, points=2, submission_sha256=digest))
    elif case == "submission":  # as many points for another answer
        write_results(graded / "results", result("ada", checks=ADA, points=3, submission_sha256="cd" * 32))
    elif case == "no notebook":
        (graded / "course/autograded/ada/clipping/clipping.ipynb").unlink()
    else:
        (graded / "course/gradebook.db").unlink()
        words = "run course export --nbgrader"
    found, status = by_hand(graded, "--by-hand", str(graded / "course"))
    assert found == {} and words in status


def test_an_existing_gradebook_of_another_course_is_used(graded):
    (graded / "course").mkdir()
    with Gradebook(f"sqlite:///{graded}/course/gradebook.db", "physics-7"):
        pass
    export(graded)
    with Gradebook(f"sqlite:///{graded}/course/gradebook.db", "physics-7") as gradebook:
        assert gradebook.find_assignment("clipping").course_id == "physics-7"


@pytest.mark.parametrize("case", ["other file", "no file", "points", "unknown"])
def test_what_does_not_fit_is_refused(graded, case):
    path = graded / "submitted/ada/clipping/clipping.ipynb"
    if case == "other file":
        path.write_text(answered("clipping", "return 9"))
        words = "not what was graded"
    elif case == "no file":
        path.unlink()
        words = "There is no"
    elif case == "points":
        digest = hashlib.sha256(TEXTS["ada"].encode()).hexdigest()
        write_results(graded / "results", result("ada", max_points=5.0, submission_sha256=digest))
        words = "Make them equal"
    else:
        write_results(graded / "results", result("ada", "schedule"))
        words = "There is no exercise 'schedule'"
    assert words in export(graded)
