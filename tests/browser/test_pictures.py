"""Every picture of the built site says what the library computes, wherever its controls stand."""

import json
import re
from dataclasses import dataclass

import pytest
from picture_numbers import PICTURES, Settings, Words

from tools import project



def pictured() -> list[tuple[str, int]]:
    """Each picture of the chapters as the chapter's name and the picture's number in it."""
    found = []
    for path in project.chapters():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        name = path.relative_to(project.ROOT).with_suffix("").as_posix()
        found += [(name, number) for number in range(len(re.findall(r"^\w+ = explore_\w+\(", code, re.M)))]
    return found


CHAPTER_PICTURES = pictured()
PHONE = {"width": 390, "height": 844}
STATE = "() => document.querySelector('script[type=\"application/vnd.jupyter.widget-state+json\"]').textContent"
# All that a picture shows, once it had two frames to draw: its numbers, its words, its text, and of its
# drawing a fingerprint and how many colours there are in each third of its width.
SEEN = """async (picture) => {
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  const canvas = picture.querySelector('canvas');
  const { width, height } = canvas;
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, width, height).data.buffer);
  const colours = [0, 1, 2].map(() => new Set());
  let print = 17;
  pixels.forEach((pixel, i) => {
    print = Math.imul(print ^ pixel, 0x01000193) ^ (print >>> 15);
    colours[Math.floor(3 * (i % width) / width)].add(pixel);
  });
  return {
    stats: Object.fromEntries([...picture.querySelectorAll('.picture-stats > div')].map(entry => [...entry.children].map(e => e.textContent))),
    label: canvas.getAttribute('aria-label'), role: canvas.getAttribute('role'),
    below: [...picture.querySelectorAll('.picture-note, .picture-text')].map(e => e.textContent).join(''),
    print, colours: colours.map(found => found.size),
  };
}"""


@dataclass
class Live:
    """A picture on an open page: what is stored of it, where it stands, and its settings by trait."""

    page: object
    kind: str
    state: dict
    models: dict
    view: object
    place: object
    at: Settings

    @property
    def controls(self) -> dict[str, str]:
        return PICTURES[self.kind].controls_of(self.state)

    def see(self) -> dict:
        return self.place.evaluate(SEEN)

    def slot(self, description: str):
        """The place of the control that a reader knows by this name."""
        found = self.view.locator(f".sw-control:has(:text-is({json.dumps(description)}))")
        assert found.count() == 1, f"{found.count()} controls are called {description!r}"
        return found


def open_picture(page, address: str, name: str, number: int) -> Live:
    page.set_default_timeout(10_000)
    page.goto(f"{address}/{name}.html")
    page.wait_for_selector("html[data-static-widgets=ready]")
    page.wait_for_selector(".picture canvas[aria-label]")
    models = json.loads(page.evaluate(STATE))["state"]
    places = [place.get_attribute("data-sw-model") for place in page.locator("[data-sw-model]:has(> .sw-picture > .picture)").all()]
    assert len(places) == len([chapter for chapter, _ in CHAPTER_PICTURES if chapter == name]), "every picture of the notebook is drawn"
    state = models[places[number]]["state"]
    kind = state["_anywidget_id"].split(".")[-1]
    at = {trait: state[trait] for trait in PICTURES[kind].controls_of(state).values()}
    here = f'[data-sw-model="{places[number]}"]'
    return Live(page, kind, state, models, page.locator(f".sw-view:has({here})"), page.locator(f"{here} .picture"), at)


def check(live: Live, corpus) -> dict:
    """Compare what the picture shows with the library's numbers; return what it shows."""
    seen, words = live.see(), PICTURES[live.kind].words(live.at, live.state, corpus)
    assert disagreements(seen, words) == [], live.at
    return seen


def disagreements(seen: dict, words: Words) -> list[str]:
    found = []
    if seen["stats"] != words.stats:
        found.append(f"numbers {seen['stats']} instead of {words.stats}")
    found += [f"not said: {sentence!r} in {seen['label']!r}" for sentence in words.sentences if sentence not in seen["label"]]
    if words.below and not seen["below"].endswith(words.below):
        found.append(f"text {seen['below']!r} instead of {words.below!r}")
    if seen["role"] != "img" or min(seen["colours"]) < 3:
        found.append(f"a blank drawing: {seen['colours']} colours in its thirds, role {seen['role']}")
    return found


# ---- moving a control to its smallest, a middle and its largest setting


def drag(page, control, share: float) -> None:
    """Drag a slider's thumb with the mouse to a share of its width, past the end for 0 and 1."""
    control.scroll_into_view_if_needed()
    box = control.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.6, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (share * 1.1 - 0.05), y, steps=3)
    page.mouse.up()


def press(control, share: float) -> None:
    """Move a slider by keyboard to its start, its end, or up five pages from its start."""
    for key in {0: ["Home"], 1: ["End"]}.get(share, ["Home", *["PageUp"] * 5]):
        control.press(key)


def slider_stops(live: Live, slot, by_mouse: bool):
    """Move a slider to each of its three stops; yield the value that it then has."""
    control = slot.locator("input[type=range]")
    stored = live.models[slot.get_attribute("data-sw-model")]["state"]
    base, is_whole = stored.get("base"), isinstance(stored["value"], int)
    low, high = (float(control.get_attribute(end)) for end in ("min", "max"))
    for share in (0, 0.5, 1):
        if by_mouse:
            drag(live.page, control, share)
        else:
            press(control, share)
        position = float(control.input_value())
        assert position == pytest.approx(low + share * (high - low), abs=0.2 * (high - low) * (share == 0.5))
        yield int(position) if is_whole else float(f"{base**position:.12g}") if base else position


