"""Plant deliberate faults, one at a time, and see that a test fails for each.

    python -m tools.mutants            all of them
    python -m tools.mutants clip eval  those whose name contains one of the words

Each fault is a text replacement in a temporary copy of the library and its tests; the working tree
is not touched. Exit status 1 if a fault survives, or if its text is no longer found.
"""

import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools.mutants_list import MUTANTS, Mutant
from tools.project import ROOT

AT_ONCE = 2
LIMIT_S = 180
FORKS = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Outcome:
    """What became of one fault."""

    mutant: Mutant
    verdict: str
    detail: str
    seconds: float

    @property
    def is_killed(self) -> bool:
        return self.verdict == "killed"


def plant(mutant: Mutant, copy: Path) -> None:
    """Write the faulty tree to `copy`.

    Raises:
        ValueError: the text to replace does not occur exactly once.
    """
    for name in ("course_lib", "tests", "tools"):
        ignore = shutil.ignore_patterns("__pycache__", "widgets", "browser")
        if name == "tools":
            ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    target = copy / "course_lib" / mutant.file
    text = target.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(f"{text.count(mutant.old)} times in {mutant.file}: {mutant.old!r}")
    target.write_text(text.replace(mutant.old, mutant.new))


def run(mutant: Mutant) -> Outcome:
    """Plant one fault and run the tests that should notice it, in a process of their own."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        try:
            plant(mutant, copy)
        except ValueError as error:
            return Outcome(mutant, "STALE", str(error), 0.0)
        # Forked from a server that has imported PyTorch already: that import takes longest.
        process = FORKS.Process(target=_run_tests, args=(folder, mutant.tests))
        process.start()
        process.join(LIMIT_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            return Outcome(mutant, "TOO LONG", f"no end in {LIMIT_S} s", time.monotonic() - start)
        output = (copy / "output").read_text()
    seconds = time.monotonic() - start
    if process.exitcode == 0:
        return Outcome(mutant, "SURVIVED", f"{mutant.tests} passed", seconds)
    killer = re.search(r"^FAILED tests/(\S+)", output, re.MULTILINE)
    if process.exitcode != 1 or killer is None:  # not a failed test: a broken fault
        return Outcome(mutant, "BROKEN", output[-500:], seconds)
    return Outcome(mutant, "killed", killer[1], seconds)


def _run_tests(folder: str, tests: str) -> None:
    output = os.open(f"{folder}/output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    # The copy comes first on the path, before the working tree and any installed course_lib.
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = folder
    sys.dont_write_bytecode = True
    import pytest

    options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-rfE", "--color=no"]
    sys.exit(pytest.main([*options, *(f"tests/test_{name}.py" for name in tests.split())]))


def main(words: list[str]) -> int:
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    os.environ["OMP_NUM_THREADS"] = "1"
    FORKS.set_forkserver_preload(["torch", "pytest", "pooch", "requests"])
    start, outcomes = time.monotonic(), []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(run, chosen):
            outcomes.append(outcome)
            line = f"{outcome.verdict:9} {outcome.mutant.name:48} {outcome.detail} ({outcome.seconds:.0f} s)"
            print(line, flush=True)
    killed = sum(outcome.is_killed for outcome in outcomes)
    print(f"{killed} of {len(outcomes)} faults killed in {time.monotonic() - start:.0f} s")
    return 0 if outcomes and killed == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
