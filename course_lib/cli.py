"""The `course` command. It only lists the commands: each lives beside what it drives."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

# Name: module, and what `course --help` says. NAME's module has `add_NAME_arguments(parser)` and
# `run_NAME(arguments)`; it is imported only when its command is called.
COMMANDS = {
    "record": ("course_lib.museum.commands", "train recipes of the run museum and write their run files"),
    "runs": ("course_lib.museum.commands", "list the recorded runs with their main figures"),
    "claims": ("tools.claims", "hold every figure of the prose to what it comes from"),
    "release": ("course_lib.grading.release", "make the students' versions of the exercises"),
    "collect": ("course_lib.grading.collect", "gather notebooks from Canvas, Moodle or a folder for grading"),
    "grade": ("course_lib.grading.commands", "grade submitted notebooks in a box and write results and feedback"),
    "merge": ("course_lib.grading.commands", "join the results of course grade --shard"),
    "export": ("course_lib.grading.export", "hand grades to Canvas, Gradescope or nbgrader"),
    "similarity": ("course_lib.grading.similarity", "write the students' functions for Dolos or JPlag"),
}
INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command.

    Foreseeable errors, such as a damaged file or a full disk, end with one message on stderr and
    status 1, wrong use with 2, Ctrl-C with 130. Any other error is a fault of ours and keeps its traceback.

    Args:
        arguments: the words after `course`; default: the process's own.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="course", description="Around the Transformer: recorded runs and exercises.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module_name, summary) in COMMANDS.items():
        own = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        if arguments[:1] == [name]:
            module = _import(module_name)
            getattr(module, f"add_{name}_arguments")(own)
            own.set_defaults(run=getattr(module, f"run_{name}"))
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(chosen)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError) as error:
        sys.exit(f"course {chosen.command}: {error}")
    except KeyboardInterrupt:
        print(f"\ncourse {chosen.command}: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _import(module_name: str) -> ModuleType:
    """Import a command's module. One of `tools` is no part of the package: it stands beside it in a checkout."""
    if module_name.startswith("tools."):
        checkout = Path(__file__).resolve().parent.parent
        if not checkout.joinpath(*module_name.split(".")).with_suffix(".py").is_file():
            sys.exit(f"{module_name} is for authors and not installed: run this in a checkout of the repository.")
        sys.path.insert(0, str(checkout))
    return importlib.import_module(module_name)


if __name__ == "__main__":
    main()
