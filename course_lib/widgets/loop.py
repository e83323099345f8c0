"""The loop as a picture: six parts in the order in which they run, each a link to its chapter.

Plain HTML and CSS, so that it needs neither a kernel nor a script, and wraps on a phone.
"""

from html import escape
from pathlib import Path
from typing import NamedTuple

from IPython.display import HTML, display

from course_lib import palette


class Part(NamedTuple):
    """One part of the loop and what goes in and out of it."""

    name: str
    chapter: str
    goes_in: str
    comes_out: str


PARTS = (
    Part("corpus", "01_corpus", "text", "tokens (N,)"),
    Part("batches", "02_batches", "tokens", "x, y (B, T)"),
    Part("loss", "03_loss", "logits, y", "one number"),
    Part("clipping", "04_clipping", "gradients", "norm ≤ c"),
    Part("schedule", "05_schedule", "step t", "rate η"),
    Part("training", "06_training", "all of it", "a trained model"),
)
# The part that the course does not touch stands between batches and loss.
_TRANSFORMER = "transformer"


def loop_html(lit: str | None = None, base: str = "../notebooks/", suffix: str = ".html") -> str:
    """Return the picture as HTML with its style.

    Args:
        lit: the part to light, by name; the picture is then the small one that a chapter carries.
        base: the way from the page to the chapters.
        suffix: what the chapters' addresses end in.

    Raises:
        ValueError: `lit` is no part of the loop.
    """
    names = [part.name for part in PARTS]
    if lit is not None and lit not in names:
        raise ValueError(f"lit is {lit!r}; the parts are {', '.join(names)}")
    items = [_item(number, part, lit, base + part.chapter + suffix) for number, part in enumerate(PARTS, 1)]
    items.insert(2, _model(lit is None))
    small = "" if lit is None else " loop-small"
    return (
        f"<style>{palette.css()}{_STYLE}</style>"
        f'<nav class="loop{small}" aria-label="The training loop, part by part"><ol>{"".join(items)}</ol></nav>'
    )


def loop_picture(lit: str | None = None) -> None:
    """Display the loop, with one part lit, in a chapter of `notebooks/`.

    The links lead to the other notebooks; the site's build lets them lead to its pages.
    """
    display(HTML(loop_html(lit, base="", suffix=".ipynb")))


def _item(number: int, part: Part, lit: str | None, address: str) -> str:
    here = part.name == lit
    current = ' aria-current="page"' if here else ""
    flow = "" if lit else _flow(part.goes_in, part.comes_out)
    again = '<span class="loop-again" aria-hidden="true">↺</span>' if part.name == "training" else ""
    return (
        f'<li class="loop-{part.name}{" loop-lit" if here else ""}"><a href="{escape(address)}"{current}>'
        f'<span class="loop-number">{number}</span> <span class="loop-name">{part.name}</span>{again}</a>{flow}</li>'
    )


def _model(large: bool) -> str:
    flow = _flow("x", "logits (B, T, V)") if large else ""
    return f'<li class="loop-model"><span class="loop-block"><span class="loop-name">{_TRANSFORMER}</span></span>{flow}</li>'


def _flow(goes_in: str, comes_out: str) -> str:
    return (
        f'<span class="loop-flow"><span>{escape(goes_in)}</span>'
        f' <span class="loop-out"><span aria-hidden="true">→</span> {escape(comes_out)}</span></span>'
    )


_STYLE = (Path(__file__).parent / "loop.css").read_text(encoding="utf-8")
