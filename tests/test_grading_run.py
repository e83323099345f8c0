"""Grading many: resumed after a kill, in shards, and never a zero where the grader failed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from boxed import CHECKS, RIGHT, code_notebook, eventually, make_exercise, submit

from course_lib.cli import main
from course_lib.grading import run as run_module
from course_lib.grading.checks import GraderError
from course_lib.grading.exercise import load_exercises
from course_lib.grading.folders import in_shard, read_run
from course_lib.grading.run import Job, grade_all
from course_lib.grading.task import make_task
from tools import project

QUALITIES = [
    RIGHT, RIGHT + "\ndef half(x): return x / 3", "def double(x): return x + x", "def double(x):\n    return x +",
    "x = 1",
]  # fmt: skip
STUDENTS = [f"student-{number:02}" for number in range(10)]


@pytest.fixture(scope="module")
def exercises(tmp_path_factory) -> Path:
    return make_exercise(tmp_path_factory.mktemp("exercises") / "set")


@pytest.fixture(scope="module")
def submitted(tmp_path_factory) -> Path:
    """Ten submissions of mixed quality, and one student who handed nothing in."""
    folder = tmp_path_factory.mktemp("submitted")
    for number, name in enumerate(STUDENTS):
        submit(folder, name, code_notebook(QUALITIES[number % len(QUALITIES)]))
    (folder / "absent").mkdir()
    (folder / "secret.txt").write_text("a secret of the teacher's")
    return folder


def grade(submitted: Path, exercises: Path, results: Path, *more: str) -> None:
    main(["grade", str(submitted), "-o", str(results), "--exercises", str(exercises), *more])


def secret_of(submitted: Path) -> Sequence[str]:
    return "--secret", str(submitted / "secret.txt")


def results_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*.json"))}


@pytest.fixture(scope="module")
def whole(submitted: Path, exercises: Path, tmp_path_factory) -> Path:
    """The results of an undisturbed run."""
    results = tmp_path_factory.mktemp("whole") / "results"
    grade(submitted, exercises, results, "-j", "2", *secret_of(submitted))
    return results


@pytest.mark.box
def test_a_run_grades_everybody_and_lists_who_is_missing(whole: Path, submitted, exercises, tmp_path, capsys) -> None:
    points = {path: json.loads(data)["points"] for path, data in results_in(whole).items()}
    assert [points[f"{name}/doubling.json"] for name in STUDENTS] == [4, 3, 3, 0, 0] * 2
    assert (whole / "run.json").stat().st_mode & 0o777 == 0o600
    assert (whole / "results.csv").is_file() and (whole / STUDENTS[0] / "feedback.html").is_file()
    grade(submitted, exercises, whole, *secret_of(submitted))
    said = capsys.readouterr().out
    assert "10 of 10 were graded before" in said and "Not handed in:\n  absent/doubling" in said


@pytest.mark.box
def test_a_killed_run_goes_on_to_the_same_results(whole: Path, submitted, exercises, tmp_path: Path) -> None:
    results = tmp_path / "results"
    words = ["grade", submitted, "-o", results, "--exercises", exercises, "-j", "1", *secret_of(submitted)]
    line = [sys.executable, "-c", "from course_lib.cli import main; main()", *map(str, words)]
    with subprocess.Popen(line, cwd=project.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert eventually(lambda: len(results_in(results)) >= 2, seconds=120)
        process.send_signal(signal.SIGKILL)
    before = results_in(results)
    assert 2 <= len(before) < len(STUDENTS)
    written = {path: (results / path).stat().st_mtime_ns for path in before}
    grade(submitted, exercises, results, *secret_of(submitted))
    assert results_in(results) == results_in(whole)
    assert {path: (results / path).stat().st_mtime_ns for path in before} == written
    assert (results / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


@pytest.mark.box
def test_four_shards_merge_to_the_same_bytes(whole: Path, submitted, exercises, tmp_path: Path, capsys) -> None:
    parts = [tmp_path / f"part-{i}" for i in (1, 2, 3, 4)]
    for i, part in enumerate(parts, 1):
        grade(submitted, exercises, part, "--shard", f"{i}/4", "--unsafe", *secret_of(submitted))
    for part in parts[:3], parts, parts:
        main(["merge", *map(str, part), "-o", str(tmp_path / "merged")])
    said = capsys.readouterr().out
    assert "still to come: 4/4" in said.splitlines()[-3] and "still to come" not in said.splitlines()[-1]
    assert (tmp_path / "merged" / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    assert sum(len(results_in(part)) for part in parts) == len(STUDENTS)


def test_a_shard_without_a_student_succeeds_and_merges(submitted, exercises, tmp_path: Path, capsys) -> None:
    submit(tmp_path / "submitted", "ada", code_notebook(RIGHT))
    [empty] = [i for i in (1, 2) if not in_shard("ada", i, 2)]
    parts = [tmp_path / "parts" / str(i) for i in (1, 2)]
    for i, part in enumerate(parts, 1):
        words = ["--shard", f"{i}/2", "--unsafe", *secret_of(submitted)]
        grade(tmp_path / "submitted", exercises, part, *words)
        grade(tmp_path / "submitted", exercises, part, *words)
    assert capsys.readouterr().out.count(f"No submission is in shard {empty}/2") == 2
    assert results_in(parts[empty - 1]) == {} and read_run(parts[empty - 1] / "run.json").shards == ((empty, 2),)
    main(["merge", *map(str, parts), "-o", str(tmp_path / "merged")])
    assert "still to come" not in capsys.readouterr().out
    assert list(results_in(tmp_path / "merged")) == ["ada/doubling.json"]


def test_a_folder_without_submissions_is_wrong_in_a_shard_too(exercises, tmp_path: Path) -> None:
    (tmp_path / "submitted" / "ada").mkdir(parents=True)
    with pytest.raises(SystemExit, match="holds no STUDENT/PIECE"):
        grade(tmp_path / "submitted", exercises, tmp_path / "results", "--shard", "1/2")


def test_a_student_is_in_exactly_one_shard() -> None:
    for name in [*STUDENTS, "ä", "a\udcffb", ""]:
        assert sum(in_shard(name, i, 4) for i in (1, 2, 3, 4)) == 1
    assert [in_shard("student-00", i, 4) for i in (1, 2, 3, 4)] == [in_shard("student-00", i, 4) for i in (1, 2, 3, 4)]
    assert {i for name in STUDENTS for i in (1, 2) if in_shard(name, i, 2)} == {1, 2}


def jobs_of(submitted: Path, exercises: Path, results: Path) -> list[Job]:
    task = make_task(load_exercises(exercises)["doubling"])
    return [Job(name, task, submitted / name / "doubling" / "doubling.ipynb", results / name / "doubling.json", None)
            for name in STUDENTS[:3]]  # fmt: skip


def test_what_changed_is_graded_again_and_nothing_else(submitted, exercises, tmp_path: Path, monkeypatch) -> None:
    for name in STUDENTS[:3]:
        submit(tmp_path / "submitted", name, (submitted / name / "doubling" / "doubling.ipynb").read_bytes())
    grade(tmp_path / "submitted", exercises, tmp_path / "results", "--unsafe", "-j", "1")
    graded: list[str] = []
    real = run_module.grade_file
    monkeypatch.setattr(run_module, "grade_file", lambda *args: graded.append(args[1]) or real(*args))
    again = tmp_path / "submitted", exercises, tmp_path / "results", "--unsafe", "-j", "1"
    grade(*again)
    assert graded == []
    submit(tmp_path / "submitted", STUDENTS[1], code_notebook(RIGHT, "changed = 1"))
    grade(*again)
    assert graded == [STUDENTS[1]]
    checks = exercises / "checks" / "doubling.py"
    try:
        checks.write_text(CHECKS + "\n# changed\n")
        grade(*again)
    finally:
        checks.write_text(CHECKS)
    assert graded == [STUDENTS[1], *STUDENTS[:3]]


def test_a_failing_grader_gives_no_points_and_tries_again(submitted, exercises, tmp_path, monkeypatch, capsys) -> None:
    tries: list[str] = []
    real = run_module.grade_file

    def failing(path, student, *rest):
        tries.append(student)
        if student == STUDENTS[0] and tries.count(student) < 3 or student == STUDENTS[1]:
            raise GraderError("the box was full")
        return real(path, student, *rest)

    monkeypatch.setattr(run_module, "grade_file", failing)
    chosen = ["--student", STUDENTS[0], "--student", STUDENTS[1], "-j", "1", "--unsafe"]
    with pytest.raises(SystemExit) as error:
        grade(submitted, exercises, tmp_path / "results", *chosen)
    assert error.value.code == 3 and tries == [STUDENTS[0]] * 3 + [STUDENTS[1]] * 3
    first, second = (json.loads((tmp_path / "results" / name / "doubling.json").read_text()) for name in STUDENTS[:2])
    assert (first["status"], first["points"], second["status"], second["points"]) == ("graded", 4, "grader_error", None)
    assert f"{STUDENTS[1]}/doubling: The grader failed, not the student: the box was full" in capsys.readouterr().out
    monkeypatch.setattr(run_module, "grade_file", real)
    grade(submitted, exercises, tmp_path / "results", *chosen)
    assert json.loads((tmp_path / "results" / STUDENTS[1] / "doubling.json").read_text())["points"] == 3


@pytest.mark.box
def test_a_box_that_fails_to_start_is_no_zero(submitted, exercises, tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(SystemExit) as error:
        grade(submitted, exercises, tmp_path / "results", "-j", "2")
    assert error.value.code == 3 and results_in(tmp_path / "results") == {}
    said = capsys.readouterr().err
    assert said.count("setting up uid map: Permission denied") == 1 and "nobody was given a zero" in said


def test_a_check_that_hangs_is_given_up(submitted: Path, tmp_path: Path, monkeypatch) -> None:
    over = threading.Event()
    jobs = jobs_of(submitted, make_exercise(tmp_path / "exercises", seconds=1), tmp_path / "results")
    real = run_module.grade_file

    def hanging(path, student, *rest):
        if student == STUDENTS[0]:
            over.wait()
            raise GraderError("given up long ago")
        return real(path, student, *rest)

    monkeypatch.setattr(run_module, "grade_file", hanging)
    monkeypatch.setattr(run_module, "ATTEMPTS", 1)
    monkeypatch.setattr(run_module, "OVERALL_LIMITS", 8)
    started = time.monotonic()
    found = {job.student: result for job, result in grade_all(jobs, b"s" * 32, workers=2, unsafe=True, hang_seconds=20)}
    over.set()
    assert {name: result["status"] for name, result in found.items()} == {
        STUDENTS[0]: "grader_error", STUDENTS[1]: "graded", STUDENTS[2]: "graded"}  # fmt: skip
    assert "did not come to an end" in found[STUDENTS[0]]["notes"][0] and time.monotonic() - started < 120


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--only", "nothing"], "no exercise 'nothing'"), (["--student", "nobody"], "no folder of a student 'nobody'"),
        (["--shard", "5/4"], "5/4"), (["-j", "0"], "'0'"), (["--secret", "SHORT"], "16 or more"),
        (["--seed", ""], "it is empty"),
    ],
)  # fmt: skip
def test_wrong_use_ends_with_a_message(submitted: Path, exercises: Path, tmp_path: Path, capsys, words, says) -> None:
    (tmp_path / "short").write_text("short")
    words = [word.replace("SHORT", str(tmp_path / "short")) for word in words]
    with pytest.raises(SystemExit) as error:
        grade(submitted, exercises, tmp_path / "results", *words)
    assert error.value.code not in (0, None)
    assert says in f"{error.value.code}{capsys.readouterr().err}"


def test_a_folder_is_not_mixed_with_another_runs(submitted: Path, exercises: Path, tmp_path: Path, capsys) -> None:
    grade(submitted, exercises, tmp_path / "results", "--unsafe", "--student", STUDENTS[4])
    (tmp_path / "other").write_text("another secret of 16")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    for folder, words in ((tmp_path / "results", ["--secret", str(tmp_path / "other")]), (tmp_path / "full", [])):
        with pytest.raises(SystemExit) as error:
            grade(submitted, exercises, folder, "--unsafe", *words)
        assert "give another folder" in f"{error.value.code}{capsys.readouterr().err}" or not words
    copied = tmp_path / "again"
    grade(submitted, exercises, copied, "--unsafe", "--secret", str(tmp_path / "results" / "run.json"))
    assert read_run(copied / "run.json").secret == read_run(tmp_path / "results" / "run.json").secret


def test_a_folder_of_results_is_of_one_class(submitted: Path, exercises: Path, tmp_path: Path) -> None:
    mine = ["--unsafe", *secret_of(submitted)]
    for folder, student in (("loss", "1234"), ("clipping", "1235")):  # Moodle may give another student the same number
        submit(tmp_path / folder, student, code_notebook(RIGHT))
        if folder == "loss":
            grade(tmp_path / folder, exercises, tmp_path / "results", *mine)
    before = results_in(tmp_path / "results")
    with pytest.raises(SystemExit, match="does not have .1234/doubling.*another one with -o"):
        grade(tmp_path / "clipping", exercises, tmp_path / "results", *mine)
    assert results_in(tmp_path / "results") == before
    submit(tmp_path / "loss", "1235", code_notebook(RIGHT))  # collected later
    grade(tmp_path / "loss", exercises, tmp_path / "results", *mine)
    assert list(results_in(tmp_path / "results")) == ["1234/doubling.json", "1235/doubling.json"]


def test_a_command_that_grades_nothing_settles_no_seed(submitted: Path, exercises: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, more in ((tmp_path / "empty", []), (submitted, ["--student", "nobody"])):
        with pytest.raises(SystemExit):
            grade(folder, exercises, tmp_path / "results", *more)
    grade(submitted, exercises, tmp_path / "results", "--unsafe", "--student", STUDENTS[4], "--seed", "autumn")
    assert read_run(tmp_path / "results" / "run.json").release_seed == "autumn"


def test_a_part_is_not_merged_into_itself(whole: Path) -> None:
    before = (whole / "run.json").read_bytes()
    with pytest.raises(SystemExit, match="is one of the parts"):
        main(["merge", str(whole), "-o", f"{whole}/../{whole.name}"])
    assert (whole / "run.json").read_bytes() == before


@pytest.mark.parametrize("seed", [None, "autumn"])
def test_a_run_is_reproduced_with_its_own_seed(submitted: Path, exercises: Path, tmp_path: Path, seed) -> None:
    mine = ["--unsafe", "--student", STUDENTS[4]]
    grade(submitted, exercises, tmp_path / "results", *mine, *(["--seed", seed] if seed else []))
    record = tmp_path / "results" / "run.json"
    grade(submitted, exercises, tmp_path / "results", *mine)  # going on needs no --seed
    grade(submitted, exercises, tmp_path / "again", *mine, "--secret", str(record))
    assert read_run(tmp_path / "again" / "run.json").release_seed == seed
    with pytest.raises(SystemExit) as ended:
        grade(submitted, exercises, tmp_path / "other", *mine, "--secret", str(record), "--seed", "spring")
    said = str(ended.value.code)
    assert "--seed 'spring'" in said and (f"--seed {seed!r}" in said if seed else "without --seed" in said)
    assert "leave --seed out" in said and not (tmp_path / "other").exists()
