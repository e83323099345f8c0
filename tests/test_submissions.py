"""Forty submissions of mixed quality: what each earns, the same after kills and in four shards."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from boxed import eventually
from submissions import QUALITIES, Made, make_submissions

from course_lib.cli import main

COUNT = 40
pytestmark = pytest.mark.box


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forty")


@pytest.fixture(scope="module")
def made(base: Path) -> list[Made]:
    (base / "secret").write_text("the secret of the forty submissions")
    return make_submissions(base, COUNT)


@pytest.fixture(scope="module")
def whole(base: Path, made: list[Made]) -> Path:
    """The results of an undisturbed run."""
    main(["grade", *words(base, base / "whole"), "-j", "2"])
    return base / "whole"


def words(base: Path, results: Path) -> list[str]:
    options = ["--exercises", base / "exercises", "--secret", base / "secret"]
    return [str(word) for word in (base / "submitted", "-o", results, *options)]


def judgements(results: Path) -> dict[str, dict]:
    """All of every result but what the notebooks printed and how often the grader tried."""
    found = {str(path.relative_to(results)): json.loads(path.read_text()) for path in results.glob("*/*.json")}
    loose = ("log", "attempts")
    return {name: {key: value for key, value in result.items() if key not in loose} for name, result in found.items()}


def test_each_earns_what_it_was_made_for(whole: Path, made: list[Made]) -> None:
    assert {each.quality for each in made} == set(QUALITIES)
    for each in made:
        result = json.loads((whole / each.student / f"{each.piece}.json").read_text())
        failed = [check["name"] for check in result["checks"] if check["status"] != "passed"]
        wanted = [check["name"] for check in result["checks"]] if each.fails is None else list(each.fails)
        assert failed == wanted, (each, result["notes"])
        assert (result["status"] == "time_out") == (each.quality == "endless")


def test_a_run_that_is_killed_twice_ends_with_the_same_grades(base: Path, whole: Path) -> None:
    results = base / "killed"
    line = [sys.executable, "-c", "from course_lib.cli import main; main()", "grade", *words(base, results), "-j", "2"]
    for least in (8, 20):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(line, start_new_session=True, **quiet) as process:
            assert eventually(lambda: len(list(results.glob("*/*.json"))) >= least, seconds=300)
            os.killpg(process.pid, signal.SIGKILL)
        assert least <= len(judgements(results)) < COUNT
        assert not (results / "results.csv").exists()
    main(["grade", *words(base, results), "-j", "2"])
    assert judgements(results) == judgements(whole)
    assert (results / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


def test_four_shards_give_the_same_table(base: Path, whole: Path) -> None:
    parts = [base / f"part-{number}" for number in (1, 2, 3, 4)]
    for number, part in enumerate(parts, start=1):
        main(["grade", *words(base, part), "-j", "2", "--shard", f"{number}/4"])
    assert sum(len(judgements(part)) for part in parts) == COUNT and all(judgements(part) for part in parts)
    main(["merge", *map(str, parts), "-o", str(base / "merged")])
    assert judgements(base / "merged") == judgements(whole)
    assert (base / "merged" / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
