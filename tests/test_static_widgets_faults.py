"""What a static page shows when things are broken, slow or switched off."""

import re

import pytest
from static_widgets_book import STATE, opened, slider, values


def test_a_broken_module_says_so_and_leaves_the_others_alive(live):
    notes = live.locator(".sw-note")
    assert notes.count() == 2
    assert "This picture stopped working: planted fault" in notes.first.inner_text()
    assert notes.nth(1).inner_text() == "Eight rows & a line"
    slider(live, "Rows").press("ArrowRight")
    assert values(live)["n"] == 9
    live.record.assert_clean()


def test_a_module_that_breaks_later_says_so_once(live):
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        slider(live, "Late").press(key)
    assert live.get_by_text("late fault").count() == 1
    slider(live, "Rows").press("ArrowRight")
    assert values(live)["n"] == 9


DAMAGE = {
    "truncated": (lambda body: body[: len(body) // 2], "its stored state is damaged"),
    "of another version": (lambda body: body.replace('"version_major":2', '"version_major":3'), "has version 3"),
    "missing": (None, "its stored state is missing"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_bad_state_leaves_one_line_and_the_rest_of_the_page(page, book, kind):
    damage, words = DAMAGE[kind]
    html = (book / "index.html").read_text("utf8")
    script = re.search(rf'<script type="{re.escape(STATE)}">(.*?)</script>', html, re.S)
    new = "" if damage is None else script[0].replace(script[1], damage(script[1]))
    path = book / f"{kind.replace(' ', '-')}.html"
    path.write_text(html.replace(script[0], new), "utf8")
    page.goto(path.as_uri())
    page.wait_for_selector(".sw-note")
    assert page.locator(".sw-note").count() == 1
    assert words in page.locator(".sw-note").inner_text()
    assert page.get_by_text("Words after the picture.").is_visible()
    page.record.assert_clean()


def test_without_javascript_the_words_remain(browser, book):
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto((book / "index.html").as_uri())
        # A driven Chromium does not lay noscript out, so its words are read rather than seen.
        words = page.locator("noscript").all_text_contents()
        assert sum("Eight rows &" in text for text in words) == 3
        assert any("Rows: needs JavaScript." in text for text in words)
        assert page.get_by_text("Words after the picture.").is_visible()
        assert page.locator(".sw-html").inner_text() == "bold words"
    finally:
        context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_when_controls_and_pictures_appear(browser, book, width):
    # The last two places belong to pictures that fail; their lines are no part of this.
    tops = "places => places.slice(0, -2).map((place) => place.getBoundingClientRect().y)"
    context = browser.new_context(viewport={"width": width, "height": 4000})
    try:
        page, held = context.new_page(), []
        page.route("**/runtime.js*", lambda route: held.append(route))
        page.goto((book / "index.html").as_uri(), wait_until="commit")
        page.get_by_text("Words after the picture.").wait_for()
        before = page.locator("[data-sw-model]").evaluate_all(tops)
        held[0].continue_()
        page.wait_for_selector("[data-values]", state="attached")
        assert page.locator("[data-sw-model]").evaluate_all(tops) == pytest.approx(before, abs=1)
    finally:
        context.close()


def test_reduced_motion_keeps_play_from_starting_by_itself(browser, book):
    html = (book / "index.html").read_text("utf8")
    (book / "playing.html").write_text(html.replace('"playing":false', '"playing":true'), "utf8")
    for motion, reached in (("no-preference", 32), ("reduce", 8)):
        context = browser.new_context(reduced_motion=motion)
        try:
            page = opened(context.new_page(), book / "playing.html")
            if reached == 32:
                page.wait_for_function("JSON.parse(document.querySelector('[data-values]').dataset.values).n === 32")
            page.wait_for_timeout(200)
            assert values(page)["n"] == reached
        finally:
            context.close()
