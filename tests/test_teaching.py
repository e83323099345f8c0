"""The page "Teaching this course": its commands run in their order, and name what there is."""

import ast
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from course_lib import cli
from course_lib.grading.exercise import DEFAULT_FOLDER, load_exercises
from course_lib.grading.folders import open_run, write_run
from course_lib.grading.release import student_version
from tools import project

PAGE = (project.ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
LINES = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
COMMANDS = [shlex.split(line) for line in LINES]
GRADEBOOK = """Student,ID,SIS Login ID,Section,"{title} (7)"
    Points Possible,,,,12
"Lovelace, Ada",12345,ada,A,
"""


def test_the_page_has_every_command_of_grading() -> None:
    ours = {name for name, (module, _) in cli.COMMANDS.items() if module.startswith("course_lib.grading")}
    assert {command[1] for command in COMMANDS if command[0] == "course"} == ours


def test_other_commands_and_files_exist() -> None:
    others = [command for command in COMMANDS if command[0] != "course"]
    assert [command[0] for command in others] == ["make", ".", "python"]
    assert re.search(r"^venv:", (project.ROOT / "Makefile").read_text(), re.MULTILINE)
    for name in re.findall(r"`((?:deploy|exercises|benchmarks)/[\w./-]+)`", PAGE):
        assert (project.ROOT / name).exists(), name


@pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader with SQLAlchemy 2
def test_the_commands_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    exercise = load_exercises()["clipping"]
    (tmp_path / "gradebook.csv").write_text(GRADEBOOK.format(title=exercise.title))
    with zipfile.ZipFile("submissions.zip", "w") as archive:
        archive.writestr("lovelaceada_12345_678_clipping.ipynb", student_version(exercise, "autumn, a secret of yours"))
    monkeypatch.setenv("PATH", os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    printed = {}
    for line, command in zip(LINES, COMMANDS, strict=True):
        if command[0] == "course":
            cli.main(command[1:])
            printed[line] = capsys.readouterr().out
        elif command[0] == "python":
            subprocess.run(["sh", "-c", line], check=True, timeout=60)
    assert (tmp_path / "results/12345/feedback.html").is_file()
    first, again = (tmp_path / name / "12345/clipping.json" for name in ("results", "again"))
    assert first.read_text() == again.read_text()
    assert "12345" in (tmp_path / "import.csv").read_text() and (tmp_path / "formgrader/gradebook.db").is_file()
    assert '"status": "graded"' in (tmp_path / "merged/12345/clipping.json").read_text()
    assert "](https://example.org/course/" in (tmp_path / "handout/clipping.ipynb").read_text()
    [by_hand] = [out for line, out in printed.items() if "--by-hand" in line]
    assert by_hand.startswith("1 grades in ")


def test_what_the_page_says_of_other_files_is_so() -> None:
    assert "nbgrader==" in (project.ROOT / "requirements.txt").read_text()  # `make venv` installs it
    assert "Bounds on false alarms" in ast.get_docstring(ast.parse((DEFAULT_FOLDER / "checks/batches.py").read_text()))
    for name in ("grade.slurm.sh", "grade-job.yaml"):
        words = re.findall(r"\w+", (project.ROOT / "deploy" / name).read_text())
        assert {"COURSE_SEED", "COURSE_EXERCISES"} <= set(words)


def test_another_seed_than_the_recorded_one_is_refused_and_none_is_taken_from_there(tmp_path: Path) -> None:
    first = open_run(tmp_path / "results", None, "autumn", None)
    write_run(tmp_path / "results", first)
    assert open_run(tmp_path / "results", None, None, None) == first
    record = tmp_path / "results/run.json"
    assert open_run(tmp_path / "again", record, None, None).release_seed == "autumn"
    for folder, secret in (("results", None), ("new", record)):
        with pytest.raises(ValueError, match="--seed"):
            open_run(tmp_path / folder, secret, "winter", None)


def test_every_option_that_the_page_names_is_one_of_its_command(capsys) -> None:
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE))
    known = set()
    for name, (module, _) in cli.COMMANDS.items():
        if module.startswith("course_lib.grading"):
            with pytest.raises(SystemExit):
                cli.main([name, "--help"])
            known |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", capsys.readouterr().out))
    assert options and options <= known
    assert {"--by-hand", "--links-to", "--column"} <= options
