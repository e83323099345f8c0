"""The site's own extensions: equations as MathML, and what course_site takes from the library."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx.errors import ExtensionError

from course_lib.palette import PALETTE
from course_lib.widgets.loop import PARTS, loop_html

sys.path.insert(0, str(Path(__file__).parents[1] / "book" / "_ext"))
import course_site
import mathml

MATH = "{http://www.w3.org/1998/Math/MathML}"
FORMULAS = [
    r"L = -\frac{1}{B T} \sum_{b=1}^{B} \sum_{t=0}^{T-1} \log p\left(y_{b,t} \mid x_{b,0}, \ldots, x_{b,t}\right)",
    r"g \leftarrow g \cdot \min \left( 1, \frac{c}{\lVert g \rVert} \right)",
    r"\eta_t = \begin{cases} \eta_{\max} \, \frac{t}{W} & t < W \\ \eta_{\min} & t > D \end{cases}",
]


@pytest.mark.parametrize("tex", FORMULAS)
def test_a_formula_becomes_mathml_that_keeps_its_source(tex):
    math = ElementTree.fromstring(mathml.to_mathml(tex, display=True))
    assert math.tag == f"{MATH}math" and math.get("display") == "block" and math.get("alttext") == tex
    assert math.find(f".//{MATH}annotation").text == tex
    assert "\\" not in "".join(node.text or "" for node in math.iter() if node.tag != f"{MATH}annotation")


def test_a_command_that_is_not_understood_stops_the_build_and_is_named():
    with pytest.raises(ExtensionError, match="nonsense"):
        mathml.to_mathml(r"x + \nonsense{y}", display=False)


def test_symbols_keep_their_colour_wherever_they_stand():
    written = mathml.to_mathml(r"\eta x + xy + \text{x}", display=False, classes=course_site.COLOURED_SYMBOLS)
    math = ElementTree.fromstring(written)
    found = [(node.text, node.get("class")) for node in math.iter(f"{MATH}mi")]
    assert found == [("η", "c-lr"), ("x", "c-x"), ("x", "c-x"), ("y", "c-y")]


def test_every_colour_that_a_word_gets_is_in_the_palette_and_in_the_style_sheet():
    for name in {*course_site.COLOURED_WORDS.values(), *course_site.COLOURED_SYMBOLS.values()}:
        assert name.removeprefix("c-") in PALETTE
        assert f".bd-article .{name}{{color:var(--{name});}}" in course_site.palette_css()


def test_words_in_code_get_their_colour_and_no_others():
    document = new_document("page")
    document += [nodes.literal("", text) for text in ("x", "x_row", "val")]
    course_site._colour_words(None, document)
    assert [node["classes"] for node in document.findall(nodes.literal)] == [["c-x"], [], ["c-val"]]


def test_the_loop_leads_to_pages_on_the_site():
    document = new_document("page")
    document += nodes.raw("", loop_html("loss", base="", suffix=".ipynb"), format="html")
    document += nodes.raw("", '<a href="01_corpus.ipynb">', format="html")
    course_site._link_pages(None, document)
    loop, other = (node.astext() for node in document.findall(nodes.raw))
    assert all(f'href="{part.chapter}.html"' in loop for part in PARTS) and ".ipynb" not in loop
    assert other == '<a href="01_corpus.ipynb">'


def test_the_address_stands_in_one_place(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nversion = "2.3.4"\n[project.urls]\nRepository = "https://example.org/course/"\n'
    )
    assert course_site.address_and_tag(tmp_path) == ("https://example.org/course", "v2.3.4")
