"""Execute, strip and check the course's notebooks.

    python -m tools.notebooks execute [NAME ...]   run in a fresh kernel, strip, write (chapters)
    python -m tools.notebooks sync                 write the install cell from pyproject.toml
    python -m tools.notebooks check                say what is wrong, change nothing

A NAME is a file name or the beginning of one, such as `02`. A committed chapter holds its text
outputs, which the tests compare, and neither images nor widget state, which differ from run to run.
The sources of exercises hold no outputs at all; `sync` and `check` look after them, too.
"""

import argparse
import copy
import hashlib
import re
import sys
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.files import atomic_path
from tools import project

INSTALL_TAG = "install"
MAX_LINES = 10
# nbval compares every other type, so every other type stays.
UNCOMPARED_TYPES = ("image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json")
CELL_METADATA = ("tags", "nbgrader", "mystnb", "jupyter", "slideshow", "editable", "deletable")
NOTEBOOK_METADATA = ("accelerator", "colab", "mystnb")
NBVAL_EXCEPTIONS = re.compile(r"nbval[-_](ignore[-_]output|skip)", re.IGNORECASE)
# Cells that nbval may leave uncompared, as (notebook, cell tag). None needs it.
ALLOWED_UNCOMPARED: set[tuple[str, str]] = set()

INSTALL_CELL = """\
import sys
if "google.colab" in sys.modules:
    %pip install -q "course-lib @ git+{address}@{tag}"
"""
DESCRIBE = """\
from course_lib import describe_environment
print(describe_environment())"""


def install_source(exercise: bool = False) -> str:
    """The first code cell of every notebook; that of an exercise asks for no corpus."""
    install = INSTALL_CELL.format(address=project.repository(), tag=project.tag())
    return install.rstrip() if exercise else install + DESCRIBE


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def strip(notebook: NotebookNode) -> NotebookNode:
    """A copy without what differs between two runs: images, widget state, timings, random ids."""
    notebook = copy.deepcopy(notebook)
    kept = {key: notebook.metadata[key] for key in NOTEBOOK_METADATA if key in notebook.metadata}
    notebook.metadata = nbformat.from_dict(
        {
            **kept,
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    used: set[str] = set()
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in CELL_METADATA if key in cell.metadata})
        cell.id = _cell_id(cell, used)
        if cell.cell_type == "code":
            cell.outputs = _strip_outputs(cell.outputs)
    return notebook


def _cell_id(cell: NotebookNode, used: set[str]) -> str:
    """An id made from the cell's own text: an inserted cell changes no other cell's id."""
    digest = hashlib.sha256(f"{cell.cell_type}:{cell.source}".encode()).hexdigest()[:8]
    number, name = 1, digest
    while name in used:
        number += 1
        name = f"{digest}-{number}"
    used.add(name)
    return name


def _strip_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    stripped: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            before = stripped[-1] if stripped else None
            if before is not None and before.output_type == "stream" and before.name == output.name:
                before.text += output.text
            else:
                stripped.append(output)
            continue
        if "data" in output:
            output.metadata = nbformat.from_dict({})
            for kind in UNCOMPARED_TYPES:
                output.data.pop(kind, None)
            if not output.data:
                continue
        stripped.append(output)
    for output in stripped:
        if output.output_type == "stream":
            output.text = _as_shown(output.text)
    return stripped


def _as_shown(text: str) -> str:
    """The text as a terminal leaves it: a carriage return starts its line again (progress bars)."""
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))


def to_text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write(path: Path, notebook: NotebookNode) -> None:
    """Write at once or not at all: an interrupted run leaves the old file."""
    with atomic_path(path) as temporary:
        temporary.write_text(to_text(notebook), encoding="utf-8")


