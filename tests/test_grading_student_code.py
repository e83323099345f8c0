"""Notebooks in any state become code that Python can read, line by line where it was."""

import json
import os
import time

import pytest

from course_lib.grading.protocol import encode
from course_lib.grading.student_code import (
    MAX_BYTES, MAX_CELLS, MAX_CODE, UnreadableNotebook, code_cells, plain_python, read_file,
)  # fmt: skip


def notebook(*sources: object, **more: object) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources], **more}).encode()


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("  !pip install torch", "  pass"),
        ("if x:\n    %time f(x)\n    !ls", "if x:\n    f(x)\n    pass"),
        ("%time x = f()", "x = f()"),
        ("%timeit f()", "pass"),
        ("files = !ls -l\nfiles", "files = None\nfiles"),
        ("a = %env HOME", "a = None"),
        ("torch.mean?\n?torch\ntorch??", "pass\npass\npass"),
        ("!ls \\\n  -l\nx = 1", "pass\n\nx = 1"),
        ("%%time\nx = 1", "\nx = 1"),
        ("\n%%capture out\ndef f(): pass", "\n\ndef f(): pass"),
        ("%%bash\nls\nrm x", "\n\n"),
        ("%%writefile a.py\nx = (", "\n"),
        ("x = 7\\\n%3", "x = 7\\\n%3"),
        ("x = (7\n%3)\n%ls", "x = (7\n%3)\npass"),
        ("x = {1: [2,\n!3]}", "x = {1: [2,\n!3]}"),
        ('s = """\n%d of %d\n!x\n"""\n!x', 's = """\n%d of %d\n!x\n"""\npass'),
        ("s = '''it''s \\'''\n%d'''\n%x", "s = '''it''s \\'''\n%d'''\npass"),
        ("s = 'a\\\n%b'\n%c", "s = 'a\\\n%b'\npass"),
        ("s = 'x\\\\'\n%c", "s = 'x\\\\'\npass"),
        ("# it's \"\"\" (\n%c", "# it's \"\"\" (\npass"),
        ("s = '#'\n%c", "s = '#'\npass"),
        ("x != 3\nx == y % 2\nf(x)[a != b]", "x != 3\nx == y % 2\nf(x)[a != b]"),
        ("x = 1\r\n%c\ry", "x = 1\npass\ny"),
        ("def f(:\n%c", "def f(:\n%c"),
    ],
)
def test_magics_go_and_every_line_stays_in_its_place(source: str, plain: str) -> None:
    assert plain_python(source) == plain
    assert len(plain.split("\n")) == len(source.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


@pytest.mark.parametrize(
    "piece",
    [" ", "a ", "'", '"""', "\\", "%", "!", "[", "x = ", "%time ", "a?", "-n ", "#", "'''\n", "[\n", "%x\\\n", "\n"],
)
def test_the_worst_cell_is_read_in_linear_time(piece: str) -> None:
    started = time.process_time()
    plain_python(piece * (300_000 // len(piece)))
    assert time.process_time() - started < 10


def test_cells_of_every_shape_are_found() -> None:
    cells = [
        {"cell_type": "markdown", "source": "x = 1"},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {"nbgrader": {"grade_id": "first"}}},
        {"outputs": [], "source": "c = 3"},
        {"execution_count": 4, "metadata": None, "source": "d = 4"},
        {"source": "no kind at all"}, {"cell_type": "code"}, {"cell_type": "code", "source": 5},
        {"cell_type": "code", "source": [1]},
        "no cell", None,
        {"cell_type": "code", "source": "half \ud800 pair", "metadata": {"nbgrader": {"grade_id": 7}}},
    ]  # fmt: skip
    found = code_cells(json.dumps({"cells": cells}).encode())
    assert [(cell.number, cell.source, cell.grade_id) for cell in found] == [
        (1, "a = 1\nb = 2", "first"), (2, "c = 3", ""), (3, "d = 4", ""), (4, "half ? pair", ""),
    ]  # fmt: skip


def test_format_3_is_read() -> None:
    sheet = {"cells": [{"cell_type": "code", "input": ["x = 1\n", "y"]}, {"cell_type": "markdown", "source": "z"}]}
    assert [cell.source for cell in code_cells(json.dumps({"worksheets": [sheet, 3, {}]}).encode())] == ["x = 1\ny"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_other_encodings_are_read(encoding: str) -> None:
    text = json.dumps({"cells": [{"cell_type": "code", "source": "é"}]}, ensure_ascii=False)
    assert code_cells(text.encode(encoding))[0].source == "é"


def test_one_damaged_character_costs_no_cell() -> None:
    assert len(code_cells(notebook("x = 'AA'", "y").replace(b"AA", b"\xff"))) == 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "JSON"), (notebook("x")[:-3], "JSON"), (b"[" * 1_000_000, "JSON"), (b"PK\x03\x04", "JSON"),
        (b"[]", "no list"),
        (b"{}", "no list"), (b'{"cells": {}}', "no list"), (b'{"cells": "x"}', "no list"), (b"null", "no list"),
        (notebook(*["x"] * (MAX_CELLS + 1)), "cells; at most"), (notebook("x" * (MAX_CODE + 1)), "characters of code"),
        (b"\xff\xfe\x00", "JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_notebook_is_refused_with_a_reason(data: bytes, says: str) -> None:
    with pytest.raises(UnreadableNotebook, match=says):
        code_cells(data)


def test_all_that_is_read_crosses_into_the_box() -> None:
    # The most bytes a character takes in JSON, and the most cells.
    for data in (notebook("\N{PARTY POPPER}" * MAX_CODE), notebook(*["é"] * MAX_CELLS)):
        cells = code_cells(data)
        assert cells and encode({"do": "load", "cells": [[cell.number, cell.source] for cell in cells]})


def test_commands_that_become_longer_python_count_as_what_they_become() -> None:
    with pytest.raises(UnreadableNotebook, match="characters of code"):
        code_cells(notebook("!\n" * (MAX_CODE // 3)))


def test_links_pipes_folders_and_giants_are_not_read(tmp_path) -> None:
    (tmp_path / "secret").write_text("the solution")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with open(tmp_path / "giant", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    (tmp_path / "linked").symlink_to(tmp_path)
    for name in ("link", "pipe", "folder", "giant", "missing", "linked/secret"):
        with pytest.raises(UnreadableNotebook):
            read_file(tmp_path / name)
    assert read_file(tmp_path / "secret") == b"the solution"
