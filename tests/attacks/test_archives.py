"""One hostile archive on its whole way, through `course collect` and `course grade`.

Bombs, links and paths that lead out stop at the door; whoever has a hostile name is graded like anybody.
"""

import csv
import json
import os
import stat
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import pytest
from attack import FULL, HONEST, notebook, write_exercises

import course_lib

TOKEN = f"tok{uuid.uuid4().hex[:10]}"
NAMES = [
    "ada", "o'brien, pat", "two\nlines", "\u202egnp.exe", '=HYPERLINK("x","y")', "-rf", "$(touch " + TOKEN + ")",
    "results.csv", "run.json", "..\u2215up", "<img src=x onerror=alert(1)>", "\x1b[31mred", "x" * 200,
]  # fmt: skip
OUT = ["../{}.ipynb", "../../{}.ipynb", "/tmp/{}.ipynb", "ada/../../{}.ipynb", "C:/{}.ipynb"]
pytestmark = pytest.mark.box


def course(folder: Path, *words: str) -> subprocess.CompletedProcess:
    program = "from course_lib.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(Path(course_lib.__file__).parents[1])}
    line = [sys.executable, "-c", program, *words]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the archive was collected and graded."""
    base = tmp_path_factory.mktemp("above") / "base"
    base.mkdir()
    write_exercises(base / "exercises", TOKEN)
    with zipfile.ZipFile(base / "hostile.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            archive.writestr(f"{name}/total.ipynb", notebook(HONEST))
        archive.writestr("bomb/total.ipynb", b" " * (64 * 2**20) + notebook(HONEST).encode())
        archive.writestr("padded/total.ipynb", b" " * (15 * 2**20) + notebook(HONEST).encode())
        archive.writestr(link("linked/total.ipynb"), "../exercises/total/total.ipynb")
        for name in OUT:
            archive.writestr(name.format(TOKEN), notebook(HONEST))
    collected = course(base, "collect", "hostile.zip", "-o", "submitted", "--exercises", "exercises")
    assert collected.returncode == 0, collected.stdout + collected.stderr
    (base / "said").write_text(collected.stdout)
    graded = course(base, "grade", "submitted", "-o", "results", "--exercises", "exercises", "-j", "2")
    assert graded.returncode == 0, graded.stdout[-3000:] + graded.stderr[-2000:]
    return base


def test_each_hostile_name_is_graded_like_any_other(base: Path) -> None:
    students = json.loads((base / "submitted" / "collection.json").read_text(encoding="utf-8"))["students"]
    folders = {entry["id"]: student for student, entry in students.items()}
    assert set(NAMES) <= set(folders)
    for student in map(folders.get, NAMES):
        result = json.loads((base / "results" / student / "total.json").read_text(encoding="utf-8"))
        assert (result["status"], result["points"], result["attempts"]) == ("graded", FULL, 1), student


def test_bombs_links_and_paths_that_lead_out_are_named_and_refused(base: Path) -> None:
    said = (base / "said").read_text()
    assert said.count("leads out of the archive") == len(OUT)
    assert "zip bomb" in said and "a link" in said and "more than" in said
    assert not {"bomb", "padded", "linked"} & {path.name for path in (base / "submitted").iterdir()}


def test_nothing_lies_where_it_should_not(base: Path) -> None:
    places = [base.parent, base, Path("/tmp"), Path("/"), Path.cwd()]
    assert [path for place in places for path in place.iterdir() if TOKEN in path.name] == []
    assert {path.name for path in base.iterdir()} == {"exercises", "hostile.zip", "submitted", "said", "results"}
    assert {path.name for path in base.parent.iterdir()} == {"base"}


def test_the_table_has_a_row_each_and_no_formula(base: Path) -> None:
    with open(base / "results" / "results.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + len(NAMES)
    assert [text for row in rows for text in row if text.lstrip().startswith(("=", "+", "-", "@"))] == []
