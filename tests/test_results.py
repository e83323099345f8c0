"""Results: files that are not results are named, and results.csv is complete, stable and no program."""

import csv
import io
import json
import random

import pytest

from course_lib.grading.results import ResultError, read_results, write_csv
from course_lib.grading.text import guard_cell, one_line, unguard_cell, visible
from result_files import check, grader_error, result, write_results


def table(folder) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(write_csv(folder).read_bytes().decode("utf-8"), newline="")))


def test_a_row_a_student_and_exercise_and_a_column_a_check(tmp_path):
    other = result("bob", "loss", late=True, points=1, max_points=1, checks=[check("masks", 1, 1)], manual=[])
    write_results(tmp_path, other, result("ada"), result("bob", late=False))
    rows = table(tmp_path)
    assert [(row["student"], row["exercise"]) for row in rows] == [
        ("ada", "clipping"),
        ("bob", "clipping"),
        ("bob", "loss"),
    ]
    assert list(rows[0]) == [
        "student", "exercise", "status", "late", "points", "max",
        "clipping: adds", "clipping: keeps order", "loss: masks", "open by hand", "notes",
    ]  # fmt: skip
    assert list(rows[0].values()) == ["ada", "clipping", "graded", "", "3", "4", "3", "0", "", "2", ""]
    assert list(rows[2].values()) == ["bob", "loss", "graded", "yes", "1", "1", "", "", "1", "", ""]


def test_without_a_grade_there_is_no_number(tmp_path):
    failed = grader_error() | {"checks": [check("adds", 0, 3, "not_run")]}
    [row] = table(write_results(tmp_path, failed))
    assert (row["status"], row["points"], row["clipping: adds"]) == ("grader_error", "", "")
    assert "The box failed." in row["notes"]


def test_a_zero_is_a_zero_where_the_student_failed_and_says_why(tmp_path):
    checks = [check("adds", 0, 3, "time_out"), check("keeps order", 0, 1, "student_error", "x", 7)]
    [row] = table(write_results(tmp_path, result(points=0, checks=checks, notes=["cell 2 stopped"])))
    assert (row["points"], row["clipping: adds"]) == ("0", "0")
    assert row["notes"] == "cell 2 stopped | adds: time-out | keeps order: error in the student's code, line 7"


def test_the_order_of_checks_is_that_of_the_fullest_list(tmp_path):
    short = result("aaa", checks=[check("keeps order", 1, 1)], points=1)
    rows = table(write_results(tmp_path, short, result("bob")))
    assert [name for name in rows[0] if ":" in name] == ["clipping: adds", "clipping: keeps order"]


def test_the_same_results_give_the_same_bytes_whatever_the_order_of_writing(tmp_path):
    results = [result(student, exercise) for student in ("b", "a", "ä") for exercise in ("loss", "clipping")]
    one, two = write_results(tmp_path / "1", *results), write_results(tmp_path / "2", *reversed(results))
    assert write_csv(one).read_bytes() == write_csv(two).read_bytes() == write_csv(one).read_bytes()


INJECTIONS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "'=1",
    "a;=1",
    'a",=1',
    "a\n=1",
    " =1",
    "＝1",
    "a|-1",
    "==",
    "''=1",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_cell_is_a_formula_for_any_separator(tmp_path, text):
    checks = [check(text, 3, 3)]
    values = result(notes=[text], checks=checks, exercise="clipping")
    content = write_csv(write_results(tmp_path, values)).read_bytes().decode()
    for separator in ",;\t|":
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=separator):
            for cell in row:
                assert not any(line.lstrip(" ").startswith(tuple("=+-@\t\r＝＋－＠")) for line in cell.split("\n")), (
                    cell,
                    separator,
                )


def test_a_guarded_text_is_legible_and_comes_back_whole():
    draw = random.Random(5)
    texts = ["".join(draw.choices("=+-@'\t\r\n ;,|\"a＝", k=draw.randrange(9))) for _ in range(20_000)]
    for text in [*texts, *INJECTIONS, "", "plain - text, (a = b)"]:
        assert unguard_cell(guard_cell(text)) == text
        assert not guard_cell(text).startswith(tuple("=+-@\t\r"))
    assert guard_cell("plain - text, (a = b)") == "plain - text, (a = b)"
    assert guard_cell("=1") == "'=1"


def test_names_with_commas_quotes_newlines_and_directions_stay_in_their_cell(tmp_path):
    note = 'say "hi", then\nleave\u202e\x00\x1b[0m'
    [row] = table(write_results(tmp_path, result(notes=[note])))
    assert row["notes"] == 'say "hi", then\nleave\\u202e\\u0000\\u001b[0m'


def test_half_a_character_does_not_stop_the_table(tmp_path):
    [row] = table(write_results(tmp_path, result(notes=["\ud800"])))
    assert row["notes"] == "\\ud800"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"status": "fine"}, "status is 'fine'"),
        ({"points": None}, "only grader_error has none"),
        ({"points": float("nan")}, "points is nan"),
        ({"points": -1}, "points is -1"),
        ({"points": True}, "points is True"),
        ({"points": "3"}, "points is '3'"),
        ({"max_points": float("inf")}, "max_points is inf"),
        ({"late": 1}, "late is int"),
        ({"checks": {}}, "checks is dict"),
        ({"checks": [7]}, "a check is int"),
        ({"checks": [check("x", 1, 1) | {"line": 1.5}]}, "line is 1.5"),
        ({"checks": [check("x", 1, 1, "won")]}, "status is 'won'"),
        ({"notes": [None]}, "a note is NoneType"),
        ({"manual": [{"id": "q"}]}, "'max_points' is missing"),
        ({"student": "bob"}, "it is about bob/clipping"),
        ({"exercise": "loss"}, "it is about ada/loss"),
        ({"log": None}, "log is NoneType"),
    ],
)
def test_what_is_no_result_is_named_with_its_file(tmp_path, change, words):
    write_results(tmp_path, result())
    path = tmp_path / "ada/clipping.json"
    path.write_text(json.dumps(result() | change))
    with pytest.raises(ResultError, match="clipping.json is not a result") as raised:
        read_results(tmp_path)
    assert words in str(raised.value)


@pytest.mark.parametrize("text", ["", "[", "[]", "[" * 100_000, "3", '{"schema": 1}'])
def test_any_other_file_is_refused(tmp_path, text):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada/clipping.json").write_text(text)
    with pytest.raises(ResultError, match="Remove it and grade"):
        write_csv(tmp_path)
    assert not (tmp_path / "results.csv").exists()


def test_no_results_are_an_error_that_says_what_to_give(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ResultError, match="the folder that course grade wrote"):
        read_results(tmp_path)


def test_visible_text_keeps_what_people_write():
    assert visible("naïve 名前 👩\u200d💻 שלום\tx\r\ny\rz") == "naïve 名前 👩\u200d💻 שלום    x\ny\nz"
    assert visible("\u202e\u2066\u200b\ufeff\x07\U000e0041") == "\\u202e\\u2066\\u200b\\ufeff\\u0007\\U000e0041"
    assert one_line("a\nb" + "c" * 300, 10) == "a bcccccc…"