def sync(path: Path) -> bool:
    """Write the generated install cell; True if that changed the file."""
    notebook = nbformat.read(path, as_version=4)
    cells = code_cells(notebook)
    if not cells or INSTALL_TAG not in tags(cells[0]):
        raise SystemExit(f"{path.name}: the first code cell lacks the tag {INSTALL_TAG!r}")
    right = install_source(exercise=True) if project.is_exercise(path) else install_source()
    if cells[0].source == right:
        return False
    cells[0].source = right
    write(path, notebook)
    return True


def execute(path: Path) -> None:
    """Run every cell in a fresh kernel, strip, write. Raises if a cell fails."""
    from nbclient import NotebookClient  # here, so that `check` starts without it

    sync(path)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=1800,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    if _names_stand_in(notebook):
        raise SystemExit(f"{path.name}: not written. Outputs come from the real corpus, and this run had the stand-in.")
    write(path, strip(notebook))


def _names_stand_in(notebook: NotebookNode) -> bool:
    outputs = code_cells(notebook)[0].outputs if code_cells(notebook) else []
    return any("stand-in" in output.get("text", "") for output in outputs)


def problems(path: Path) -> list[str]:
    """What is wrong with one committed notebook, one sentence each."""
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    cells = code_cells(notebook)
    found: list[str] = []
    if to_text(strip(notebook)) != text:
        found.append("is not in its stripped form: run `make notebooks`")
    if not cells or INSTALL_TAG not in tags(cells[0]):
        found.append(f"its first code cell lacks the tag {INSTALL_TAG!r}")
    elif cells[0].source != install_source():
        found.append("its install cell differs from pyproject.toml: run `python -m tools.notebooks sync`")
    if _names_stand_in(notebook):
        found.append("its outputs come from the stand-in, not from the real corpus")
    for number, cell in enumerate(cells, start=1):
        found.extend(f"code cell {number} {problem}" for problem in _cell_problems(cell, number, path.name))
    return found


def _cell_problems(cell: NotebookNode, number: int, name: str) -> list[str]:
    found: list[str] = []
    lines = sum(1 for line in cell.source.splitlines() if line.strip())
    if lines > MAX_LINES:
        found.append(f"has {lines} lines; {MAX_LINES} is the limit")
    if cell.execution_count != number:
        found.append(f"was not run in order in a fresh kernel (its count is {cell.execution_count})")
    exceptions = [tag for tag in tags(cell) if NBVAL_EXCEPTIONS.fullmatch(tag)]
    exceptions += [match.group() for match in NBVAL_EXCEPTIONS.finditer(cell.source)]
    if exceptions and not any((name, tag) in ALLOWED_UNCOMPARED for tag in tags(cell)):
        found.append(f"keeps its output from being compared ({exceptions[0]})")
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            found.append("writes to stderr: settle the warning")
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            found.append(f"ends in {output.ename}")
        if "image/svg+xml" in output.get("data", {}):
            found.append("shows an SVG, whose ids differ from run to run: draw a PNG or a picture of the course")
    return found


def select(names: list[str], everything: list[Path]) -> list[Path]:
    """Those that the names begin, or everything."""
    if not names:
        return everything
    chosen = [path for path in everything if any(path.name.startswith(Path(name).name) for name in names)]
    if not chosen:
        raise SystemExit(f"no notebook begins with {' or '.join(names)}")
    return chosen


def main() -> int:
    from tools import exercises  # it imports this module

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("execute", "sync", "check"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    failed = False
    known = project.chapters() + ([] if arguments.command == "execute" else project.exercises())
    for path in select(arguments.names, known):
        if arguments.command == "execute":
            start = time.perf_counter()
            execute(path)
            print(f"{path.name}: executed and stripped, {time.perf_counter() - start:.0f} s", flush=True)
        elif arguments.command == "sync":
            print(f"{path.name}: {'install cell written' if sync(path) else 'install cell was right'}")
        else:
            found = exercises.problems(path) if project.is_exercise(path) else problems(path)
            for problem in found:
                print(f"{path.name}: {problem}", file=sys.stderr)
            failed = failed or bool(found)
    if arguments.command == "check" and not failed:
        print("notebooks: stripped, executed in order, install cells right, every output compared")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
