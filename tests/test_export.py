"""Grades for Canvas and Gradescope: nothing dropped, nothing made zero, nothing but what they document."""

import csv
import io
import json
import re

import pytest

from course_lib import cli
from course_lib.grading.gradescope import gradescope_results
from course_lib.grading.results import read_result
from exercise_folder import answered, make_exercises
from result_files import check, grader_error, result, write_results

# As Canvas' exporter writes it (canvas-lms, lib/gradebook_exporter.rb).
TEMPLATE = """Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (55),"Clip, or skip (77)",loss (78),Final Score
,,,,,Manual Posting,,,
    Points Possible,,,,,10,6,6,(read only)
"Lovelace, Ada",101,s-101,ada@example.org,"Section A, B",9,2,,91.5
"Hopper, Grace",102,s-102,grace@example.org,A,8,EX,3,70
"Noether, Emmy",103,s-103,emmy@example.org,A,7,1,,60
"=HYPERLINK(""x"")",104,s-104,104x,A,,,,
"""


def rows_of(path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


@pytest.fixture
def canvas(tmp_path, capsys):
    """Export results with a template; returns the rows, what was printed, and the exit status."""
    exercises = make_exercises(tmp_path / "exercises")

    def run(*results, template: str = TEMPLATE, more: tuple[str, ...] = ()):
        (tmp_path / "template.csv").write_bytes(template.encode())
        write_results(tmp_path / "results", *results)
        status = 0
        try:
            cli.main(["export", str(tmp_path / "results"), "--canvas", str(tmp_path / "template.csv"),
                      "-o", str(tmp_path / "out.csv"), "--exercises", str(exercises), *more])  # fmt: skip
        except SystemExit as ended:
            status = ended.code
        rows = rows_of(tmp_path / "out.csv") if (tmp_path / "out.csv").is_file() else []
        return rows, capsys.readouterr().out, status

    return run


def test_the_file_keeps_canvas_own_columns_and_the_assignments_that_were_graded(canvas):
    rows, out, status = canvas(result("101"), result("103", points=0.5))
    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Clip, or skip (77)"]
    by_id = {row["ID"]: row for row in rows}
    assert by_id["101"]["Clip, or skip (77)"] == "3" and by_id["103"]["Clip, or skip (77)"] == "0.5"
    assert by_id["101"]["Section"] == "Section A, B" and by_id["104"]["Student"] == '=HYPERLINK("x")'
    assert rows[0]["Clip, or skip (77)"] == "" and rows[1]["Clip, or skip (77)"] == "6"
    assert out.startswith("2 grades in ") and status == 0


def test_students_without_a_result_keep_their_cell(canvas):
    rows, _, _ = canvas(result("101"))
    assert {row["ID"]: row["Clip, or skip (77)"] for row in rows if row["ID"]} == {
        "101": "3",
        "102": "EX",
        "103": "1",
        "104": "",
    }


def test_without_a_grade_the_cell_stays_and_the_command_fails(canvas):
    rows, out, status = canvas(result("101"), grader_error("103"))
    assert next(row for row in rows if row["ID"] == "103")["Clip, or skip (77)"] == "1"
    assert "103/clipping" in out and "the grader failed" in out and status == 1


def test_an_unmatched_student_is_listed_and_the_command_fails(canvas):
    rows, out, status = canvas(result("101"), result("nobody"))
    assert "No such student in the template" in out and "nobody/clipping" in out and status == 1
    assert {row["ID"]: row["Clip, or skip (77)"] for row in rows if row["ID"]}["101"] == "3"


def test_an_excused_student_stays_excused(canvas):
    rows, out, status = canvas(result("102"))
    assert next(row for row in rows if row["ID"] == "102")["Clip, or skip (77)"] == "EX"
    assert "102/clipping" in out and status == 0


def test_points_by_hand_and_another_maximum_are_said(canvas):
    _, out, _ = canvas(result("101"), result("101", "loss", manual=[]))
    assert "Without the points that are given by hand (1):\n  101/clipping" in out
    assert "loss: 6 in Canvas, 4 here" in out and "clipping: 6" not in out


@pytest.mark.parametrize("student", ["101", "s-101", "ada@example.org"])
def test_a_student_is_found_by_number_login_and_sis_id(canvas, student):
    rows, _, status = canvas(result(student))
    assert next(row for row in rows if row["ID"] == "101")["Clip, or skip (77)"] == "3" and status == 0


def test_an_id_that_two_rows_claim_matches_none(canvas):
    rows, out, status = canvas(result("grace@example.org"), template=TEMPLATE.replace("emmy@", "grace@"))
    assert "grace@example.org/clipping" in out and status == 1
    assert "3" not in [row["Clip, or skip (77)"] for row in rows]


def test_canvas_number_comes_before_another_students_login(canvas):
    rows, _, _ = canvas(result("104"), template=TEMPLATE.replace("ada@example.org", "104"))
    assert {row["ID"]: row["Clip, or skip (77)"] for row in rows}["104"] == "3"
    assert {row["ID"]: row["Clip, or skip (77)"] for row in rows}["101"] == "2"


def test_an_id_that_could_name_no_folder_is_found_through_the_collection(canvas, tmp_path):
    plain = tmp_path / "plain" / "Ada@Example.org"
    plain.mkdir(parents=True)
    (plain / "clipping.ipynb").write_text(answered("clipping"))
    make_exercises(tmp_path / "set")
    cli.main(
        ["collect", str(tmp_path / "plain"), "-o", str(tmp_path / "submitted"), "--exercises", str(tmp_path / "set")]
    )
    [student] = [path.name for path in (tmp_path / "submitted").iterdir() if path.is_dir()]
    template = TEMPLATE.replace("ada@example.org", "Ada@Example.org")
    rows, _, status = canvas(result(student), template=template, more=("--submitted", str(tmp_path / "submitted")))
    assert rows[2]["Clip, or skip (77)"] == "3" and status == 0


def test_a_column_can_be_named(canvas):
    rows, _, _ = canvas(result("101"), more=("--column", "clipping=Homework 1 (55)"))
    assert rows[2]["Homework 1 (55)"] == "3" and "Clip, or skip (77)" not in rows[2]


def test_first_and_last_names_in_two_columns_a_mark_and_semicolons(canvas):
    template = "\ufeffLastName;FirstName;ID;SIS Login ID;Section;clipping (7)\nLovelace;Ada;101;ada;A;2,5\n"
    rows, _, status = canvas(result("ada"), template=template)
    assert status == 0 and list(rows[0]) == ["\ufeffLastName;FirstName;ID;SIS Login ID;Section;clipping (7)"]
    assert list(rows[0].values()) == ["Lovelace;Ada;101;ada;A;3"]


@pytest.mark.parametrize(
    ("template", "more", "words"),
    [
        ("a,b\n1,2\n", (), "Export Entire Gradebook"),
        ("", (), "Export Entire Gradebook"),
        (TEMPLATE.replace("Clip, or skip", "Other"), (), "0 assignments named 'Clip, or skip'"),
        (TEMPLATE.replace("Homework 1", "clipping"), (), "2 assignments named"),
        (TEMPLATE, ("--column", "clipping"), "write PIECE=HEADING"),
        (TEMPLATE, ("--column", "loss=x"), "of which there is no result"),
        (TEMPLATE, ("--column", "clipping=x"), "0 assignments named 'x'"),
        (TEMPLATE, ("--column", "clipping=ID"), "0 assignments named 'ID'"),
        (TEMPLATE, ("--column", "clipping=Final Score"), "0 assignments named 'Final Score'"),
    ],
)
def test_a_template_or_column_that_does_not_fit_is_refused(canvas, template, more, words):
    rows, _, status = canvas(result("101"), template=template, more=more)
    assert words in status and rows == []


def test_the_template_is_not_replaced(canvas, tmp_path):
    _, _, status = canvas(result("101"), more=("-o", str(tmp_path / "template.csv")))
    assert "-o would replace" in status and (tmp_path / "template.csv").read_bytes() == TEMPLATE.encode()


def test_a_template_that_is_not_utf_8_is_named(canvas, tmp_path):
    (tmp_path / "wide.csv").write_bytes(TEMPLATE.encode("utf-16"))
    rows, _, status = canvas(result("101"), more=("--canvas", str(tmp_path / "wide.csv")))
    assert "wide.csv is not UTF-8" in status and rows == []


def test_an_exercise_without_a_column_is_listed_and_the_others_are_written(canvas):
    results = result("101"), result("101", "loss", manual=[]), result("103", "loss", manual=[])
    rows, out, status = canvas(*results, template=TEMPLATE.replace("Clip, or skip", "Other"))
    assert list(rows[0])[-1] == "loss (78)" and "Other (77)" not in rows[0]
    assert {row["ID"]: row["loss (78)"] for row in rows if row["ID"]} == {"101": "3", "102": "3", "103": "3", "104": ""}
    assert out.startswith("2 grades in ") and status == 1
    assert "No column in the template" in out and "--column 'clipping=HEADING'" in out and "'Other (77)'" in out


def test_with_the_column_named_the_missing_exercise_is_written(canvas):
    more = ("--column", "clipping=Other (77)")
    rows, out, status = canvas(result("101"), template=TEMPLATE.replace("Clip, or skip", "Other"), more=more)
    assert rows[2]["Other (77)"] == "3" and status == 0 and "No column" not in out


def test_two_exercises_never_share_a_column(canvas):
    more = ("--column", "clipping=loss (78)")
    rows, _, status = canvas(result("101"), result("101", "loss"), more=more)
    assert "clipping and loss have the same assignment, 'loss (78)'" in status and rows == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gradescope", "d", "--by-hand", "c"], "--by-hand goes with --canvas"),
        (["--canvas", "t.csv"], "-o FILE.csv goes with --canvas"),
        (["--gradescope", "d", "-o", "x"], "-o FILE.csv goes with --canvas"),
        (["--gradescope", "d", "--column", "a=b"], "--column goes with --canvas"),
    ],
)
def test_options_that_do_not_go_together(arguments, words):
    with pytest.raises(SystemExit, match=words):
        cli.main(["export", "results", *arguments])


