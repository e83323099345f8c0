"""Sphinx extension: the directive ``progress`` lists the quizzes with how many questions are answered.

Names, links and totals come from the quizzes that the notebooks stored, the key of the browser's memory
from the quiz's module, so that none of them stands in two places. ``progress.js`` fills in what is answered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

QUIZ_MODULE = Path(__file__).resolve().parents[2] / "course_lib" / "widgets" / "quiz.js"
MARK = '<section class="course-progress"'
logger = logging.getLogger(__name__)


class Place(nodes.General, nodes.Element):
    """Where the list goes; it is written when all pages have been read."""


class Progress(SphinxDirective):
    """Put the list here; it has no options."""

    has_content = False

    def run(self) -> list[nodes.Node]:
        return [Place()]


def memory_key(module: Path = QUIZ_MODULE) -> str:
    """Return the key under which the quizzes keep their answers, from their module."""
    found = re.search(r'MEMORY = "([^"]+)"', module.read_text("utf8"))
    if found is None:
        raise ValueError(f"{module.name} names no MEMORY")
    return found[1]


def quizzes_of(stored: str) -> Iterator[tuple[str, int]]:
    """Yield the chapter key and the number of questions of each quiz in a page's stored widget state."""
    for model in json.loads(stored)["state"].values():
        state = model["state"]
        if "chapter" in state and "questions" in state:
            yield state["chapter"], len(state["questions"])


def _in_reading_order(env: BuildEnvironment, docname: str) -> Iterator[str]:
    yield docname
    for child in env.toctree_includes.get(docname, ()):
        yield from _in_reading_order(env, child)


def _found(env: BuildEnvironment) -> Iterator[tuple[str, str, int]]:
    """Yield page, chapter key and number of questions of every quiz of the site."""
    for docname in _in_reading_order(env, env.config.root_doc):
        files = getattr(env, "nb_metadata", {}).get(docname, {}).get("js_files", {})
        if "ipywidgets_state" in files:
            for chapter, total in quizzes_of(files["ipywidgets_state"][1]["body"]):
                yield docname, chapter, total


def listing(rows: Iterable[tuple[str, str, str, int]], key: str) -> str:
    """Return the list as HTML from rows of link, title, chapter key and number of questions."""
    items = "".join(
        f'<li data-chapter="{escape(chapter)}" data-total="{total}"><a href="{escape(link)}">{escape(title)}</a>'
        f'<span class="course-progress-count">{total} questions</span></li>'
        for link, title, chapter, total in rows
    )
    return (
        f'{MARK} aria-label="Your progress" data-memory="{escape(key)}"><ul>{items}</ul>'
        '<p><span role="status"></span> <button type="button" hidden>Reset progress</button></p></section>'
    )


def _write_list(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for place in list(doctree.findall(Place)):
        if app.builder.format != "html":
            place.parent.remove(place)
            continue
        rows = [
            (app.builder.get_relative_uri(docname, page), app.env.titles[page].astext(), chapter, total)
            for page, chapter, total in _found(app.env)
        ]
        if not rows:
            logger.warning("no page has a quiz, so there is no progress to list", location=docname)
        html = listing(rows, memory_key())
        place.replace_self(nodes.raw("", html, format="html"))


def _write_again(_app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name the pages with a list: they change whenever any quiz does."""
    return [docname for docname in env.found_docs if any(env.get_doctree(docname).findall(Place))]


def _add_script(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    if MARK in (context.get("body") or ""):
        app.add_js_file("progress.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive; called by Sphinx."""
    app.add_node(Place)
    app.add_directive("progress", Progress)
    app.connect("env-updated", _write_again)
    app.connect("doctree-resolved", _write_list)
    app.connect("html-page-context", _add_script)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
