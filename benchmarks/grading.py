"""`course grade` against `nbgrader autograde` on the same notebooks: submissions a minute, peak memory.

    python benchmarks/grading.py [N] [M] [--kill]

Needs nbgrader (requirements.txt has it), bubblewrap, and the repository. N submissions of mixed quality
(default 300) are made from the exercises, without endless loops: for nbgrader a loop costs its own
time limit, whatever that is set to. M of them (default 24) go through both graders, in blocks of a
third of M, each of one exercise, that come in turns in this one run, so that whatever slows the machine
slows both; rates are compared because nbgrader takes too long for N. Only notebooks that nbgrader can
grade are in the blocks: at one that ends its kernel it gives no grade, and at one with a copied cell it
ends the whole run. Then `course grade` grades all N,
and with --kill once more with a SIGKILL in the middle. nbgrader runs as it comes, one notebook after the
other, on sources with their visible checks; `course grade` runs as many at a time as there are
processors, with its hidden ones.
Memory is the highest sum, over all processes of a grader, of what each has to itself plus its share of
the rest (PSS), looked at ten times a second.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from nbgrader.api import Gradebook

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from submissions import PIECES, Made, make_submissions  # noqa: E402

BLOCKS = 3
FOR_BOTH = {"right", "wrong", "stub", "syntax error", "reordered", "from Colab"}
COURSE = [sys.executable, "-c", "from course_lib.cli import main; main()"]
NBGRADER = [sys.executable, "-m", "nbgrader"]


class Memory(threading.Thread):
    """Watches a process and its descendants; `peak` is in MB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self.peak = pid, 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            self.peak = max(self.peak, sum(map(_share, _family(self._pid))) / 1e6)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _share(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0


def run(line: Sequence[str], folder: Path, kill_after: float | None = None) -> tuple[float, float]:
    """Run a command in `folder`; return its seconds and its peak of memory in MB."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(line, cwd=folder, stdout=output, stderr=output, start_new_session=True)
        memory = Memory(process.pid)
        memory.start()
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        memory.ended.set()
        memory.join()
        output.seek(0)
        # nbgrader ends with 1 when a notebook fails for good, and has gone on to the others before.
        if process.returncode not in (0, 1, -signal.SIGKILL):
            raise SystemExit(f"{' '.join(line)} ended with {process.returncode}:\n{output.read()[-2000:]}")
    return time.monotonic() - start, memory.peak


def ours(folder: Path, submitted: Path, results: str, *more: str) -> tuple[float, float]:
    return run([*COURSE, "grade", str(submitted), "-o", results, "--exercises", "exercises", *more], folder)


def nbgraders_course(folder: Path) -> Path:
    """A course of nbgrader's with our sources, generated once."""
    course = folder / "course"
    for piece in PIECES[:BLOCKS]:
        shutil.copytree(folder / "exercises" / piece, course / "source" / piece)
        run([*NBGRADER, "generate_assignment", piece], course)
    return course


def compare(folder: Path, made: Sequence[Made], block: int) -> list[float]:
    """Print each block's rates of graded submissions and return the ratios."""
    course, ratios = nbgraders_course(folder), []
    for number, piece in enumerate(PIECES[:BLOCKS]):
        chosen = [each.student for each in made if each.piece == piece and each.quality in FOR_BOTH][:block]
        for student in chosen:
            shutil.copytree(folder / "submitted" / student, course / "submitted" / student)
        turns = {
            "course grade": lambda: ours(folder, course / "submitted", f"results-{number}", "--only", piece),
            "nbgrader autograde": lambda: run([*NBGRADER, "autograde", piece], course),
        }
        found = {name: turns[name]() for name in list(turns)[:: 1 if number % 2 else -1]}
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
            theirs = [each.code_score / each.max_code_score for each in book.assignment_submissions(piece)]
        results = [json.loads(path.read_text()) for path in (folder / f"results-{number}").glob("*/*.json")]
        marks = [result["points"] / result["max_points"] for result in results]
        rates = {}
        for name, scores in (("course grade", marks), ("nbgrader autograde", theirs)):
            seconds, peak = found[name]
            rates[name] = len(scores) / seconds * 60
            print(f"  {piece}, {len(chosen)} handed in: {name:18} graded {len(scores)} in {seconds:.1f} s, "
                  f"{rates[name]:.1f} a minute, full marks for {scores.count(1)}, peak {peak:.0f} MB", flush=True)  # fmt: skip
        shutil.rmtree(course / "submitted")
        ratios.append(rates["course grade"] / rates["nbgrader autograde"])
    return ratios


def kill_in_the_middle(folder: Path, seconds: float) -> None:
    line = [*COURSE, "grade", "submitted", "-o", "results-killed", "--exercises", "exercises", "--secret",
            "results-all/run.json"]  # fmt: skip
    run(line, folder, kill_after=seconds / 2)
    done = len(list((folder / "results-killed").glob("*/*.json")))
    run(line, folder)
    same = (folder / "results-killed/results.csv").read_bytes() == (folder / "results-all/results.csv").read_bytes()
    print(f"killed after {done} and resumed: the table is {'the same' if same else 'ANOTHER'}, byte for byte")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n", nargs="?", type=int, default=300)
    parser.add_argument("m", nargs="?", type=int, default=24)
    parser.add_argument("--kill", action="store_true", help="grade all N once more, killed in the middle")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f} at the start, {options.n} submissions, {options.m} for both")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make_submissions(folder, options.n + 1)
        for each in made:
            if each.quality == "endless":
                shutil.rmtree(folder / "submitted" / each.student)
        made = [each for each in made if each.quality != "endless"]
        ratios = compare(folder, made, options.m // BLOCKS)
        print(f"  ratio of the rates on the same notebooks: median {statistics.median(ratios):.1f} "
              f"({min(ratios):.1f} to {max(ratios):.1f})")  # fmt: skip
        seconds, peak = ours(folder, folder / "submitted", "results-all")
        print(f"course grade, {len(made)} in one run: {len(made) / seconds * 60:.0f} a minute, peak {peak:.0f} MB")
        if options.kill:
            kill_in_the_middle(folder, seconds)


if __name__ == "__main__":
    main()
