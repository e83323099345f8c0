"""A submitted notebook, however damaged, as a list of code cells that Python can read.

The file is a stranger's: it is read within limits, and nothing here runs or compiles its code.
"""

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 20 * 2**20
MAX_CELLS = 2_000
# Characters of all code cells together: so many cross into the box in one message, whatever they are (`protocol`).
MAX_CODE = 150_000
# Cell magics whose rest is Python that leaves its names in the notebook; after others it is not Python.
_PYTHON_MAGICS = {"time", "capture", "prun"}
# Each of these reads a line in linear time, whatever stands in it.
_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
_COMMAND = re.compile(r"(\s*)(?:%time[ \t]+(.+)|[%!?])")
_TARGET = re.compile(r"[\w.,\[\]'\" \t]+")
_HELP = re.compile(r"\s*[\w.]+\?{1,2}\s*$")
# What escapes, ends or opens a string, opens or closes a bracket, or hides the rest of a line.
_TOKEN = re.compile(r"\\.|'''|\"\"\"|['\"#()\[\]{}]")


class UnreadableNotebook(Exception):
    """The file is no notebook that could be read; the message says why and what to do, for the student."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its number among the code cells from 1, its plain Python, its nbgrader id ("" without one)."""

    number: int
    source: str
    grade_id: str = ""


def read_file(path: Path) -> bytes:
    """Return the bytes of a submitted file.

    Raises:
        UnreadableNotebook: it is missing, no regular file, too large, or a link or in a linked folder,
            which could lead to anybody's.
    """
    # Without blocking, for the case of a pipe that nobody writes to.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        folder = os.open(path.parent, flags | os.O_DIRECTORY)
        try:
            descriptor = os.open(path.name, flags, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UnreadableNotebook(f"The file cannot be opened: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableNotebook("It is not a regular file.")
    with open(descriptor, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnreadableNotebook(f"The file has more than {MAX_BYTES // 2**20} MiB; clear the outputs and save again.")
    return data


def read_cells(data: bytes) -> list[dict[str, Any]]:
    """Return the cells of a notebook of format 3 or 4, as far as they have a source.

    Raises:
        UnreadableNotebook: it is no JSON, or has no list of cells.
    """
    try:
        notebook = json.loads(_decode(data))
    except (ValueError, RecursionError) as error:
        raise UnreadableNotebook("The file is no whole notebook (its JSON cannot be read); save it again.") from error
    found: Any = notebook.get("cells") if isinstance(notebook, dict) else None
    if found is None and isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
    if not isinstance(found, list):
        raise UnreadableNotebook("The file is JSON, but no notebook: it has no list of cells.")
    if len(found) > MAX_CELLS:
        raise UnreadableNotebook(f"The notebook has {len(found):,} cells; at most {MAX_CELLS:,} are read.")
    return [cell for cell in found if isinstance(cell, dict)]


def _decode(data: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding)
    return data.decode("utf-8", "replace")  # one damaged character does not cost the notebook


def code_cells(data: bytes) -> list[Cell]:
    """Return the code cells of a notebook, with magics and shell lines taken out and all lines in their places.

    Raises:
        UnreadableNotebook: it cannot be read, or holds more code than a person writes.
    """
    cells, size = [], 0
    for cell in read_cells(data):
        is_code = cell.get("cell_type", "code" if "outputs" in cell or "execution_count" in cell else None) == "code"
        source = source_of(cell) if is_code else None
        if source is None:
            continue
        # The raw text first: reading a giant takes long.
        plain = plain_python(source) if size + len(source) <= MAX_CODE else source
        size += len(plain)
        if size > MAX_CODE:
            raise UnreadableNotebook(f"The notebook holds more than {MAX_CODE:,} characters of code; delete the "
                                     "cells that hold data or text instead of code.")  # fmt: skip
        cells.append(Cell(len(cells) + 1, plain, grade_id_of(cell)))
    return cells


def source_of(cell: dict[str, Any]) -> str | None:
    """Return a cell's text, which is one str or a list of lines, and in format 3 is called input."""
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    # Half a surrogate pair is valid JSON and cannot be written to any file.
    return source.encode("utf-8", "replace").decode()


def grade_id_of(cell: dict[str, Any]) -> str:
    """Return the id that nbgrader gave a cell; "" where metadata were stripped."""
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return grade_id if isinstance(grade_id, str) else ""


def plain_python(source: str) -> str:
    """Return a cell without what only IPython understands; no line moves.

    `%magic`, `!command` and `name?` lines become `pass`, `x = !command` becomes `x = None`, `%time f(x)`
    stays `f(x)`. A cell under `%%time` or `%%capture` keeps its Python, one under any other `%%magic`
    is empty. Only the beginnings of statements are looked at, never strings or continued lines.
    """
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if magic := _CELL_MAGIC.match(lines[first]):
        if magic[1] not in _PYTHON_MAGICS:
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    scanner = _Scanner()
    in_command = False  # a command that a backslash carries into the next line
    for index, line in enumerate(lines):
        plain = "" if in_command else _without_command(line) if scanner.at_statement else line
        in_command = (in_command or plain != line) and line.endswith("\\")
        scanner.read(plain)
        lines[index] = plain
    return "\n".join(lines)


def _without_command(line: str) -> str:
    """Return the first line of a statement as Python."""
    if match := _COMMAND.match(line):
        return match[1] + (match[2] or "pass")
    target, _, value = line.partition("=")
    if value.lstrip()[:1] in ("%", "!") and value.lstrip()[:2] != "!=" and _TARGET.fullmatch(target):
        return f"{target}= None"
    return line[: len(line) - len(line.lstrip())] + "pass" if _HELP.match(line) else line


class _Scanner:
    """Follows strings, brackets and continued lines, to know where a statement begins. Linear in the text."""

    def __init__(self) -> None:
        self._quote: str | None = None
        self._brackets = 0
        self._continued = False

    @property
    def at_statement(self) -> bool:
        return self._quote is None and self._brackets == 0 and not self._continued

    def read(self, line: str) -> None:
        end = 0
        for token in _TOKEN.finditer(line):
            end = token.end()
            if token[0] == "#" and self._quote is None:
                self._continued = False
                return
            self._token(token[0])
        self._continued = line.endswith("\\") and end < len(line)  # not if that backslash is itself escaped
        if self._quote in ("'", '"') and not self._continued:
            self._quote = None  # such a string ends with its line

    def _token(self, token: str) -> None:
        if self._quote is not None:
            # Three quotes in a string of one kind of quote: its end, and an empty string behind it.
            if token == self._quote or token == 3 * self._quote:
                self._quote = None
        elif token[0] in "'\"":
            self._quote = token
        elif token in "([{":
            self._brackets += 1
        elif token in ")]}":
            self._brackets = max(0, self._brackets - 1)
