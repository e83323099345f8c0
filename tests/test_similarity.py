"""What Dolos and JPlag get: the students' own code, nothing that was given, nothing run."""

import csv
import os
import shutil

import pytest

from course_lib import cli
from course_lib.grading.similarity import definitions, own_code
from exercise_folder import answered, cell, make_exercises, notebook


@pytest.fixture
def course(tmp_path):
    """Two exercises; three submissions of clipping, one of loss."""
    exercises = make_exercises(tmp_path / "exercises")
    source = exercises / "clipping/clipping.ipynb"
    given = cell("code", "import math\n\ndef attempt(x):\n    return x + 1\n", "setup-1", locked=True)
    solution = cell(
        "code", "def clip_or_skip(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n", "clip_or_skip"
    )
    question = cell("markdown", "The model answer.", "why-clipping", grade=True, solution=True, points=2)
    source.write_text(notebook(given, solution, question))
    submitted = tmp_path / "submitted"
    texts = {
        ("ada", "clipping"): notebook(
            given,
            cell("code", "def helper(a):\n    return a  # mine\n\n@wraps\ndef clip_or_skip(x):\n    return helper(x)"),
        ),
        ("bob", "clipping"): notebook(
            cell("code", "def clip_or_skip(x):\n  return 2"), given, cell("code", "print(open('x'))")
        ),
        ("eve", "clipping"): notebook(given),
        ("ada", "loss"): answered("loss", "return 5"),
    }
    for (student, piece), text in texts.items():
        path = submitted / student / piece / f"{piece}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return tmp_path


def similarity(course, capsys) -> str:
    cli.main(
        ["similarity", str(course / "submitted"), "-o", str(course / "out"), "--exercises", str(course / "exercises")]
    )
    return capsys.readouterr().out


def test_the_layout_serves_dolos_and_jplag(course, capsys):
    out = similarity(course, capsys)
    clipping = course / "out/clipping"
    files = sorted(str(path.relative_to(clipping)) for path in clipping.rglob("*") if path.is_file())
    assert files == ["info.csv", "submissions/ada/clipping.py", "submissions/bob/clipping.py", "template/clipping.py"]
    assert f"dolos run -f web -l python {clipping}/info.csv" in out
    assert (
        f"java -jar jplag.jar -l python3 -bc {clipping}/template -r {clipping}/jplag-result {clipping}/submissions"
        in out
    )
    assert "clipping: 2 of 3 submissions" in out and "No code of their own: eve." in out and "loss: 1 of 1" in out


def test_info_csv_names_each_file_and_ignores_the_template(course, capsys):
    similarity(course, capsys)
    with open(course / "out/clipping/info.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["filename"], row["full_name"], row["ignored"]) for row in rows] == [
        ("template/clipping.py", "template", "true"),
        ("submissions/ada/clipping.py", "ada", "false"),
        ("submissions/bob/clipping.py", "bob", "false"),
    ]
    assert all((course / "out/clipping" / row["filename"]).is_file() for row in rows)


def test_the_given_code_is_gone_and_the_answer_leads(course, capsys):
    similarity(course, capsys)
    ada = (course / "out/clipping/submissions/ada/clipping.py").read_text()
    assert ada == "@wraps\ndef clip_or_skip(x):\n    return helper(x)\n\n\ndef helper(a):\n    return a  # mine\n"
    template = (course / "out/clipping/template/clipping.py").read_text()
    assert "attempt" in template and "SOLUTION" not in template and "return x\n" not in template


def test_names_come_from_the_collection_and_are_no_formulas(course, capsys):
    plain = course / "plain" / "=Ada, x"
    plain.mkdir(parents=True)
    (plain / "clipping.ipynb").write_text((course / "submitted/ada/clipping/clipping.ipynb").read_text())
    cli.main(
        ["collect", str(course / "plain"), "-o", str(course / "collected"), "--exercises", str(course / "exercises")]
    )
    (course / "submitted").rename(course / "other")
    (course / "collected").rename(course / "submitted")
    similarity(course, capsys)
    with open(course / "out/clipping/info.csv", newline="") as file:
        assert list(csv.DictReader(file))[1]["full_name"] == "'=Ada, x"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def clip_or_skip(:", "def clip_or_skip(:"),
        ("-" * 100_000 + "1", "-" * 100_000 + "1"),
        ("x = 1", ""),
        ("%load_ext x\n!ls\ndef g(): pass", "def g(): pass"),
        ("async def g():\n    pass\n\n\nclass C:\n    pass", "async def g():\n    pass\n\n\nclass C:\n    pass"),
        ("def g():\n    return '\\d'", "def g():\n    return '\\d'"),
    ],
    ids=["no python", "too deep", "no function", "magics", "async and class", "odd escape"],
)
def test_one_cell(tmp_path, source, expected):
    path = tmp_path / "clipping.ipynb"
    path.write_text(notebook(cell("code", source)))
    assert own_code(path, [], ["clip_or_skip"]) == (expected + "\n" if expected else "")


