"""A tiny book with one notebook of every kind of control, built as the tests of static_widgets need it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import nbformat
import traitlets
from ipywidgets.embed import dependency_state, embed_data
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

EXTENSIONS = Path(__file__).resolve().parents[1] / "book" / "_ext"
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"

# Writes what its model holds into the page, so that a test reads exactly what reached the picture.
ECHO = """
const NAMES = ["n", "f", "rate", "ends", "on", "shape", "positions"];
export default { render({ model, el }) {
  const show = () => {
    el.dataset.values = JSON.stringify(Object.fromEntries(NAMES.map((k) => [k, model.get(k)])));
    el.dataset.changes = Number(el.dataset.changes ?? -1) + 1;
  };
  model.on(NAMES.map((k) => `change:${k}`).join(" "), show);
  show();
} };
"""
BROKEN = 'throw new Error("planted fault");'
BREAKS_LATER = """
export default { render({ model, el }) {
  el.textContent = "alive";
  model.on("change:n", () => { throw new Error("late fault"); });
} };
"""


class Echo(anywidget.AnyWidget):
    """A picture with a trait for every control."""

    _esm = ECHO
    _css = ".echo { color: inherit }"
    n = traitlets.Int(8).tag(sync=True)
    f = traitlets.Float(2.5).tag(sync=True)
    rate = traitlets.Float(0.001).tag(sync=True)
    ends = traitlets.List([2, 8]).tag(sync=True)
    on = traitlets.Bool(True).tag(sync=True)
    shape = traitlets.Int(0).tag(sync=True)
    positions = traitlets.Int(0).tag(sync=True)
    height_hint = traitlets.Int(123).tag(sync=True)
    height_hint_narrow = traitlets.Int(234).tag(sync=True)
    text_alternative = traitlets.Unicode("Eight rows & a line").tag(sync=True)


class Broken(Echo):
    """A picture whose module throws when it is loaded."""

    _esm = BROKEN


class BreaksLater(Echo):
    """A picture whose module throws when a slider moves."""

    _esm = BREAKS_LATER


def every_control() -> widgets.VBox:
    """Return a box with each kind of control linked to one picture, and two broken pictures."""
    echo, broken, later = Echo(), Broken(), BreaksLater()
    n = widgets.IntSlider(description="Rows", min=1, max=32, value=8)
    f = widgets.FloatSlider(description="Height", min=0, max=5, step=0.1, value=2.5, readout_format=".1f")
    rate = widgets.FloatLogSlider(description="Peak", min=-4, max=-1, step=0.5, value=1e-3, readout_format=".1e")
    ends = widgets.IntRangeSlider(description="Window", min=0, max=20, value=(2, 8))
    on = widgets.Checkbox(description="Shuffle", value=True)
    shape = widgets.Dropdown(description="Shape", options=["cosine", "linear", "stable"])
    positions = widgets.ToggleButtons(description="Positions", options=["all", "last", "last k"])
    play = widgets.Play(description="Run", min=1, max=32, value=8, interval=20)
    slow = widgets.IntSlider(description="On release", min=0, max=9, value=0, continuous_update=False)
    late = widgets.IntSlider(description="Late", min=0, max=9, value=1)
    off = widgets.IntSlider(description="Off", min=0, max=9, value=1, disabled=True)
    label, one_way = widgets.Label(value="3"), widgets.Label(value="3")
    html = widgets.HTML(value="<b>bold</b> words")
    for control, trait in ((n, "n"), (f, "f"), (rate, "rate"), (ends, "ends"), (on, "on")):
        widgets.jslink((control, "value"), (echo, trait))
    widgets.jslink((shape, "index"), (echo, "shape"))
    widgets.jslink((positions, "index"), (echo, "positions"))
    widgets.jslink((play, "value"), (n, "value"))
    widgets.jslink((late, "value"), (later, "n"))
    widgets.jslink((off, "value"), (broken, "n"))
    widgets.jsdlink((slow, "value"), (label, "value"))
    widgets.jsdlink((n, "value"), (one_way, "value"))
    return widgets.VBox([
        widgets.HBox([n, f, rate]), widgets.HBox([ends, shape, positions]),
        widgets.HBox([on, play, slow, label, one_way, html]), widgets.HBox([late, off]), echo, broken, later,
    ])


def stored(view: widgets.Widget) -> tuple[dict[str, Any], str]:
    """Return the state of a widget as a notebook stores it, and its id."""
    data = embed_data(views=[view], state=dependency_state([view], drop_defaults=False))
    return json.loads(json.dumps(data["manager_state"])), view.model_id


def write_notebook(path: Path, state: dict[str, Any] | None, model_id: str) -> None:
    """Write a notebook whose one cell shows the widget ``model_id``, with ``state`` stored in it."""
    output = new_output("display_data", data={"text/plain": "VBox()", VIEW: {"model_id": model_id, "version_major": 2}})
    notebook = new_notebook(
        cells=[new_markdown_cell("# Controls"), new_code_cell("show()", outputs=[output], execution_count=1),
               new_markdown_cell("Words after the picture.")],
        metadata={"language_info": {"name": "python"}} | ({"widgets": {STATE: state}} if state else {}),
    )
    nbformat.write(notebook, path)


def build(folder: Path, state: dict[str, Any] | None, model_id: str) -> subprocess.CompletedProcess[str]:
    """Build a book of one such notebook in ``folder``; its page is ``folder/html/index.html``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\n"
        "extensions = ['myst_nb', 'static_widgets']\nnb_execution_mode = 'off'\nhtml_theme = 'basic'\n"
        "html_static_path = []\n", "utf8",
    )
    write_notebook(folder / "index.ipynb", state, model_id)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(folder), str(folder / "html")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def book_of_every_control(folder: Path) -> Path:
    """Build a book with every control in ``folder`` and return the folder of its pages."""
    done = build(folder, *stored(every_control()))
    assert done.returncode == 0, done.stderr
    return folder / "html"


# ---- its page, in a browser


def opened(page, path: Path):
    """Open a page of the book and wait until its pictures are there."""
    page.set_default_timeout(5000)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-static-widgets=ready]")
    page.wait_for_selector("[data-values]", state="attached")
    return page


def values(page) -> dict:
    """What the picture's model holds."""
    return json.loads(page.get_attribute("[data-values]", "data-values"))


def output(page, name: str) -> str:
    """The text beside the slider that is called ``name``."""
    slot = page.locator(".sw-control", has=page.locator(f".sw-label:text-is('{name}')"))
    return slot.locator("output").inner_text()


def slider(page, name: str):
    """The slider that is called ``name``."""
    return page.get_by_role("slider", name=name, exact=True)
