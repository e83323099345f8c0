"""`course record` and `course runs`."""

import argparse
from itertools import chain
from pathlib import Path

import filelock
import pooch

from course_lib import corpus_figures, runs
from course_lib.corpus import SHA256
from course_lib.museum.recipes import RECIPES
from course_lib.museum.recorder import record
from course_lib.progress import track

CORPUS = "corpus"  # beside the recipes: what is counted on the corpus itself
RECORDED, MISSING, OUT_OF_DATE, DAMAGED = "recorded", "missing", "out of date", "damaged"


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `course record` takes."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"a recipe that course runs lists, or {CORPUS!r}")
    parser.add_argument("--all", action="store_true", help="whatever is missing, out of date or damaged")
    parser.add_argument("--again", action="store_true", help="even what is recorded and up to date")
    _add_folder(parser)


def add_runs_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `course runs` takes."""
    _add_folder(parser)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=runs.FOLDER, metavar="FOLDER",
                        help="where the run files lie (default: in the package)")  # fmt: skip


def run_record(arguments: argparse.Namespace) -> None:
    """Record what is named, or all that is due. Interrupted, the same command goes on from the last measured step."""
    known = [CORPUS, *RECIPES]
    if bool(arguments.names) == arguments.all:
        raise ValueError("Name what to record, or give --all and no name. course runs lists the recipes.")
    if unknown := [name for name in arguments.names if name not in known]:
        raise ValueError(f"There is no recipe {unknown[0]!r}. There are: {', '.join(known)}.")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or known:
        if state(name, arguments.out) == RECORDED and not arguments.again:
            if arguments.names:
                print(f"{name} is recorded and up to date; --again records it once more.")
        elif name == CORPUS:
            figures = corpus_figures.count(corpus_figures.load_real_corpus())
            print(f"{name}: {corpus_figures.write_corpus_figures(figures, arguments.out)}", flush=True)
        else:
            _record_alone(name, arguments)


def _record_alone(name: str, arguments: argparse.Namespace) -> None:
    """Record a run unless another process does: two would spoil each other's half-finished files."""
    partial = Path(pooch.os_cache("course_lib")) / "recording" / f"{name}-{RECIPES[name].digest()}"
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(f"{partial}.lock", timeout=0):  # free again as soon as its process ends, however
            _record_run(name, arguments.out, partial)
    except filelock.Timeout:
        message = f"{name} is being recorded by another process, to which it is left."
        if arguments.names:
            raise ValueError(message) from None
        print(message)  # of --all: so several can share the work


def _record_run(name: str, folder: Path, partial: Path) -> None:
    recipe = RECIPES[name]
    records = record(recipe, folder, partial)
    first = next(records, None)
    done = first.step if first else recipe.max_steps
    print(f"{name}: {f'goes on from step {done:,}' if done else f'{recipe.max_steps:,} steps'}", flush=True)
    for _ in track(chain([first] if first else [], records), recipe.max_steps):
        pass
    run = runs.load_run(name, folder)
    ended = f"stopped at step {run.stopped['step']:,}: {run.stopped['reason']}" if run.stopped else "complete"
    print(f"{name}: {ended}", f"  training loss {run.at(-1).train:.3f}, validation loss {run.at(-1).val:.3f}, "
          f"{run.provenance['wall_seconds']:,.0f} s", f"  {folder / name}{runs.SUFFIX}", sep="\n", flush=True)  # fmt: skip


def state(name: str, folder: Path) -> str:
    """Return "recorded", "missing", "out of date" or "damaged" of a recipe's run or of the corpus figures."""
    try:
        if name == CORPUS:
            is_current = corpus_figures.load_corpus_figures(folder).sha256 == SHA256
        else:
            run = runs.load_run(name, folder)
            is_current = run.recipe == RECIPES[name].describe() and run.provenance["corpus"]["sha256"] == SHA256
    except FileNotFoundError:
        return MISSING
    except runs.RunFileError:
        return DAMAGED
    return RECORDED if is_current else OUT_OF_DATE


def run_runs(arguments: argparse.Namespace) -> None:
    """List all recipes with the main figures of their runs: losses at the end in nats, share of clipped steps."""
    width = max(map(len, RECIPES))
    print(f"{'name':{width}} {'steps':>7} {'train':>7} {'val':>7} {'clipped':>8}  change")
    states = {name: state(name, arguments.out) for name in [CORPUS, *RECIPES]}
    for name, recipe in RECIPES.items():
        figures = f"({states[name]})"
        if states[name] == RECORDED:
            run = runs.load_run(name, arguments.out)
            figures = f"{run.at(-1).train:7.3f} {run.at(-1).val:7.3f} {run.clipped.mean():8.1%}"
        stopped = f"; stopped at step {run.stopped['step']:,}" if states[name] == RECORDED and run.stopped else ""
        print(f"{name:{width}} {recipe.max_steps:7,} {figures:24}  {recipe.change}{stopped}")
    print(f"{CORPUS:{width}} {'':7} {f'({states[CORPUS]})':24}  what is counted on the corpus itself")
    due = sum(found != RECORDED for found in states.values())
    print("Everything is recorded and up to date." if not due else f"{due} to record: course record --all")
    for name in sorted(set(runs.run_names(arguments.out)) - set(RECIPES)):
        print(f"{name} has a run file and no recipe; delete the file.")
