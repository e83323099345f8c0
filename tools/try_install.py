"""Run the notebooks' install cell as Colab would, against this working tree.

    python -m tools.try_install PYTHON

A bare repository is made from the working tree and tagged like the release; git is told to take it
for the public address, and the cell runs unchanged in IPython with an empty module `google.colab`.
Afterwards the package has to be there with its data files, and nothing else may have changed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import project
from tools.notebooks import install_source

# Colab's own, which the cell must leave alone. Reinstalling torch alone would take minutes there.
UNTOUCHED = ("torch", "numpy", "ipywidgets", "anywidget", "ipython", "matplotlib", "traitlets")
RUN_CELL = """
import sys, types
sys.modules["google.colab"] = types.ModuleType("google.colab")
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().run_cell(sys.stdin.read()).raise_error()
"""
LOOK = """
import course_lib, importlib.metadata, json, pathlib
root = pathlib.Path(course_lib.__file__).parent
print(json.dumps({"version": importlib.metadata.version("course-lib"), "root": str(root), "files":
    sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.suffix != ".pyc" and p.is_file())}))
"""


# What git is told at home, such as to sign every commit, has no say in a throwaway repository.
OWN_GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def run(command: list[str], directory: Path, text: str | None = None, **variables: str) -> str:
    """Run and return what it printed; its error output reaches the reader as it is."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=directory, input=text, text=True, stdout=subprocess.PIPE, env=environment)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\ninstall cell: {command[0]} failed with status {done.returncode}")
    return done.stdout


def in_place_of_the_address(bare: Path) -> dict[str, str]:
    """Variables that make git fetch from `bare` what is asked of the public address."""
    key = f"url.{bare.as_uri()}.insteadOf"
    return {**OWN_GIT, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": project.repository()}


def tracked_files() -> list[str]:
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], project.ROOT)
    return [name for name in listed.split("\0") if name and (project.ROOT / name).is_file()]


def tagged_repository(parent: Path) -> Path:
    """A bare repository below `parent` that holds the working tree under the release's tag."""
    tree, bare = parent / "tree", parent / "course.git"
    for name in tracked_files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((project.ROOT / name).read_bytes())
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    run(["git", "init", "--quiet"], tree, **OWN_GIT)
    run(["git", "add", "--all"], tree, **OWN_GIT)
    run(["git", *author, "commit", "--quiet", "--message", "Working tree"], tree, **OWN_GIT)
    run(["git", *author, "tag", project.tag()], tree, **OWN_GIT)
    run(["git", "clone", "--quiet", "--bare", str(tree), str(bare)], parent, **OWN_GIT)
    return bare


def versions(python: str, directory: Path) -> dict[str, str]:
    listed = json.loads(run([python, "-m", "pip", "list", "--format", "json"], directory))
    return {package["name"].lower(): package["version"] for package in listed}


def try_install(python: str) -> list[str]:
    """Run the cell with that interpreter; return what is wrong, one sentence each."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        bare = tagged_repository(directory)
        run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "course-lib"], directory)
        before = versions(python, directory)
        printed = run([python, "-c", RUN_CELL], directory, install_source(), **in_place_of_the_address(bare))
        after = versions(python, directory)
        installed = json.loads(run([python, "-c", LOOK], directory))
    print(printed.strip())
    found = [
        f"{package} went from {before[package]} to {after.get(package)}"
        for package in UNTOUCHED
        if package in before and before[package] != after.get(package)
    ]
    if "v" + installed["version"] != project.tag():
        found.append(f"version {installed['version']} was installed from tag {project.tag()}")
    wanted = {name.removeprefix("course_lib/") for name in tracked_files() if name.startswith("course_lib/")}
    found.extend(f"course_lib/{name} was not installed" for name in sorted(wanted - set(installed["files"])))
    if f"course_lib {installed['version']}" not in printed:
        found.append(f"the cell printed {printed!r}")
    new = sorted(set(after) - set(before) - {"course-lib"})
    print(f"installed {project.tag()} from a tag; unchanged: {', '.join(UNTOUCHED)}; new: {', '.join(new) or 'nothing else'}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", metavar="PYTHON", help="the interpreter to install into")
    python = parser.parse_args().python
    if not shutil.which(python):
        parser.error(f"{python} is no program that can be run")
    found = try_install(str(Path(shutil.which(python)).absolute()))
    for problem in found:
        print(f"install cell: {problem}", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
