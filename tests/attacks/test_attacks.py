"""Hostile submissions, graded for real in one run, each followed by an honest one.

Each earns what its honest part solves and nothing else, has the right outcome, reaches nothing, leaves
nothing behind; and whatever it did, the submission after it gets full marks.
"""

import csv
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from attack import FULL, HONEST, Attack, notebook, write_exercises
from markdown_it import MarkdownIt
from on_answers import ON_ANSWERS
from on_feedback import ON_FEEDBACK
from on_files import ON_FILES
from on_resources import ON_RESOURCES
from on_walls import ON_WALLS

import course_lib
from test_feedback import ALLOWED, Page

ATTACKS = {attack.name: attack for attack in (*ON_ANSWERS, *ON_FEEDBACK, *ON_FILES, *ON_WALLS, *ON_RESOURCES)}
NAMES = {name: f"{number:03}-{name}" for number, name in enumerate(ATTACKS, start=1)}
HONEST_NAMES = ["000-honest", *(f"{student}-next" for student in NAMES.values())]
pytestmark = pytest.mark.box


@dataclass(frozen=True)
class Run:
    """A finished run over all attacks: its folder, the token of this run, what it printed, who called."""

    base: Path
    token: str
    output: str
    seconds: float
    callers: list[str]

    def result(self, student: str, piece: str = "total") -> dict:
        return json.loads((self.base / "results" / student / f"{piece}.json").read_text())

    def result_of(self, name: str) -> dict:
        return self.result(NAMES[name], ATTACKS[name].piece)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    base = tmp_path_factory.mktemp("attacked")
    token = f"tok{uuid.uuid4().hex[:10]}"
    write_exercises(base / "exercises", token)
    _plant(base, token)
    callers: list[str] = []
    with _listening(base, token, callers) as port:
        for name, attack in ATTACKS.items():
            words = {"@BASE@": str(base), "@PORT@": str(port), "@TOKEN@": token}
            submit(base / "submitted", NAMES[name], attack, words)
        for student in HONEST_NAMES:
            submit(base / "submitted", student, Attack("honest", "", HONEST), {})
        before = _fingerprints(base)
        start = time.monotonic()
        program = "from course_lib.cli import main; main()"
        options = ["-o", "results", "--exercises", "exercises", "-j", "2"]
        line = [sys.executable, "-c", program, "grade", "submitted", *options]
        library = str(Path(course_lib.__file__).parents[1])
        environment = os.environ | {"HOME": str(base / "home"), "PROBE_SECRET": token, "PYTHONPATH": library}
        done = subprocess.run(line, cwd=base, env=environment, capture_output=True, text=True)
        seconds = time.monotonic() - start
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert _fingerprints(base) == before
    return Run(base, token, done.stdout, seconds, callers)


def submit(submitted: Path, student: str, attack: Attack, words: dict[str, str]) -> None:
    path = submitted / student / attack.piece / f"{attack.piece}.ipynb"
    path.parent.mkdir(parents=True)
    if attack.build:
        attack.build(path)
        return
    source = attack.source
    for word, value in words.items():
        source = source.replace(word, value)
    path.write_text(notebook(source))


def _plant(base: Path, token: str) -> None:
    """Put what nobody may read where graders have it."""
    (base / "home" / ".ssh").mkdir(parents=True)
    (base / "home" / "gradebook.db").write_text(token)
    (base / "home" / ".ssh" / "id").write_text(token)
    (base / "secret.ipynb").write_text(notebook(f"{HONEST}# {token}"))
    (base / "classmate").mkdir()
    (base / "classmate" / "total.ipynb").write_text(notebook(f"{HONEST}# {token}"))


class _listening:
    """Sockets of this machine that note who calls."""

    def __init__(self, base: Path, token: str, callers: list[str]) -> None:
        self._sockets = [socket.socket(), *(socket.socket(socket.AF_UNIX) for _ in range(2))]
        for each, address in zip(self._sockets, (("127.0.0.1", 0), str(base / "socket"), f"\0{token}")):
            each.bind(address)
            each.listen()
            threading.Thread(target=self._listen, args=(each, callers), daemon=True).start()

    @staticmethod
    def _listen(listener: socket.socket, callers: list[str]) -> None:
        try:
            while True:
                listener.accept()[0].close()
                callers.append(str(listener.getsockname()))
        except OSError:
            pass  # closed: the run is over

    def __enter__(self) -> int:
        return self._sockets[0].getsockname()[1]

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()


