"""Every kind of control on a static page, by keyboard, mouse and touch."""

import re

import pytest
from static_widgets_book import opened, output, slider, values


# ---- keyboard --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "trait", "key", "value", "text"), [
    ("Rows", "n", "ArrowRight", 9, "9"),
    ("Rows", "n", "End", 32, "32"),
    ("Height", "f", "ArrowLeft", 2.4, "2.4"),
    ("Peak", "rate", "End", 0.1, "1.0e-1"),
    ("Peak", "rate", "Home", 0.0001, "1.0e-4"),
    ("Window: from", "ends", "ArrowRight", [3, 8], "3 – 8"),
    ("Window: to", "ends", "ArrowLeft", [2, 7], "2 – 7"),
])
def test_sliders_follow_the_keyboard(live, name, trait, key, value, text):
    slider(live, name).press(key)
    assert values(live)[trait] == value
    assert output(live, name.split(":")[0]) == text
    shown = slider(live, name).get_attribute("aria-valuetext")
    assert shown in text.split(" – ")


def test_ends_of_a_range_meet_but_never_cross(live):
    slider(live, "Window: from").press("End")
    assert values(live)["ends"] == [8, 8]
    slider(live, "Window: to").press("Home")
    assert values(live)["ends"] == [8, 8]
    assert output(live, "Window") == "8 – 8"


def test_checkbox_dropdown_and_buttons_follow_the_keyboard(live):
    live.get_by_role("checkbox", name="Shuffle").press("Space")
    assert values(live)["on"] is False
    live.get_by_role("combobox", name="Shape").press("ArrowDown")
    assert values(live)["shape"] == 1
    live.get_by_role("radio", name="all", exact=True).press("ArrowRight")
    assert values(live)["positions"] == 1
    assert live.get_by_role("radio", name="last", exact=True).is_checked()
    assert live.get_by_role("group", name="Positions").count() == 1


def test_every_control_is_reached_by_tab_and_shows_its_focus(live):
    names = []
    for _ in range(16):
        live.keyboard.press("Tab")
        focus = live.evaluate("""() => {
          const e = document.activeElement;
          if (!e.closest(".sw-control")) return null;
          const ring = e.type === "radio" ? e.nextElementSibling : e;
          return [e.getAttribute("aria-label") ?? e.labels?.[0]?.innerText ?? e.innerText, getComputedStyle(ring).outlineWidth];
        }""")
        if focus:
            names.append(focus[0].strip())
            assert focus[1] == "3px", focus
    assert names == ["Rows", "Height", "Peak", "Window: from", "Window: to", "Shape", "all",
                     "Shuffle", "Play: Run", "On release", "Late"]


# ---- mouse and touch --------------------------------------------------------------------------------


def test_sliders_follow_the_mouse(live):
    box = slider(live, "Rows").bounding_box()
    middle = box["y"] + box["height"] / 2
    live.mouse.move(box["x"] + box["width"] * 0.3, middle)
    live.mouse.down()
    live.mouse.move(box["x"] + box["width"] - 1, middle, steps=5)
    assert values(live)["n"] == 32  # while the button is still down
    live.mouse.up()
    assert output(live, "Rows") == "32"


@pytest.mark.parametrize(("name", "trait"), [("Height", "f"), ("Peak", "rate")])
def test_other_sliders_follow_the_mouse(live, name, trait):
    box = slider(live, name).bounding_box()
    live.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    largest = 0.1 if name == "Peak" else float(slider(live, name).get_attribute("max"))
    assert values(live)[trait] == largest


def test_both_ends_of_a_range_follow_the_mouse(live):
    for name, share in (("Window: to", 1.0), ("Window: from", 0.0)):
        box = slider(live, name).bounding_box()
        live.mouse.click(box["x"] + 2 + share * (box["width"] - 4), box["y"] + box["height"] / 2)
    ends = [float(slider(live, "Window: from").get_attribute(end)) for end in ("min", "max")]
    assert values(live)["ends"] == ends


def test_a_slider_that_waits_for_release_waits(live):
    label = live.locator(".sw-label[data-sw-model]").first
    box = slider(live, "On release").bounding_box()
    live.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
    live.mouse.down()
    live.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2, steps=5)
    assert (output(live, "On release"), label.inner_text()) == ("9", "0")
    live.mouse.up()
    assert label.inner_text() == "9"


def test_others_follow_the_mouse(live):
    live.get_by_text("Shuffle").click()
    live.get_by_role("combobox", name="Shape").select_option("stable")
    live.get_by_role("radio", name="last k").click()
    now = values(live)
    assert (now["on"], now["shape"], now["positions"]) == (False, 2, 2)


def test_touch(browser, book):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    try:
        page = opened(context.new_page(), book / "index.html")
        for name in ("Rows", "Height", "Peak", "Window: to", "Window: from"):
            slider(page, name).scroll_into_view_if_needed()
            box = slider(page, name).bounding_box()
            page.touchscreen.tap(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
        page.get_by_text("Shuffle").tap()
        page.get_by_role("radio", name="last k").tap()
        # The list that a tap opens is the phone's own: the tap gives the focus, the choice follows.
        page.get_by_role("combobox", name="Shape").tap()
        page.get_by_role("combobox", name="Shape").select_option(index=1)
        now = values(page)
        ends = {name: float(slider(page, name).get_attribute("max")) for name in ("Rows", "Height", "Window: to")}
        assert (now["n"], now["f"], now["rate"]) == (ends["Rows"], ends["Height"], 0.1)
        assert now["ends"] == [ends["Window: to"]] * 2
        assert (now["on"], now["positions"], now["shape"]) == (False, 2, 1)
        button = page.get_by_role("button", name=re.compile("Run"))
        button.tap()
        assert button.inner_text() == "Pause: Run"
        button.tap()
        assert button.inner_text() == "Play: Run"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = page.evaluate("""() => [...document.querySelectorAll(".sw-control :is(input, select, button)")]
          .map((e) => e.getBoundingClientRect()).filter((r) => r.width < 24 || r.height < 24).length""")
        assert small == 0
    finally:
        context.close()


# ---- links, play, text ------------------------------------------------------------------------------


def test_links_carry_both_ways_or_one_way(live):
    texts = live.locator(".sw-label[data-sw-model]")
    assert texts.all_inner_texts() == ["0", "8"]  # a link copies from its source at once
    slider(live, "Rows").press("ArrowRight")
    assert texts.nth(1).inner_text() == "9"
    assert live.locator(".sw-html").inner_html() == "<b>bold</b> words"


def test_play_starts_pauses_stops_at_the_end_and_starts_again(live):
    button = live.get_by_role("button", name=re.compile("Run"))
    button.click()
    assert button.inner_text() == "Pause: Run"
    live.wait_for_function("JSON.parse(document.querySelector('[data-values]').dataset.values).n > 10")
    button.click()
    at = values(live)["n"]
    assert at < 32
    live.wait_for_timeout(150)
    assert values(live)["n"] == at
    button.press("Enter")
    live.wait_for_function("document.querySelector('.sw-play button').innerText === 'Play: Run'")
    assert values(live)["n"] == 32
    button.click()
    assert values(live)["n"] < 32
    button.click()


def test_a_disabled_control_stays_as_it_is(live):
    assert slider(live, "Off").is_disabled()


def test_a_change_that_changes_nothing_tells_nobody(live):
    before = live.get_attribute("[data-values]", "data-changes")
    slider(live, "Rows").dispatch_event("change")
    slider(live, "Window: from").dispatch_event("change")
    assert live.get_attribute("[data-values]", "data-changes") == before