def gradescope(tmp_path, *results) -> int:
    write_results(tmp_path / "results", *results)
    try:
        cli.main(["export", str(tmp_path / "results"), "--gradescope", str(tmp_path / "out")])
    except SystemExit as ended:
        return ended.code
    return 0


# https://gradescope-autograders.readthedocs.io/en/latest/specs/, section "Output format".
TOP = {"score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility",
       "stdout_visibility", "extra_data", "tests", "leaderboard"}  # fmt: skip
TEST = {
    "score",
    "max_score",
    "status",
    "name",
    "name_format",
    "number",
    "output",
    "output_format",
    "tags",
    "visibility",
    "extra_data",
}
VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}
FORMATS = {"text", "html", "simple_format", "md", "ansi"}


def test_gradescope_results_hold_what_gradescope_documents(tmp_path):
    hostile = check("<b>x</b>", 0, 1, "time_out", "<script>\u202e", 3)
    assert gradescope(tmp_path, result("ada", checks=[check("adds", 3, 3), hostile], late=True, log="secret path")) == 0
    values = json.loads((tmp_path / "out/ada/clipping/results.json").read_text())
    assert set(values) <= TOP and values["visibility"] in VISIBILITIES and values["stdout_visibility"] in VISIBILITIES
    assert {values["output_format"], values["test_output_format"], values["test_name_format"]} <= FORMATS
    assert values["score"] == 3 and "handed in late" in values["output"] and "seed c0ffee" in values["output"]
    first, second = values["tests"]
    assert set(first) <= TEST and (first["score"], first["max_score"], first["status"]) == (3, 3, "passed")
    assert (second["status"], second["number"]) == ("failed", "2") and "line 3" in second["output"]
    assert values["test_output_format"] == "text" and "\\u202e" in second["output"]
    assert "secret path" not in json.dumps(values)
    assert values["extra_data"]["open_by_hand"] == {"why-clipping": 2}


