"""What the static_widgets extension accepts at build time, what it refuses, and the page that it writes."""

import copy
import json
import re
import sys

import ipywidgets as widgets
import pytest
from static_widgets_book import EXTENSIONS, STATE, Echo, build, every_control, stored

sys.path.insert(0, str(EXTENSIONS))
from static_widgets import skeleton, state  # noqa: E402


@pytest.fixture(scope="module")
def everything():
    return stored(every_control())


def problems(data) -> list[str]:
    return list(state.problems(state.models_of(data)))


def changed(data, name, **traits):
    """Return a copy of the state in which the first model of this name has other traits."""
    data = copy.deepcopy(data)
    model = next(m for m in data["state"].values() if m["model_name"] == name)
    model["state"].update(traits)
    return data


def test_every_allowed_control_passes(everything):
    data, _ = everything
    used = {m["model_name"] for m in state.models_of(data).values()}
    assert used == state.ALLOWED
    assert problems(data) == []


def test_an_unknown_model_is_named_with_the_allowed_ones():
    found = problems(stored(widgets.VBox([widgets.Button(description="Again")]))[0])
    assert len(found) == 1
    assert "unknown model ButtonModel" in found[0]
    assert all(name in found[0] for name in state.ALLOWED)


def test_a_control_linked_to_nothing_is_named():
    found = problems(stored(widgets.VBox([widgets.IntSlider(description="Rows"), Echo()]))[0])
    assert found == ["IntSliderModel 'Rows' is linked to nothing; use jslink, a page has no kernel"]


def test_a_control_without_a_name_is_refused():
    slider, echo = widgets.IntSlider(), Echo()
    widgets.jslink((slider, "value"), (echo, "n"))
    found = problems(stored(widgets.VBox([slider, echo]))[0])
    assert found == ["a IntSliderModel has neither description nor tooltip, so it has no name"]


@pytest.mark.parametrize("end", ["source", "target"])
def test_a_link_to_a_model_that_is_not_stored_is_named(everything, end):
    found = problems(changed(everything[0], "DirectionalLinkModel", **{end: ["IPY_MODEL_gone", "value"]}))
    assert f"the {end} of a link is a model that is not stored (gone)" in found


@pytest.mark.parametrize("end", ["source", "target"])
def test_a_link_to_a_trait_that_does_not_exist_is_named(everything, end):
    original = next(m for m in everything[0]["state"].values() if m["model_name"] == "DirectionalLinkModel")
    reference = original["state"][end][0]
    found = problems(changed(everything[0], "DirectionalLinkModel", **{end: [reference, "valeu"]}))
    assert any(f"the {end} of a link is 'valeu' of" in problem for problem in found)


def test_a_link_without_an_end_is_named(everything):
    assert "a link has no target" in problems(changed(everything[0], "LinkModel", target=None))


@pytest.mark.parametrize("stored_state", [{}, {"version_major": 1, "state": {}}, {"version_major": 2}])
def test_another_version_or_no_models_is_an_error(stored_state):
    with pytest.raises(state.StateError):
        state.models_of(stored_state)


def test_two_notebooks_of_one_source_give_one_state():
    one, two = (state.shortened(state.models_of(stored(every_control())[0]))[0] for _ in range(2))
    assert one == two
    assert "IPY_MODEL_w1" in json.dumps(one)


def test_places_keep_their_height_and_words():
    models, names = state.shortened(state.models_of(stored(Echo())[0]))
    html = skeleton.view(names[next(iter(names))], models["state"])
    assert 'style="--sw-height:123px;--sw-height-narrow:234px"' in html
    assert "<noscript>" in html
    assert "Eight rows &amp; a line" in html


# ---- whole builds -----------------------------------------------------------------------------------


def test_the_page_needs_no_script_from_elsewhere(tmp_path, everything):
    done = build(tmp_path, *everything)
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "html" / "index.html").read_text("utf8")
    assert not re.findall(r'(?:src|<link[^>]*href)="(?:https?:)?//[^"]+', html)
    assert "runtime.js" in html
    assert json.loads(re.search(rf'<script type="{re.escape(STATE)}">(.*?)</script>', html, re.S)[1])
    assert html.count("data-sw-model") == 17
    assert {"runtime.js", "static-widgets.css"} <= {f.name for f in (tmp_path / "html" / "_static").iterdir()}


def test_an_unknown_model_fails_the_build_by_name(tmp_path):
    done = build(tmp_path, *stored(widgets.VBox([widgets.Button(description="Again")])))
    assert done.returncode != 0
    assert "index.ipynb: static_widgets: unknown model ButtonModel; allowed are AnyModel" in done.stderr


def test_a_dead_slider_fails_the_build_by_name(tmp_path):
    done = build(tmp_path, *stored(widgets.VBox([widgets.IntSlider(description="Rows"), Echo()])))
    assert done.returncode != 0
    assert "index.ipynb: static_widgets: IntSliderModel 'Rows' is linked to nothing" in done.stderr


def test_a_view_without_state_warns_and_leaves_a_line(tmp_path):
    done = build(tmp_path, None, "0" * 32)
    assert done.returncode != 0
    assert "a widget is shown whose state is not stored" in done.stderr
    html = (tmp_path / "html" / "index.html").read_text("utf8")
    assert skeleton.MISSING in html
    assert "Words after the picture." in html
