"""The prose pages say nothing that the library does not: code runs, messages and papers exist.

tests/test_claims.py holds their figures.
"""

import doctest
import re
from pathlib import Path

import pytest

from tools import project

BOOK = project.ROOT / "book"
SOURCES = [project.ROOT / "Makefile", *(project.ROOT / "course_lib").rglob("*.py")]


def read(page: str) -> str:
    return (BOOK / page).read_text(encoding="utf-8")


def without_breaks(source: str) -> str:
    """Python source with the strings of neighbouring lines joined, as the interpreter joins them."""
    return re.sub(r'"\s*\n\s*f?"', "", source)


@pytest.mark.parametrize("page", sorted(BOOK.glob("*.md")), ids=lambda path: path.name)
def test_examples_print_what_the_page_shows(page: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_glossary_is_sorted_and_leads_to_the_place() -> None:
    body = read("glossary.md").split("```{glossary}\n")[1].rsplit("```", 1)[0]
    entries = [entry.split("\n", 1) for entry in body.strip().split("\n\n")]
    terms = [term for term, _ in entries]
    assert terms == sorted(terms, key=str.lower)
    assert [term for term, text in entries if "](" not in text] == []


def test_every_message_of_the_course_exists() -> None:
    ours = read("running.md").split("### From the course")[1].split("### From elsewhere")[0]
    messages = re.findall(r"^`(.+)`$", ours, flags=re.MULTILINE)
    sources = [without_breaks(path.read_text(encoding="utf-8")) for path in SOURCES]
    assert messages
    assert [m for m in messages if not any(m in source for source in sources)] == []


def test_every_paper_that_the_course_names_is_in_the_references() -> None:
    places = [*SOURCES, *project.chapters()]
    text = "".join(path.read_text(encoding="utf-8") for path in places)
    papers = set(re.findall(r"arxiv(?:\.org/(?:abs|pdf)/|:\s*)(\d{4}\.\d{5})", text, re.IGNORECASE))
    assert papers
    assert papers - set(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", read("cite.md"))) == set()
