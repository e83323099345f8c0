"""`course record` and `course runs`."""

import argparse
from pathlib import Path

import pooch

from course_lib import runs
from course_lib.museum.recipes import RECIPES
from course_lib.museum.recorder import record
from course_lib.progress import track


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes to train; course runs lists them")
    parser.add_argument("--all", action="store_true", help="every recipe that is missing or out of date")
    parser.add_argument("--out", type=Path, default=runs.FOLDER, help="folder of the run files (default: the package's)")


def run_record(args: argparse.Namespace) -> None:
    """Train the named recipes, or all that are due, and write their run files."""
    if bool(args.names) == args.all:
        raise SystemExit("Name at least one recipe, or give --all. course runs lists the recipes.")
    unknown = [name for name in args.names if name not in RECIPES]
    if unknown:
        raise SystemExit(f"There is no recipe {unknown[0]!r}. There are: {', '.join(RECIPES)}.")
    names = args.names or [name for name in RECIPES if state(name, args.out) != "recorded"]
    args.out.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names, start=1):
        print(f"{name} ({number} of {len(names)})", flush=True)
        recipe = RECIPES[name]
        partial = Path(pooch.os_cache("course_lib")) / "recording" / f"{name}-{recipe.digest()}"
        for _ in track(record(recipe, args.out, partial), recipe.max_steps):
            pass
        run = runs.load_run(name, args.out)
        print(f"  validation loss {run.val_loss[-1]:.3f}, {run.provenance['wall_seconds']:,.0f} s", flush=True)
    if not names:
        print("Every run is recorded and up to date.")


def state(name: str, folder: Path) -> str:
    """Return "recorded", "missing", "out of date" or "damaged"."""
    try:
        run = runs.load_run(name, folder)
    except FileNotFoundError:
        return "missing"
    except runs.RunFileError:
        return "damaged"
    return "recorded" if run.recipe == RECIPES[name].describe() else "out of date"


def add_runs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=runs.FOLDER, help="folder of the run files (default: the package's)")


def run_runs(args: argparse.Namespace) -> None:
    """List all recipes and the main figures of the runs that are recorded."""
    print(f"{'name':<24}{'steps':>7}{'train':>8}{'val':>8}{'clipped':>9}  change")
    for name, recipe in RECIPES.items():
        there = state(name, args.out)
        figures = f"({there})"
        if there == "recorded":
            run = runs.load_run(name, args.out)
            figures = f"{run.train_loss[-1]:8.3f}{run.val_loss[-1]:8.3f}{run.clipped.mean():9.1%}"
        print(f"{name:<24}{recipe.max_steps:7,}{figures:<25}  {recipe.change}")