def test_gradescope_gets_nothing_where_there_is_no_grade(tmp_path, capsys):
    assert gradescope(tmp_path, result("ada"), grader_error("eve")) == 1
    assert [path.parent.parent.name for path in (tmp_path / "out").rglob("results.json")] == ["ada"]
    assert "eve/clipping" in capsys.readouterr().out


def test_gradescope_results_of_no_grade_are_refused(tmp_path):
    write_results(tmp_path, grader_error("eve"))
    with pytest.raises(ValueError, match="has no grade"):
        gradescope_results(read_result(tmp_path / "eve/clipping.json"))


def test_nbgrader_without_nbgrader_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nbgrader.api", None)
    write_results(tmp_path / "results", result("ada"))
    exercises = make_exercises(tmp_path / "exercises")
    with pytest.raises(SystemExit, match="pip install 'nbgrader"):
        cli.main(
            ["export", str(tmp_path / "results"), "--nbgrader", str(tmp_path / "c"), "--exercises", str(exercises)]
        )


def test_the_help_names_every_option_and_a_result_file_is_what_was_read(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["export", "--help"])
    assert set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) == {
        "--help", "--canvas", "--gradescope", "--nbgrader", "--column", "--submitted", "--exercises", "--output",
        "--by-hand",
    }  # fmt: skip
    write_results(tmp_path, result())
    assert read_result(tmp_path / "ada/clipping.json").points == 3
