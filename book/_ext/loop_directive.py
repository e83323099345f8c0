"""Sphinx extension: the directive ``loop`` puts the course's picture of the loop on a prose page.

The picture is the one that every chapter carries (`course_lib.widgets.loop_html`). It is plain HTML,
so that it needs neither a kernel nor a script.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Loop(SphinxDirective):
    """Draw the loop; ``:lit: PIECE`` lights one part, ``:base:`` leads from the page to the chapters."""

    has_content = False
    option_spec = {"lit": directives.unchanged, "base": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        # Imported here: it takes a second, and only the pages that have the picture need it.
        from course_lib.widgets import loop_html

        html = loop_html(self.options.get("lit"), base=self.options.get("base", "../notebooks/"))
        return [nodes.raw("", html, format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive; called by Sphinx."""
    app.add_directive("loop", Loop)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
