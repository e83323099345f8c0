"""What the pages say: their prose, the numbers in it, and the numbers that their cells print.

Prose is the text of a page in Markdown and, in a notebook, the strings of a quiz as well. Other
strings in code are code. Masked, so that no number is found there: code, links' addresses, formulas,
headings, HTML tags (but not the words that a tag holds for those who cannot see a picture), versions,
dates, ordinals, list markers and arXiv numbers. A number that is part of a name (`fp16`, SHA-256, #586)
is none. Four digits are a year only where a year would stand: "2017 tokens" and "step 1927" are figures.

A number needs a source if it has three or more significant digits as it is written. Leading zeros do
not count, and trailing zeros of an integer do not either: 5,000 has one, 1,115 has four, 0.640 three.
"""

import ast
import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import nbformat

from tools import project
from tools.notebooks import INSTALL_TAG, code_cells, tags

SIGNIFICANT = 3
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<!\.)\.\d+"
_EXPONENT = r"e[-+−]?\d+"
FIGURE = rf"(?<![\d.,])[-+−]?(?:{_DIGITS})(?:{_EXPONENT})?%?"  # as a format writes one
SUFFIXES = {"%": -2, "k": 3, "thousand": 3, "million": 6, "billion": 9}  # powers of ten
CODE_DIRECTIVES = ("code", "code-block", "literalinclude", "math")
TITLED_DIRECTIVES = ("admonition", "dropdown")  # their line holds words, that of others names or paths
QUIZ_CALLS = ("Numeric", "Choice")
HIDDEN_TAG = "remove-input"  # of cells whose code the website does not show
CITED = re.compile(r"<!--\s*cited:\s*(.*?)\s*-->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NUMBER = re.compile(
    r"(?<![\w#])(?<![A-Za-z][-‑])"  # not within a word, a name or another number
    r"(?P<sign>(?<![%)])[-+−])?"  # the dash of a range is no sign
    rf"(?P<digits>{_DIGITS})(?P<exponent>{_EXPONENT})?"
    r"(?P<suffix>\s?%|k\b|\s(?:thousand|million|billion)\b)?"
)
_FENCE = re.compile(
    r"^ *(?P<fence>`{3,}|~{3,})(?:\{(?P<directive>[\w-]+)\})?(?P<title>[^\n]*)\n(?P<body>.*?)^ *(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
_COUNTED = "step|update|iteration|token|id|character|position|window|row|batch|parameter|run|second|minute|MB|GB"
# Where a year stands: after a comma, an asterisk, an abbreviation (ICLR), a month, or one of three words.
_BEFORE_A_YEAR = r"(?:,\s+|\*\s+|\b(?:[Ii]n|[Ff]rom|[Ss]ince|\w*[A-Z]\w*[A-Z]\w*|January|February|March|April|May|" \
    r"June|July|August|September|October|November|December)\s+)"  # fmt: skip
_NOT_PROSE = [re.compile(pattern, re.MULTILINE | re.DOTALL) for pattern in (
    r"(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)",  # inline code, within a paragraph
    r"\$\$.*?\$\$", r"\$(?!\s)(?:(?!\n\s*\n)[^$])+?(?<!\s)\$(?!\d)",  # formulas
    r"^ {0,3}#{1,6} [^\n]*$",  # headings
    r"(?<=\])\([^\s)]*(?=\)|\s+[\"'])", r"https?://[^\s<>)]+",  # addresses
    r"\barXiv:\d{4}\.\d{4,5}",
    r"\b\d+(?:\.\d+){2,}\w*",  # versions, and below of Python and PyTorch
    r"\b(?:Python|PyTorch|[Vv]ersion)\s\d+(?:\.\d+)*(?:(?:,| to| or|,? and)\s\d+\.\d+)*",
    rf"{_BEFORE_A_YEAR}(?:19\d\d|20[0-2]\d)(?![.,]?\d|\s?%|[-\s]?(?:{_COUNTED})(?:e?s)?\b)", r"\b\d{4}-\d\d-\d\d\b",
    r"\b\d[\d,]*(?:st|nd|rd|th)\b",
    r"^\s*\d{1,2}[.)]\s",  # of a list; a longer one begins a line of a paragraph
)]  # fmt: skip
_ROLE = re.compile(r"(\{[a-z-]+\}`)([^`]+)`")  # its text is prose
_TAG = re.compile(r"</?[A-Za-z][^>]*>")
_TOLD = re.compile(r"\b(?:alt|title|aria-label)=(?:\"[^\"]*\"|'[^']*')")


@dataclass(frozen=True)
class Number:
    """A number as it is written.

    Args:
        text: with its sign, exponent, and a percent sign or a word such as "million".
        start, end: its place in the piece of prose.
        value: what it amounts to: 0.927 for "92.7 %".
        significant: how many of its digits count.
    """

    text: str
    start: int
    end: int
    value: Decimal
    significant: int

    @property
    def place(self) -> int:
        """The power of ten of its last digit."""
        return self.value.as_tuple().exponent

    def is_rounding_of(self, printed: "Number") -> bool:
        """Whether this number is the printed one, or the printed one rounded to fewer digits.

        2.48 is a rounding of 2.482, and 92.7 % of 0.9268. An integer stands for itself to the unit.
        Prose may leave a minus to its words ("0.31 lower"), but cannot add one.
        """
        if printed.place > self.place:
            return False
        gap = min(abs(printed.value - self.value), abs(abs(printed.value) - self.value))
        # Half a unit either way: 2.485 was rounded already, so it may come from above or from below.
        return 2 * gap <= Decimal(1).scaleb(self.place)


@dataclass(frozen=True)
class Page:
    """A page as its readers and its source have it.

    Args:
        name: its path from the root, as "book/intro.md".
        prose: its pieces of text: all of a Markdown page, each Markdown cell, each string of a quiz.
        outputs: what its cells print.
    """

    name: str
    prose: tuple[str, ...]
    outputs: tuple[str, ...]

    @cached_property
    def printed(self) -> list[Number]:
        return [number for output in self.outputs for number in find_numbers(output)]


def find_numbers(text: str) -> Iterator[Number]:
    """Find every number of a text from which `mask` took what is no prose, or of an output."""
    for match in _NUMBER.finditer(text):
        digits = match["digits"].replace(",", "")
        written = f"{match['sign'] or ''}{digits}{match['exponent'] or ''}".replace("−", "-")
        power = SUFFIXES.get((match["suffix"] or "").strip(), 0)
        counted = digits.replace(".", "").lstrip("0") if "." in digits else digits.strip("0")
        yield Number(match[0], match.start(), match.end(), Decimal(written).scaleb(power), len(counted))


def mask(markdown: str) -> str:
    """Blank out all that is not prose. The length stays, and so does the place of every number."""
    masked = _COMMENT.sub(_blank, _FENCE.sub(_mask_fence, markdown))
    masked = _ROLE.sub(lambda role: f"{' ' * len(role[1])}{role[2]} ", masked)
    for pattern in _NOT_PROSE:
        masked = pattern.sub(_blank, masked)
    return _TAG.sub(_mask_tag, masked)


def _blank(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _mask_tag(match: re.Match) -> str:
    """Blank a tag, except the words in it that a reader is told."""
    told = [place.span() for place in _TOLD.finditer(match[0])]
    return "".join(letter if letter == "\n" or any(start <= i < end for start, end in told) else " "
                   for i, letter in enumerate(match[0]))  # fmt: skip


def _mask_fence(match: re.Match) -> str:
    if match["directive"] is None or match["directive"] in CODE_DIRECTIVES:
        return _blank(match)
    before, after = (match.start("body") - match.start(), match.end() - match.end("body"))
    title = match["title"] if match["directive"] in TITLED_DIRECTIVES else ""
    return title.rjust(before - 1) + "\n" + _FENCE.sub(_mask_fence, match["body"]) + " " * after


def sentence_at(text: str, start: int, end: int) -> str:
    """The sentence, list entry or row of a table around a place in a text, on one line."""
    border = re.compile(r"(?<=[.?!:])\s+(?=[^a-z\s])|\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.)\s)|\n(?=#)")
    places = [0, *(match.end() for match in border.finditer(text)), len(text)]
    first = max(place for place in places if place <= start)
    last = min(place for place in places if place >= end)
    return " ".join(_COMMENT.sub("", text[first:last]).split())


def read_pages(root: Path = project.ROOT) -> list[Page]:
    """Every page with prose: the README, the pages of `book/`, the chapters, the exercises."""
    patterns = ("README.md", "book/*.md", "notebooks/[0-9]*.ipynb", "exercises/*/*.ipynb")
    paths = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    # Of the notebooks below exercises/ only NAME/NAME.ipynb is a source; the others are made from these.
    made = {path for path in paths if path.parts[-3] == "exercises" and path.stem != path.parent.name}
    return [read_page(path, root) for path in paths if path not in made]


def read_page(path: Path, root: Path = project.ROOT) -> Page:
    name = path.relative_to(root).as_posix()
    if path.suffix == ".ipynb":
        return _notebook_page(name, nbformat.read(path, as_version=4))
    text = path.read_text(encoding="utf-8")
    # tests/test_pages.py runs these examples and compares what they print.
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_examples("\n".join(blocks))
    return Page(name, (text,), tuple(example.want for example in examples))


def _notebook_page(name: str, notebook: nbformat.NotebookNode) -> Page:
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    outputs: list[str] = []
    for cell in code_cells(notebook):
        prose += shown_strings(cell)
        if INSTALL_TAG not in tags(cell):  # it prints the machine's memory
            outputs += filter(None, map(_printed_text, cell.outputs))
    return Page(name, tuple(prose), tuple(outputs))


def _printed_text(output: nbformat.NotebookNode) -> str | None:
    """What a reader sees of an output as text; not a widget's repr, nor what a model wrote («…»)."""
    if output.output_type == "stream" and output.name == "stdout":
        text = output.text
    elif output.output_type == "execute_result":
        text = output.data.get("text/plain", "")
    else:
        return None
    return re.sub(r"«.*?»", "", text, flags=re.DOTALL)


def shown_strings(cell: nbformat.NotebookNode) -> list[str]:
    """The strings that a quiz shows. A string that is computed gives its fixed parts, "…" between them.

    A quiz stands in cells with its calls, and in hidden cells that prepare them.
    """
    is_quiz = HIDDEN_TAG in tags(cell) or any(f"{call}(" in cell.source for call in QUIZ_CALLS)
    return list(_strings(ast.parse(cell.source))) if is_quiz else []


def _strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)