def choice_stops(live: Live, slot, by_mouse: bool):
    """Choose the first, the middle and the last of a row of buttons."""
    radios = slot.locator("input[type=radio]")
    count = radios.count()
    for index in sorted({0, count // 2, count - 1}):
        if by_mouse:
            slot.locator("label.sw-toggle").nth(index).click()
        else:
            radios.nth((index or count) - 1).focus()
            radios.nth((index or count) - 1).press("ArrowRight")
        assert radios.nth(index).is_checked()
        yield index


def checkbox_stops(live: Live, slot, by_mouse: bool):
    """Switch a box off, then on."""
    box = slot.locator("input[type=checkbox]")
    for wanted in (False, True):
        if box.is_checked() != wanted:
            slot.locator("label").click() if by_mouse else box.press("Space")
        assert box.is_checked() == wanted
        yield wanted


def list_stops(live: Live, slot, by_mouse: bool):
    """Choose the first, the middle and the last entry of a list."""
    entries = slot.locator("select")
    count = entries.locator("option").count()
    for index in sorted({0, count // 2, count - 1}):
        if by_mouse:
            entries.select_option(index=index)  # the open list is the system's own and takes no mouse of the page
        else:
            for key in ("Home", *["ArrowDown"] * index):
                entries.press(key)
        assert entries.evaluate("e => e.selectedIndex") == index
        yield index


STOPS = {"range": slider_stops, "radio": choice_stops, "checkbox": checkbox_stops, "select-one": list_stops}


@pytest.mark.parametrize("mouse_first", [False, True], ids=["keyboard first", "mouse first"])
@pytest.mark.parametrize(("name", "number"), CHAPTER_PICTURES)
def test_every_setting_says_what_the_library_computes(
    page, site_address: str, corpus, name: str, number: int, mouse_first: bool
) -> None:
    live = open_picture(page, site_address, name, number)
    controls = live.controls
    labels = live.view.locator(".sw-control .sw-label").all_inner_texts()
    assert sorted(labels) == sorted(controls), "every control of the page is moved below"
    check(live, corpus)
    for turn, (description, trait) in enumerate(controls.items()):
        slot = live.slot(description)
        stops = STOPS[slot.locator("input, select").first.evaluate("e => e.type")]
        prints = []
        for value in stops(live, slot, by_mouse=turn % 2 != mouse_first):
            live.at[trait] = value
            prints.append(check(live, corpus)["print"])
        assert len(set(prints)) == len(prints) > 1, f"{description!r} moved and the drawing stayed as it was"
    page.record.assert_clean()


@pytest.mark.parametrize(("name", "number"), CHAPTER_PICTURES)
def test_a_finger_moves_a_slider_of_each_picture(browser, site_address: str, corpus, name: str, number: int) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    page = context.new_page()
    live = open_picture(page, site_address, name, number)
    first = check(live, corpus)
    description, trait = next((d, t) for d, t in live.controls.items() if live.slot(d).locator("[type=range]").count())
    if live.kind == "LossPicture":  # k counts where the last k positions do
        live.slot("positions that count").locator("label.sw-toggle").nth(2).tap()
        live.at["positions_index"] = 2
    slider = live.slot(description).locator("input")
    slider.scroll_into_view_if_needed()
    box, before = slider.bounding_box(), slider.input_value()
    y = box["y"] + box["height"] / 2
    touch = context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.6), ("touchMove", 0.5), ("touchMove", 0.3), ("touchEnd", None)):
        points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert slider.input_value() != before
    value = float(slider.input_value())
    live.at[trait] = int(value) if isinstance(live.at[trait], int) else value
    assert check(live, corpus)["print"] != first["print"]
    context.close()


@pytest.mark.parametrize(("name", "number"), CHAPTER_PICTURES)
def test_a_picture_that_says_something_else_is_noticed(page, site_address: str, corpus, name: str, number: int) -> None:
    """A number off by one, two labels swapped, an old text alternative, an empty canvas."""
    live = open_picture(page, site_address, name, number)
    words = PICTURES[live.kind].words(live.at, live.state, corpus)
    assert disagreements(live.see(), words) == []
    faults = {
        "numbers": "p => { const n = p.querySelector('.picture-stats strong'); n.textContent = n.textContent.replace(/\\d(?=\\D*$)/, d => (+d + 1) % 10) }",
        "numbers ": "p => { const [a, b] = p.querySelectorAll('.picture-stats span'); [a.textContent, b.textContent] = [b.textContent, a.textContent] }",
        "not said": "p => { const c = p.querySelector('canvas'); c.setAttribute('aria-label', c.getAttribute('aria-label').replace(/\\d(?=\\D*$)/, d => (+d + 1) % 10)) }",
        "a blank": "p => { const c = p.querySelector('canvas'); c.getContext('2d').clearRect(0, 0, c.width / 2, c.height) }",
    }  # fmt: skip
    for case, (expected, fault) in enumerate(faults.items()):
        live.place.evaluate(fault)
        found = disagreements(live.see(), words)
        assert any(line.startswith(expected.strip()) for line in found), (case, found)
