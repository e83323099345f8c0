"""The committed notebooks, and the tools that execute, strip and check them."""

import copy
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import notebooks, project
from tools.corpus import SANITIZE, nbval_command

CHAPTERS = project.chapters()


def small_notebook(*sources: str, tags: tuple[str, ...] = ("install",)):
    """A notebook with the generated install cell, as if executed, then the given cells."""
    cells = [new_code_cell(notebooks.install_source(), metadata={"tags": list(tags)}, execution_count=1)]
    cells += [new_code_cell(source, execution_count=count) for count, source in enumerate(sources, start=2)]
    return new_notebook(cells=[new_markdown_cell("# A chapter"), *cells])


def saved(path: Path, notebook) -> Path:
    notebooks.write(path, notebook)
    return path


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_in_order(path: Path) -> None:
    assert notebooks.problems(path) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_is_small(path: Path) -> None:
    assert path.stat().st_size < 100_000


def test_install_cell_names_address_and_tag() -> None:
    source = notebooks.install_source()
    assert f'"course-lib @ git+{project.repository()}@{project.tag()}"' in source
    assert source.startswith("import sys\nif \"google.colab\" in sys.modules:\n    %pip install")


def test_strip_takes_out_what_differs_between_runs(tmp_path: Path) -> None:
    notebook = small_notebook("draw()")
    notebook.metadata["widgets"] = {"state": {}}
    cell = notebook.cells[2]
    cell.metadata = {"execution": {"iopub.busy": "now"}, "tags": ["keep"], "collapsed": True}
    cell.outputs = [
        new_output("stream", name="stdout", text=" 10%|#   | 1/10\r"),
        new_output("stream", name="stdout", text="100%|####| 10/10\ndone\n"),
        new_output("display_data", {"image/png": "AAAA", "text/plain": "<Figure>"}, metadata={"needs_background": "light"}),
        new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Picture()"}),
        new_output("display_data", {"image/png": "AAAA"}),
    ]
    before = copy.deepcopy(notebook)
    stripped = notebooks.strip(notebook)
    assert notebook == before
    assert "widgets" not in stripped.metadata
    outputs = stripped.cells[2].outputs
    assert [output.output_type for output in outputs] == ["stream", "display_data", "display_data"]
    assert outputs[0].text == "100%|####| 10/10\ndone\n"
    assert [dict(output.data) for output in outputs[1:]] == [{"text/plain": "<Figure>"}, {"text/plain": "Picture()"}]
    assert dict(stripped.cells[2].metadata) == {"tags": ["keep"]}
    assert notebooks.strip(stripped) == stripped


def test_ids_depend_on_the_text_alone() -> None:
    first = [cell.id for cell in notebooks.strip(small_notebook("a = 1", "a = 1", "b = 2")).cells]
    again = [cell.id for cell in notebooks.strip(small_notebook("a = 1", "a = 1", "b = 2")).cells]
    assert first == again and len(set(first)) == len(first)
    longer = [cell.id for cell in notebooks.strip(small_notebook("a = 1", "new", "a = 1", "b = 2")).cells]
    assert set(first) < set(longer)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda nb: nb.cells[2].metadata.update(tags=["nbval-ignore-output"]), "compared"),
        (lambda nb: nb.cells[2].update(source="# NBVAL_SKIP\nx = 1"), "compared"),
        (lambda nb: nb.cells[2].update(source="x = 1\n" * 11), "11 lines"),
        (lambda nb: nb.cells[2].update(execution_count=7), "fresh kernel"),
        (lambda nb: nb.cells[2].update(execution_count=None), "fresh kernel"),
        (lambda nb: nb.cells[1].update(source="import sys"), "differs from pyproject"),
        (lambda nb: nb.cells[1].metadata.update(tags=[]), "lacks the tag"),
        (lambda nb: nb.cells[2].outputs.append(new_output("stream", name="stderr", text="warning")), "stderr"),
        (lambda nb: nb.cells[2].outputs.append(new_output("error", ename="E", evalue="", traceback=[])), "ends in E"),
        (lambda nb: nb.cells[2].outputs.append(new_output("display_data", {"image/svg+xml": "<svg/>"})), "SVG"),
        (lambda nb: nb.cells[1].outputs.append(
            new_output("stream", text="corpus: tiny-shakespeare stand-in, 1,115,394 characters")), "stand-in"),
    ],
)  # fmt: skip
def test_check_finds(tmp_path: Path, change, said: str) -> None:
    notebook = small_notebook("x = 1")
    change(notebook)
    found = notebooks.problems(saved(tmp_path / "09_new.ipynb", notebooks.strip(notebook)))
    assert len(found) == 1 and said in found[0]


