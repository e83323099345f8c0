"""The `course` command. It only lists the commands: each lives beside what it drives."""

import argparse
import importlib
from collections.abc import Sequence

# Name: module, and what `course --help` says. Modules are imported when their command is called.
COMMANDS = {
    "record": ("course_lib.museum.commands", "train a recipe of the run museum and write its run file"),
    "runs": ("course_lib.museum.commands", "list the recorded runs with their main figures"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; wrong use and foreseeable errors end with a message and a non-zero status."""
    parser = argparse.ArgumentParser(prog="course", description="Around the Transformer: recorded runs and exercises.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, summary) in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    module_name, summary = COMMANDS[chosen.command]
    module = importlib.import_module(module_name)
    own = argparse.ArgumentParser(prog=f"course {chosen.command}", description=summary)
    getattr(module, f"add_{chosen.command}_arguments")(own)
    getattr(module, f"run_{chosen.command}")(own.parse_args(rest))
