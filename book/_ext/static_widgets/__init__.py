"""Sphinx extension: ipywidgets and anywidgets that live on a static page, with no kernel.

MyST-NB writes the state of a notebook's widgets into its page. This extension checks that state
when the page is read, gives every widget a place of its final size, and replaces the scripts that
MyST-NB would load from a CDN by a small runtime of its own (one file, made of those in
``runtime/``). Add ``static_widgets`` to the extensions after ``myst_nb``; there is nothing to
configure.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

from . import skeleton
from .state import StateError, models_of, problems, shortened

HERE = Path(__file__).parent
PARTS = ("models.js", "controls.js", "page.js")  # of the runtime; each uses what stands before it
STATE_KEY = "ipywidgets_state"  # MyST-NB's name for the script that holds the state
VIEW = re.compile(r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>', re.S)
logger = logging.getLogger(__name__)


def _use_own_runtime(_app: Sphinx, config: Config) -> None:
    """Put the runtime in the place of require.js and the html-manager from a CDN."""
    config.nb_ipywidgets_js = {"runtime.js": {"defer": "defer"}}


def runtime() -> str:
    """Return the runtime's parts as one classic script, so that it runs from file:// in one request."""
    parts = "\n".join((HERE / "runtime" / name).read_text("utf8") for name in PARTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def _add_files(app: Sphinx) -> None:
    # Outside the output folder, so that Sphinx copies it and gives it a checksum like any other.
    folder = Path(app.doctreedir) / "static_widgets"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runtime.js").write_text(runtime(), "utf8")
    app.config.html_static_path.extend((str(folder / "runtime.js"), str(HERE / "static-widgets.css")))
    app.add_css_file("static-widgets.css")


def _read_state(app: Sphinx, docname: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the document's checked models by their new names, and the new name of each id.

    The stored script is replaced by the shortened state.

    Raises:
        ExtensionError: the state holds what a static page cannot show.
    """
    files = getattr(app.env, "nb_metadata", {}).get(docname, {}).get("js_files", {})
    if STATE_KEY not in files:
        return {}, {}
    uri, attributes = files[STATE_KEY]
    try:
        models = models_of(json.loads(attributes["body"]))
        if found := list(problems(models)):
            raise StateError("; ".join(dict.fromkeys(found)))
    except ValueError as error:
        raise ExtensionError(f"{app.env.doc2path(docname, False)}: static_widgets: {error}") from error
    stored, names = shortened(models)
    body = json.dumps(stored, separators=(",", ":"), ensure_ascii=False).replace("</", r"<\/")
    # A comment start inside a script element would change how browsers look for its end.
    files[STATE_KEY] = (uri, {**attributes, "body": body.replace("<!--", r"<\u0021--")})
    return stored["state"], names


def _write_places(app: Sphinx, doctree: nodes.document) -> None:
    """Replace each stored view in the document by the place where the runtime will draw it."""
    docname = app.env.docname
    models, names = _read_state(app, docname)

    def place(match: re.Match[str]) -> str:
        try:
            model_id = names[json.loads(match.group(1))["model_id"]]
        except (ValueError, KeyError, TypeError):
            logger.warning(
                "a widget is shown whose state is not stored; execute the notebook with "
                "store_widget_state", location=docname, type="static_widgets", subtype="missing",
            )
            return skeleton.missing()
        return skeleton.view(model_id, models)

    for node in list(doctree.findall(nodes.raw)):
        if "html" in node.get("format", "") and VIEW.search(node.astext()):
            html = VIEW.sub(place, node.astext())
            node.replace_self(nodes.raw(html, html, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension; called by Sphinx."""
    app.setup_extension("myst_nb")
    # Before MyST-NB reads its own settings.
    app.connect("config-inited", _use_own_runtime, priority=100)
    app.connect("builder-inited", _add_files)
    app.connect("doctree-read", _write_places)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
