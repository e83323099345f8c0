"""The page "Teaching this course": its commands run in their order, and name what there is."""

import re
import shlex
import shutil
import zipfile
from pathlib import Path

import pytest

from course_lib import cli
from course_lib.grading.release import student_version
from course_lib.grading.exercise import load_exercises
from tools import project

PAGE = (project.ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line) for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]  # fmt: skip
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
    (tmp_path / "secret.txt").write_text("sixteen characters and more")
    with zipfile.ZipFile("submissions.zip", "w") as archive:
        archive.writestr("lovelaceada_12345_678_clipping.ipynb", student_version(exercise, "autumn, a secret of yours"))
    for command in COMMANDS:
        if command[0] == "course":
            run(command)
            capsys.readouterr()
    assert (tmp_path / "results/12345/feedback.html").is_file()
    first, again = (tmp_path / name / "12345/clipping.json" for name in ("results", "again"))
    assert first.read_text() == again.read_text()
    assert "12345" in (tmp_path / "import.csv").read_text() and (tmp_path / "formgrader/gradebook.db").is_file()


def run(command: list[str]) -> None:
    if command[1] == "grade" and "--shard" in command:
        try:
            cli.main(command[1:])
        except SystemExit as ended:  # the one student is in one of the two shards
            assert "in this shard" in str(ended.code)
            shutil.rmtree(command[4])
    elif command[1] == "merge":
        there = [part for part in command[2:-2] if Path(part).is_dir()]
        cli.main(["merge", *there, *command[-2:]])
    else:
        cli.main(command[1:])