def test_nothing_is_run(tmp_path):
    path = tmp_path / "clipping.ipynb"
    trap = tmp_path / "ran"
    path.write_text(notebook(cell("code", f"def g(x=open({str(trap)!r}, 'w')): pass\nopen({str(trap)!r}, 'w')")))
    assert own_code(path, [], []).startswith("def g(x=open(")
    assert not trap.exists()


def test_a_notebook_that_cannot_be_read_has_no_code(tmp_path):
    (tmp_path / "clipping.ipynb").write_text("half")
    assert own_code(tmp_path / "clipping.ipynb", [], []) == ""
    assert own_code(tmp_path / "absent.ipynb", [], []) == ""


def test_definitions_keep_their_own_text():
    source = "@a\n@b(1)\ndef f(x):  # note\n    return x\n\nx = f(1)\n"
    assert [text for _, text in definitions(source)] == ["@a\n@b(1)\ndef f(x):  # note\n    return x"]


def test_a_folder_without_submissions_is_an_error(tmp_path):
    exercises = make_exercises(tmp_path / "exercises")
    with pytest.raises(SystemExit, match="holds no STUDENT/PIECE"):
        cli.main(["similarity", str(tmp_path / "none"), "-o", str(tmp_path / "out"), "--exercises", str(exercises)])


def files_below(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_into_the_same_folder_again_what_is_gone_is_taken_away_and_nothing_else(course, capsys):
    similarity(course, capsys)
    result = course / "out/clipping/jplag-result/report.zip"
    result.parent.mkdir()
    result.write_text("JPlag's")
    shutil.rmtree(course / "submitted/bob")
    shutil.rmtree(course / "submitted/ada/loss")
    similarity(course, capsys)
    assert files_below(course / "out") == [
        "clipping/info.csv",
        "clipping/jplag-result/report.zip",
        "clipping/submissions/ada/clipping.py",
        "clipping/template/clipping.py",
        "similarity.json",
    ]
    assert not (course / "out/loss").exists() and not (course / "out/clipping/submissions/bob").exists()
    assert "bob" not in (course / "out/clipping/info.csv").read_text()


@pytest.mark.parametrize("case", ["no record", "a file", "other file", "link", "link to ours", "damaged", "leads out"])
def test_a_folder_that_holds_something_else_is_refused_and_stays(course, capsys, case):
    out = course / "out"
    mine = course / "thesis.txt"
    mine.write_text("mine")
    if case == "no record":
        out.mkdir()
        (out / "notes.txt").write_text("mine")
        words = "no similarity.json; give a new"
    elif case == "a file":
        out.write_text("mine")
        words = "no similarity.json; give a new"
    else:
        similarity(course, capsys)
        shutil.rmtree(course / "submitted/bob")
        words = "not of this command; move it away"
        if case == "other file":
            (out / "clipping/submissions/zoe").mkdir()
            (out / "clipping/submissions/zoe/clipping.py").write_text("x = 1")
        elif case.startswith("link"):
            place = out / "clipping/template" / ("other.py" if case == "link" else "clipping.py")
            place.unlink(missing_ok=True)
            place.symlink_to(mine)
        else:
            words = "not what course wrote"
            (out / "similarity.json").write_text("{" if case == "damaged" else '{"files": ["../thesis.txt"]}')
    before = files_below(course)
    with pytest.raises(SystemExit, match=words):
        similarity(course, capsys)
    assert files_below(course) == before and mine.read_text() == "mine"


@pytest.mark.parametrize("written", range(8))
def test_the_run_after_a_kill_completes_the_folder(course, capsys, monkeypatch, written):
    similarity(course, capsys)
    (course / "submitted/bob").rename(course / "submitted/zoe")
    replace, calls = os.replace, []

    def killed(source, target):
        calls.append(target)
        if len(calls) > written:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(SystemExit):
        similarity(course, capsys)
    monkeypatch.undo()
    (course / "submitted/zoe").rename(course / "submitted/yan")
    similarity(course, capsys)
    assert files_below(course / "out/loss") == ["info.csv", "submissions/ada/loss.py", "template/loss.py"]
    students = sorted(path.name for path in (course / "out/clipping/submissions").iterdir())
    assert students == ["ada", "yan"]


def test_what_a_kill_leaves_is_no_obstacle_and_goes_with_its_folder(course, capsys):
    (course / "out").mkdir()
    (course / "out/.similarity.json.0123.part").write_text("{")
    similarity(course, capsys)
    (course / "out/clipping/submissions/bob/.clipping.py.0123.part").write_text("half")
    shutil.rmtree(course / "submitted/bob")
    similarity(course, capsys)
    assert not (course / "out/clipping/submissions/bob").exists()
