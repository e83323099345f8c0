"""Read and check the widget state that a notebook stores, before a page is made of it.

The format is the one of ``ipywidgets`` (``application/vnd.jupyter.widget-state+json``, version 2):
``{"version_major": 2, "state": {id: {"model_name": …, "state": {trait: value}}}}``. A model refers
to another one by the string ``IPY_MODEL_<id>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

VERSION = 2
REFERENCE = "IPY_MODEL_"

CONTROLS = frozenset({
    "IntSliderModel", "FloatSliderModel", "FloatLogSliderModel", "IntRangeSliderModel",
    "CheckboxModel", "DropdownModel", "ToggleButtonsModel", "PlayModel",
})
BOXES = frozenset({"HBoxModel", "VBoxModel"})
TEXTS = frozenset({"LabelModel", "HTMLModel"})
LINKS = frozenset({"LinkModel", "DirectionalLinkModel"})
PICTURE = "AnyModel"
SHOWN = CONTROLS | BOXES | TEXTS | {PICTURE}
ALLOWED = SHOWN | LINKS

# Their values have no meaning on a page: the runtime lays out and styles by CSS.
_DROPPED = re.compile(r"(Layout|Style)Model$")


class StateError(ValueError):
    """The stored state holds something that a static page cannot show."""


def models_of(stored: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the models by id, without layouts and styles.

    Raises:
        StateError: the state is of another version, or is not a widget state.
    """
    version = stored.get("version_major")
    if version != VERSION:
        raise StateError(f"the stored widget state has version {version}, expected {VERSION}")
    models = stored.get("state")
    if not isinstance(models, dict):
        raise StateError("the stored widget state holds no models")
    return {i: m for i, m in models.items() if not _DROPPED.search(str(m.get("model_name")))}


def reference(value: object) -> str | None:
    """Return the id in ``IPY_MODEL_<id>``, or None where ``value`` is no reference."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        return value.removeprefix(REFERENCE)
    return None


def name_of(model_id: str, models: dict[str, dict[str, Any]]) -> str:
    """Return words by which an author finds a model: its type and its description."""
    model = models.get(model_id)
    if model is None:
        return f"a model that is not stored ({model_id})"
    description = model.get("state", {}).get("description")
    return model["model_name"] + (f" {description!r}" if description else "")


def problems(models: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each reason why these models cannot live on a static page."""
    for model in models.values():
        if model["model_name"] not in ALLOWED:
            yield f"unknown model {model['model_name']}; allowed are {', '.join(sorted(ALLOWED))}"
    linked: set[str] = set()
    for model_id, model in models.items():
        state = model.get("state", {})
        if model["model_name"] in LINKS:
            for end in ("source", "target"):
                yield from _end_problems(end, state.get(end), models, linked)
        elif model["model_name"] in BOXES:
            for child in state.get("children", ()):
                if reference(child) not in models:
                    yield f"{model['model_name']} has a child that is not stored ({child})"
    for model_id, model in models.items():
        if model["model_name"] not in CONTROLS:
            continue
        if model_id not in linked:
            yield f"{name_of(model_id, models)} is linked to nothing; use jslink, a page has no kernel"
        if not accessible_name(model.get("state", {})):
            yield f"a {model['model_name']} has neither description nor tooltip, so it has no name"


def _end_problems(
    end: str, value: Any, models: dict[str, dict[str, Any]], linked: set[str]
) -> Iterator[str]:
    """Yield what is wrong with one end of a link, and note the model as linked if nothing is."""
    if not (isinstance(value, list) and len(value) == 2):
        yield f"a link has no {end}"
        return
    model_id, trait = reference(value[0]), value[1]
    if model_id not in models:
        yield f"the {end} of a link is {name_of(str(model_id), models)}"
    elif trait not in models[model_id].get("state", {}):
        yield f"the {end} of a link is {trait!r} of {name_of(model_id, models)}, which has no such trait"
    else:
        linked.add(model_id)


def accessible_name(state: dict[str, Any]) -> str:
    """Return the words that name a control to every reader."""
    return str(state.get("description") or state.get("tooltip") or "").strip()


def shortened(models: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Rename the models to ``w0``, ``w1`` … so that two builds of one notebook give one page.

    Returns:
        The state with the new names, and the new name of each old id.
    """
    names = {old: f"w{n}" for n, old in enumerate(models)}

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return REFERENCE + names[old] if (old := reference(value)) in names else value
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        return value

    kept = {}
    for old, model in models.items():
        state = {k: v for k, v in model["state"].items() if k not in ("layout", "style")}
        kept[names[old]] = {**model, "state": renamed(state)}
    return {"version_major": VERSION, "version_minor": 0, "state": kept}, names