def _fingerprints(base: Path) -> dict[str, str]:
    """Everything of the base that a run must leave as it is."""
    found = {}
    for folder in ("home", "exercises", "submitted", "classmate", "secret.ipynb"):
        for path in [base / folder, *(base / folder).rglob("*")]:
            kind = "link" if path.is_symlink() else "file" if path.is_file() else "other"
            content = hashlib.sha256(path.read_bytes()).hexdigest() if kind == "file" else ""
            found[str(path)] = f"{kind} {content}"
    return {name: value for name, value in found.items() if ".cache" not in name and "__pycache__" not in name}


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) == len(ON_ANSWERS + ON_FEEDBACK + ON_FILES + ON_WALLS + ON_RESOURCES) >= 60


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_only_what_it_solves(run: Run, name: str) -> None:
    attack, result = ATTACKS[name], run.result_of(name)
    found = {key: result[key] for key in ("status", "points", "checks", "notes")}
    assert result["status"] in attack.outcomes, found
    assert result["points"] == attack.points, found
    assert result["max_points"] == (FULL if attack.piece == "total" else 2)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_reaches_nothing(run: Run, name: str) -> None:
    result = run.result_of(name)
    assert "GOT" not in result["log"], result["log"]
    # Its own source may hold the token, and its errors then quote it.
    assert run.token not in json.dumps(result) or "@TOKEN@" in ATTACKS[name].source
    assert len(json.dumps(result)) < 200_000


@pytest.mark.parametrize("student", HONEST_NAMES)
def test_the_next_submission_is_graded_right(run: Run, student: str) -> None:
    result = run.result(student)
    assert (result["status"], result["points"], result["notes"], result["log"]) == ("graded", FULL, [], "")
    assert [check["status"] for check in result["checks"]] == ["passed"] * 3


@pytest.mark.parametrize("student", [*NAMES.values(), *HONEST_NAMES])
def test_one_attempt_is_enough(run: Run, student: str) -> None:
    # A second one would mean that something had ended the box that all share.
    attack = next((ATTACKS[name] for name, number in NAMES.items() if number == student), None)
    assert run.result(student, attack.piece if attack else "total")["attempts"] == 1


def test_nobody_called(run: Run) -> None:
    assert run.callers == []


def test_no_file_is_left(run: Run) -> None:
    library = Path(course_lib.__file__).parent
    places = [*map(Path, ("/", "/tmp", "/var/tmp", "/dev/shm", sys.prefix)), Path.cwd(), Path.home(), library]
    left = [path for place in places if place.is_dir() for path in place.iterdir() if run.token in path.name]
    left += [path for path in run.base.rglob("*") if run.token in path.name or path.name.startswith("core")]
    assert left == []
    results = {path.name for path in (run.base / "results").iterdir()}
    assert results == {*NAMES.values(), *HONEST_NAMES, "run.json", "results.csv"}


def test_no_process_is_left(run: Run) -> None:
    names = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            names.append(path.read_bytes())
        except OSError:
            pass
    assert names and not [name for name in names if run.token.encode()[:15] in name]


def test_no_cell_of_the_table_is_a_formula(run: Run) -> None:
    with open(run.base / "results" / "results.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 1 + len(NAMES) + len(HONEST_NAMES)
    assert len({len(row) for row in rows}) == 1
    assert [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "-", "@"))] == []


@pytest.mark.parametrize("name", ["visible-check", *(attack.name for attack in ON_FEEDBACK), "forged-error"])
def test_feedback_is_escaped(run: Run, name: str) -> None:
    folder = run.base / "results" / NAMES[name]
    page = Page((folder / "feedback.html").read_text(encoding="utf-8"))
    assert page.tags <= ALLOWED
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    tokens = MarkdownIt("commonmark").parse((folder / "feedback.md").read_text(encoding="utf-8"))
    kinds = {inner.type for token in tokens for inner in [token, *(token.children or [])]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "hr"}
