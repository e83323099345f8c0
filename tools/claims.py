"""Hold every figure of the prose to what it comes from: `course claims`.

A number with three or more significant digits in the prose of a page must

- be printed by a cell of the same page, as it stands or with more digits,
- or stand in the table of claims (`tools/claims_list.py`), which computes it,
- or carry a citation right after it: `<!-- cited: https://… -->`, which readers do not see, with a
  source that the page names.

A figure of a recorded run goes through the table in any case: another cell may print the same digits.
`tools/prose.py` says what counts as prose and as a number.
"""

import argparse
import ast
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.claims_list import CLAIMS, Claim
from tools.prose import CITED, FIGURE, SIGNIFICANT, Number, Page, find_numbers, mask, read_pages, sentence_at

SHOWN = 160  # characters of a sentence in a message


@dataclass(frozen=True)
class Source:
    """What holds a number of a page, or words: `kind` is "claim", "printed" or "cited"."""

    page: str
    number: str
    kind: str
    source: str = ""


def check(pages: Iterable[Page], claims: Iterable[Claim]) -> tuple[list[Source], list[str]]:
    """Return what holds each number that needs a source, and what is wrong, a sentence each."""
    pages, claims = list(pages), list(claims)
    sources: list[Source] = []
    known = {page.name for page in pages}
    problems = [f"{claim.page}: there is no such page. Correct the claim “{claim.fragment}”."
                for claim in claims if claim.page not in known]  # fmt: skip
    for page in pages:
        found, wrong = check_page(page, [claim for claim in claims if claim.page == page.name])
        sources += found
        problems += wrong
    return sources, problems


def check_page(page: Page, claims: Iterable[Claim]) -> tuple[list[Source], list[str]]:
    """As `check`, for one page and the claims on it."""
    sources: list[Source] = []
    problems: list[str] = []
    claimed: list[tuple[int, range]] = []  # a piece of prose, and where in it a claim's figure stands
    for claim in claims:
        places = [(piece, match) for piece, text in enumerate(page.prose)
                  for match in pattern_of(claim.fragment).finditer(text)]  # fmt: skip
        if len(places) != 1:
            said = f"is {len(places)} times on the page; make it longer" if places else "is not on the page any more"
            problems.append(f"{page.name}: the claim “{claim.fragment}” {said}.")
            continue
        piece, match = places[0]
        claimed += [(piece, range(*match.span(group))) for group in range(1, match.re.groups + 1)]
        found, wrong = _compare(claim, match)
        sources += found
        problems += wrong
    for piece, text in enumerate(page.prose):
        found, wrong = _check_rest(page, text, [span for place, span in claimed if place == piece])
        sources += found
        problems += wrong
    return sources, problems


def _check_rest(page: Page, text: str, claimed: list[range]) -> tuple[list[Source], list[str]]:
    """Look for what holds the numbers of a piece of prose that no claim holds."""
    numbers = list(find_numbers(mask(text)))
    cited, problems = _citations(page, text, numbers)
    sources: list[Source] = []
    for number in numbers:
        if number.significant < SIGNIFICANT:
            continue
        if any(number.start < span.stop and span.start < number.end for span in claimed):
            continue
        if number in cited:
            sources.append(Source(page.name, number.text, "cited", cited[number]))
        elif any(number.is_rounding_of(printed) for printed in page.printed):
            sources.append(Source(page.name, number.text, "printed"))
        else:
            sentence = _shortened(sentence_at(text, number.start, number.end))
            problems.append(
                f"{page.name}: {number.text} has no source: “{sentence}” "
                "Print it in a cell, add a claim to tools/claims_list.py, or cite it."
            )
    return sources, problems