def test_check_finds_what_is_not_stripped(tmp_path: Path) -> None:
    notebook = notebooks.strip(small_notebook("x = 1"))
    assert notebooks.problems(saved(tmp_path / "09_new.ipynb", notebook)) == []
    notebook.cells[2].outputs = [new_output("display_data", {"image/png": "AAAA"})]
    found = notebooks.problems(saved(tmp_path / "09_new.ipynb", notebook))
    assert len(found) == 1 and "stripped" in found[0]


def test_sync_writes_the_generated_cell(tmp_path: Path) -> None:
    notebook = small_notebook("x = 1")
    notebook.cells[1].source = "old = True"
    path = saved(tmp_path / "09_new.ipynb", notebook)
    assert notebooks.sync(path) and not notebooks.sync(path)
    assert nbformat.read(path, as_version=4).cells[1].source == notebooks.install_source()


def test_execute_runs_in_this_environment_and_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "install_source", lambda: "print('corpus: any')")
    path = saved(tmp_path / "09_new.ipynb", small_notebook("import sys\nprint(sys.executable)"))
    notebooks.execute(path)
    cells = nbformat.read(path, as_version=4).cells
    assert cells[1].outputs[0].text == "corpus: any\n"
    assert cells[2].outputs[0].text.strip() == sys.executable
    assert notebooks.problems(path) == []
    first = path.read_bytes()
    notebooks.execute(path)
    assert path.read_bytes() == first


def test_execute_refuses_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "install_source", lambda: "print('corpus: tiny-shakespeare stand-in')")
    path = saved(tmp_path / "09_new.ipynb", small_notebook("x = 1"))
    notebooks.sync(path)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="not written"):
        notebooks.execute(path)
    assert path.read_bytes() == before


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "09_new.ipynb", notebooks.strip(small_notebook("x = 1")))
    before = path.read_bytes()

    def broken(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(OSError, match="no space"):
        notebooks.write(path, small_notebook("y = 2"))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_select_takes_beginnings_of_names() -> None:
    names = [Path("notebooks/01_corpus.ipynb"), Path("notebooks/02_batches.ipynb")]
    assert notebooks.select([], names) == names
    assert notebooks.select(["02"], names) == notebooks.select(["notebooks/02_batches.ipynb"], names) == names[1:]
    with pytest.raises(SystemExit, match="begins with 07"):
        notebooks.select(["07"], names)


def test_the_stand_in_is_compared_laxly() -> None:
    assert "--nbval-lax" in nbval_command(["notebooks"], is_stand_in=True)
    assert "--nbval" in nbval_command(["notebooks"], is_stand_in=False)


@pytest.mark.parametrize(
    ("here", "elsewhere"),
    [
        ("device: CPU, 2 threads", "device: NVIDIA H100"),
        ("memory: 8 GiB", "memory: 80 GiB"),
        ("«a sample»", "«another text»"),
        ("<style>p{}</style>", "<style>b{}</style>"),
    ],
)
def test_sanitizing_hides_the_machine_and_nothing_else(here: str, elsewhere: str) -> None:
    assert sanitized(here) == sanitized(elsewhere)
    for text in ("corpus: tiny-shakespeare, 1,115,394 characters", "loss 4.174", "tensor([3, 4])", "10/300", "took 1.5 s"):
        assert sanitized(text) == text


def sanitized(text: str) -> str:
    """As nbval applies the file."""
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", SANITIZE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert pairs
    for pattern, replacement in pairs:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text
