"""The course's colours, in one place for figures, pictures and pages.

Each name has a meaning that it keeps everywhere: `x` and `y` are a batch's inputs and targets, `train`
and `val` the two halves, `loss`, `lr` and `norm` the three curves of a run. Every text colour reaches
WCAG AA (4.5 to 1) on `paper` of its theme. Colours that stand side by side (x and y, train and val,
the three curves, good and bad) stay apart under simulated protanopia, deuteranopia and tritanopia;
no picture relies on colour alone all the same.
"""

from typing import NamedTuple


class Colour(NamedTuple):
    """One colour as two hex strings, for a light and for a dark page."""

    light: str
    dark: str


PALETTE: dict[str, Colour] = {
    "x": Colour("#0f5fb4", "#79b8ff"),
    "y": Colour("#b24700", "#ffab5e"),
    "train": Colour("#3d6b0a", "#a9d46a"),
    "val": Colour("#8a2a9b", "#e29bf5"),
    "loss": Colour("#3d4a9e", "#a5b4ff"),
    "lr": Colour("#966100", "#ecc65c"),
    "norm": Colour("#7a1a30", "#ff8f8f"),
    "ink": Colour("#1c2430", "#e8eaee"),
    "muted": Colour("#59626f", "#a3adba"),
    "paper": Colour("#fcfbf8", "#161a20"),
    "rule": Colour("#d8d5cd", "#38404c"),
    "accent": Colour("#0b6470", "#6fd3dc"),
    "good": Colour("#006a6e", "#66d9d4"),
    "bad": Colour("#ad2b12", "#ff9272"),
}

# Where each host says that its page is dark: the book's theme, JupyterLab, Colab.
DARK_SELECTORS = ('html[data-theme="dark"]', 'body[data-jp-theme-light="false"]', "html[theme=dark]")


def _properties(theme: str) -> str:
    colours = "".join(f"--c-{name}:{getattr(colour, theme)};" for name, colour in PALETTE.items())
    return f"{colours}--c-scheme:{theme};"


def css() -> str:
    """Return a style sheet that defines `--c-x`, `--c-y` … for light pages and for dark ones.

    `--c-scheme` is `light` or `dark`, for the browser's own controls (`color-scheme`).
    """
    return f":root{{{_properties('light')}}}\n{','.join(DARK_SELECTORS)}{{{_properties('dark')}}}\n"
