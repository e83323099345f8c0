"""Sphinx extension: equations become MathML at build time, so that a page needs no script for them.

Browsers lay MathML out themselves and screen readers read it. The TeX source stays in the page, as
``alttext`` and as an annotation. Use it by ``html_math_renderer = "mathml"``. Numbers of equations
(``(label)`` after ``$$``) work as with Sphinx's own renderers. ``mathml_classes`` gives single symbols
a CSS class, so that a colour can follow them through all formulas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html import HTML5Translator

# The converter knows one aligned environment, and no numbers of rows.
_ROWS = re.compile(r"\\(begin|end)\{(?:align|aligned|gather|gathered|eqnarray|split)\*?\}")
_SINGLE = re.compile(r"\\(?:begin|end)\{(?:equation|math|displaymath)\*?\}")
_FUNCTION = re.compile(r"(<mi>(?:log|ln|exp|min|max|cos|sin|tanh|arg)</mi>)(?!<mo|</m)")
_NAMED = re.compile(r"<mo>([a-zA-Z]{2,})</mo>")
_ALIGNED = '<mtable displaystyle="true" columnspacing="0em"'


def to_mathml(tex: str, *, display: bool, classes: Mapping[str, str] | None = None) -> str:
    """Return ``tex`` as a ``<math>`` element that carries its source.

    ``classes`` maps a symbol, such as ``x`` or ``η``, to the CSS class that it gets wherever it stands.

    Raises:
        ExtensionError: ``tex`` cannot be read, or holds a command that is left as it stands.
    """
    source = tex.strip()
    prepared = _SINGLE.sub("", _ROWS.sub(r"\\\1{split}", source))
    if r"\\" in prepared and r"\begin" not in prepared:
        prepared = rf"\begin{{split}}{prepared}\end{{split}}"
    try:
        math = convert(prepared, display="block" if display else "inline")
    except Exception as error:  # the converter has a dozen classes of its own, and no base
        raise ExtensionError(f"mathml: cannot read {source!r}: {error!r}") from error
    if unread := re.search(r"<m[a-z]+[^>]*>\\\w*", math):
        raise ExtensionError(f"mathml: {unread.group().split('>')[-1]!r} is not understood in {source!r}")
    math = _settled(math)
    for symbol, name in (classes or {}).items():
        for written in (symbol, f"&#x{ord(symbol):05X};"):
            math = math.replace(f"<mi>{written}</mi>", f'<mi class="{name}">{written}</mi>')
    opening, rest = math.split(">", 1)
    body = rest.removesuffix("</math>")
    return (
        f'{opening} alttext="{escape(source)}"><semantics>{body}'
        f'<annotation encoding="application/x-tex">{escape(source)}</annotation></semantics></math>'
    )


def _settled(math: str) -> str:
    """Return the converter's output as browsers' MathML Core wants it, with TeX's small spaces.

    Core has no ``columnalign`` and no ``columnspacing``, so these become styles; a function's name
    is a name, set off from its argument; the comma in ``1{,}000`` is no list's.
    """
    math = re.sub(r'columnalign="(left|right|center)"', r'style="text-align:\1"', math)
    math = math.replace(_ALIGNED, f'{_ALIGNED} class="aligned"')
    math = math.replace("<mrow><mo>&#x0002C;</mo></mrow>", "<mtext>,</mtext>")
    math = _NAMED.sub(r"<mi>\1</mi>", math)
    return _FUNCTION.sub(r'\1<mspace width="0.17em"/>', math)


def _visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(to_mathml(node.astext(), display=False, classes=self.config.mathml_classes) + "</span>")
    raise nodes.SkipNode


def _visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(to_mathml(node.astext(), display=True, classes=self.config.mathml_classes) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer; called by Sphinx."""
    app.add_config_value("mathml_classes", {}, "env", dict)
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_display, None))
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
