"""The HTML of a widget view before its script has run: boxes, empty places, text.

The places have their final size from the start, so nothing moves when the runtime fills them, and
a reader without JavaScript finds the picture's text in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from .state import BOXES, CONTROLS, PICTURE, accessible_name, reference

MISSING = "A live picture belongs here, but its stored state is missing."


def view(model_id: str, models: dict[str, dict[str, Any]]) -> str:
    """Return the HTML of the view of one model, with everything inside it."""
    return f'<div class="sw-view">{_place(model_id, models)}</div>'


def missing() -> str:
    """Return the line that stands where a view has no stored state."""
    return f'<div class="sw-view"><p class="sw-note">{MISSING}</p></div>'


def _width(kind: str, name: str, options: Sequence[str]) -> str:
    """Return the style that gives a control of words the width of its words, in rem.

    Without it a row would break in one place before its controls are drawn and in another after.
    """
    if kind == "ToggleButtonsModel":
        width = max(0.6 * len(name), sum(0.6 * len(option) + 1.9 for option in options))
    elif kind in ("CheckboxModel", "PlayModel"):
        width = 0.6 * len(name) + (2.5 if kind == "CheckboxModel" else 6.5)
    else:
        return ""
    return f' style="--sw-width:{width:.1f}rem"'


def _height(state: dict[str, Any]) -> str:
    """Return the style that keeps a picture's height free, on wide and on narrow screens."""
    hints = {"--sw-height": "height_hint", "--sw-height-narrow": "height_hint_narrow"}
    heights = {name: state.get(trait) for name, trait in hints.items()}
    kept = [f"{name}:{h:g}px" for name, h in heights.items() if isinstance(h, int | float) and h > 0]
    return f' style="{";".join(kept)}"' if kept else ""


def _place(model_id: str, models: dict[str, dict[str, Any]]) -> str:
    model = models[model_id]
    kind, state = model["model_name"], model["state"]
    if kind in BOXES:
        inside = "".join(_place(str(reference(c)), models) for c in state.get("children", ()))
        return f'<div class="sw-box sw-{kind.removesuffix("BoxModel").lower()}box">{inside}</div>'
    classes, style, inside = f"sw-slot sw-{kind.removesuffix('Model').lower()}", "", ""
    if kind == PICTURE:
        style = _height(state)
        words = state.get("text_alternative") or "A picture that needs JavaScript."
        inside = f'<noscript><p class="sw-note">{escape(str(words))}</p></noscript>'
    elif kind in CONTROLS:
        classes += " sw-control"
        words = accessible_name(state)
        style = _width(kind, words, state.get("_options_labels") or ())
        inside = f'<noscript><p class="sw-note">{escape(words)}: needs JavaScript.</p></noscript>'
    elif kind == "HTMLModel":
        inside = str(state.get("value", ""))  # the author's own, as in the notebook
    else:
        inside = escape(str(state.get("value", "")))
    return f'<div class="{classes}" data-sw-model="{model_id}"{style}>{inside}</div>'