def _compare(claim: Claim, match: re.Match) -> tuple[list[Source], list[str]]:
    """Compare the figures of a fragment as found on its page with those that the claim computes."""
    source, written = source_of(claim), _plain(match[0])
    try:
        value = claim.value()
        values = value if isinstance(value, tuple) else (value,)
        expected = _plain(claim.fragment.format(*values))
    except Exception as error:  # of any kind: whatever the expression does, say where it stands
        return [], [f"{claim.page}: “{written}” cannot be checked: {source} raises {type(error).__name__}: {error}"]
    if not match.re.groups:  # a statement in words
        if value:
            return [Source(claim.page, f"“{written}”", "claim", source)], []
        return [], [f"{claim.page}: the page says “{written}”, but {source} is {value}"]
    if expected == written:
        computed = ", ".join(map(_shown, values))
        return [Source(claim.page, ", ".join(match.groups()), "claim", f"{source} = {computed}")], []
    sentence = _shortened(sentence_at(match.string, match.start(), match.end()))
    says = f"the page says “{written}”, but {source} gives “{expected}”"
    return [], [f"{claim.page}: {says}. The sentence: “{sentence}”"]


def _citations(page: Page, text: str, numbers: list[Number]) -> tuple[dict[Number, str], list[str]]:
    """Which numbers carry a citation, and which citations are wrong."""
    cited: dict[Number, str] = {}
    problems: list[str] = []
    everything = re.sub(r"<!--.*?-->", "", "\n".join(page.prose), flags=re.DOTALL)
    for mark in CITED.finditer(text):
        before = [number for number in numbers if number.end <= mark.start()]
        if not before or "\n\n" in text[before[-1].end : mark.start()]:
            problems.append(f"{page.name}: no number stands before {mark[0]} in its paragraph. Remove the mark.")
        elif mark[1].removeprefix("arXiv:") not in everything:
            problems.append(f"{page.name}: {mark[0]} names a source that the page does not name. Link it there.")
        else:
            cited[before[-1]] = mark[1]
    return cited, problems


def pattern_of(fragment: str) -> re.Pattern:
    """Find a fragment with any figures, across line breaks."""
    pattern = ""
    for literal, field, *_ in string.Formatter().parse(fragment):
        pattern += re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(literal)) + ("" if field is None else f"({FIGURE})")
    return re.compile(pattern)


def _plain(text: str) -> str:
    return " ".join(text.replace("−", "-").split())


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + " …"


@cache
def _lambdas(file: str) -> dict[int, str]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.lineno: ast.unparse(node.body) for node in ast.walk(tree) if isinstance(node, ast.Lambda)}


def source_of(claim: Claim) -> str:
    """The claim's expression as it is written."""
    code = claim.value.__code__
    return _lambdas(code.co_filename)[code.co_firstlineno]


def add_claims_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="part of a page's path, as 06 (default: every page)")


def run_claims(args: argparse.Namespace) -> None:
    """List the sources of all figures; status 1 if one is wrong or has none."""
    pages = [page for page in read_pages() if not args.pages or any(part in page.name for part in args.pages)]
    if not pages:
        raise SystemExit(f"No page has {' or '.join(args.pages)} in its path.")
    names = {page.name for page in pages}
    chosen = [claim for claim in CLAIMS if claim.page in names or not args.pages]
    sources, problems = check(pages, chosen)
    for page in pages:
        of_page = [source for source in sources if source.page == page.name]
        if of_page:
            print(f"{page.name}")
        for source in of_page:
            if source.kind != "printed":
                print(f"  {source.kind:<7} {source.number:<18}  {source.source}")
        printed = dict.fromkeys(source.number for source in of_page if source.kind == "printed")
        if printed:
            print(f"  printed {', '.join(printed)}")
    counts = {kind: sum(source.kind == kind for source in sources) for kind in ("claim", "printed", "cited")}
    print(f"{counts['claim']} claims hold, {counts['printed']} numbers are printed, {counts['cited']} are cited.")
    if problems:
        raise SystemExit("\n".join(["", *problems, f"{len(problems)} figures are wrong or have no source."]))
