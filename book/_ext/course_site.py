"""Sphinx extension of this course alone: what its site takes from pyproject.toml and the library.

It sets the repository's address and the release tag, writes the palette's style sheet, puts the
Colab button where it is seen, and keeps from the pages what they do not use (thebe, icon scripts).
"""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

ROOT = Path(__file__).resolve().parents[2]
UNUSED = ("sphinx-thebe", "const THEBE_JS_URL")
# Not linked from any page; together they are three quarters of a default site's bytes.
UNUSED_FILES = ("scripts/*.map", "styles/*.map", "scripts/fontawesome.js*", "sphinx-thebe.*")


def address_and_tag(root: Path = ROOT) -> tuple[str, str]:
    """Return the repository's address and the tag of the current version, from pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]
    return project["urls"]["Repository"].rstrip("/"), f"v{project['version']}"


# What has a colour of its own in the pictures keeps it in formulas and in code within a sentence.
COLOURED_SYMBOLS = {"x": "c-x", "y": "c-y", "η": "c-lr"}
COLOURED_WORDS = {"x": "c-x", "y": "c-y", "train": "c-train", "val": "c-val", "loss": "c-loss", "lr": "c-lr"}


def palette_css(root: Path = ROOT) -> str:
    """Return the course's colours as CSS, from the library's one definition.

    The module is loaded by its path: importing the package would import torch.
    """
    spec = importlib.util.spec_from_file_location("palette", root / "course_lib" / "palette.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Figures lie on light paper in both themes.
    classes = "".join(f".bd-article .{name}{{color:var(--{name});}}" for name in sorted({*COLOURED_WORDS.values()}))
    return f"{module.css()}:root{{--c-card:{module.PALETTE['paper'].light};}}\n{classes}\n"


def _set_options(_app: Sphinx, config: Config) -> None:
    address, tag = address_and_tag()
    config.mathml_classes = COLOURED_SYMBOLS
    config.html_theme_options |= {
        "repository_url": address,
        "repository_branch": tag,
        "path_to_docs": "",
        "use_repository_button": False,
    }


def _write_palette(app: Sphinx) -> None:
    # Outside the output folder, so that Sphinx copies it and gives it a checksum like any other.
    folder = Path(app.doctreedir) / "course_site"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "palette.css").write_text(palette_css(), "utf8")
    app.config.html_static_path.append(str(folder / "palette.css"))


def _is_unused(asset: Any) -> bool:
    attributes = getattr(asset, "attributes", {})
    words = f"{getattr(asset, 'filename', asset)} {attributes.get('body', '')}"
    return any(name in words for name in UNUSED)


def _deferred(script: Any) -> Any:
    """Return a copy of a script that waits for the page. The objects are shared by all pages."""
    # Scripts inside the page read the constant of documentation_options.
    if not getattr(script, "filename", None) or "documentation_options" in script.filename:
        return script
    attributes = {name: value for name, value in script.attributes.items() if name != "async"}
    return type(script)(script.filename, priority=script.priority, **(attributes | {"defer": "defer"}))


def _prepare_page(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: nodes.document
) -> None:
    """Show Colab as a button of its own, drop unused scripts, let no script hold up the page."""
    for key in ("script_files", "css_files"):
        context[key] = [asset for asset in context.get(key, ()) if not _is_unused(asset)]
    if pagename != "search":  # the search page's scripts rely on their order
        context["script_files"] = [_deferred(script) for script in context["script_files"]]
    buttons = []
    for button in context.get("header_buttons", ()):
        if button.get("label") == "launch-buttons":
            buttons += [{**b, "icon": None, "text": "Open in Colab", "tooltip": None, "label": "colab"}
                        for b in button["buttons"] if b["text"] == "Colab"]
        else:
            buttons.append(button)
    context["header_buttons"] = buttons
    context["course_address"], context["course_tag"] = address_and_tag()


def _link_pages(_app: Sphinx, doctree: nodes.document) -> None:
    """Let the loop's links, which lead to notebooks, lead to the notebooks' pages."""
    for node in list(doctree.findall(nodes.raw)):
        if '<nav class="loop' in node.astext():
            html = node.astext().replace('.ipynb"', '.html"')
            node.replace_self(nodes.raw(html, html, format="html"))


def _colour_words(_app: Sphinx, doctree: nodes.document) -> None:
    for node in doctree.findall(nodes.literal):
        if node.astext() in COLOURED_WORDS:
            node["classes"].append(COLOURED_WORDS[node.astext()])


def _remove_unused_files(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        for pattern in UNUSED_FILES:
            for path in (Path(app.outdir) / "_static").glob(pattern):
                path.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension; called by Sphinx."""
    app.connect("config-inited", _set_options, priority=100)
    app.connect("builder-inited", _write_palette)
    app.connect("doctree-read", _link_pages)
    app.connect("doctree-read", _colour_words)
    # After the theme's own handlers, which fill header_buttons and script_files.
    app.connect("html-page-context", _prepare_page, priority=900)
    app.connect("build-finished", _remove_unused_files)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
