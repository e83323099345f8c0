"""What every picture shares: its module and style, the link to a control, a stable repr, the display.

A picture is an `anywidget`: Python holds the settings as synced traits, a JavaScript module draws them.
A control is linked to a trait in the front end, so that it works on a page without a kernel too.
"""

import sys
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import display
from ipywidgets import HBox, ToggleButtons, VBox, Widget, jslink

from course_lib import palette

_HERE = Path(__file__).parent


def module(*files: str) -> str:
    """Return the JavaScript module of a piece: what all pictures share, then the piece's own files in order."""
    return "\n".join((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in ("common", *files))


def style() -> str:
    """Return the style sheet of every picture: the palette, then how pictures are laid out."""
    return palette.css() + (_HERE / "pictures.css").read_text(encoding="utf-8")


class Picture(anywidget.AnyWidget):
    """A picture whose traits follow its controls; reading them needs no knowledge of widgets.

    `text_alternative` says in words what is drawn and is kept current by the picture;
    `height_hint` is the height in CSS pixels to keep free on a page before the picture is drawn,
    `height_hint_narrow` the same on a phone.
    """

    text_alternative = traitlets.Unicode("").tag(sync=True)
    height_hint = traitlets.Int(320).tag(sync=True)
    height_hint_narrow = traitlets.Int(480).tag(sync=True)

    # Names of the traits that `repr` shows, so that it never holds a memory address.
    _settings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings)
        return f"{type(self).__name__}({settings})"


def readable(text: str) -> str:
    """Return `text` with a visible sign for each space (␣) and line break (↵)."""
    return text.replace(" ", "␣").replace("\n", "↵")


def link(control: Widget, picture: Picture, trait: str) -> Widget:
    """Let `control` set `picture.trait`, start from its present value, and return the control.

    A control with options is linked by `index`: a front-end link of their `value` is refused by
    ipywidgets. On Colab the link runs through the kernel, because nobody promises that a front-end
    link made before the first display is replayed there.
    """
    source = "index" if hasattr(control, "index") else "value"
    setattr(control, source, getattr(picture, trait))
    if "google.colab" in sys.modules:
        traitlets.link((control, source), (picture, trait))
    else:
        # The link is a widget of its own; the picture keeps it alive and gives it to the saved state.
        picture.__dict__.setdefault("_links", []).append(jslink((control, source), (picture, trait)))
    return control


def control(kind: type[Widget], description: str, **options: Any) -> Widget:
    """Return a control with its description in full, as wide as its place allows."""
    # The least width lets a row of controls wrap on a phone instead of squeezing them.
    layout = {"width": "auto", "flex": "1 1 15rem", "min_width": "13rem"}
    style = {"description_width": "initial"}
    if kind is ToggleButtons:
        style["button_width"] = "auto"
    return kind(description=description, style=style, layout=layout, **options)


def show(picture: Picture, *rows: tuple[Widget, ...]) -> None:
    """Display rows of controls above the picture. `display` works on ipywidgets 7 and 8 alike."""
    wrap = {"width": "100%", "flex_flow": "row wrap"}
    display(VBox([*(HBox(list(row), layout=wrap) for row in rows), picture], layout={"width": "100%"}))
