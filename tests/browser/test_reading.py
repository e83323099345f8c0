"""What readers bring along: zoom, a small screen, a browser that keeps nothing, the search, the disk."""

import json
import re

import pytest
from test_quizzes import DENIED, FULL, Asked, overview

from tools import project
from tools.browser import FLAGS, find_browser

PAGES = project.pages()
EVERYWHERE = [*PAGES, "search", "genindex"]
CHAPTERS = [path.relative_to(project.ROOT).with_suffix("").as_posix() for path in project.chapters()]
# 1280 x 800 at 200 % leaves 640 x 400 CSS pixels; 360 is a small phone; 320 is WCAG's limit for reflow.
SIZES = [(640, 400), (360, 740), (320, 568)]
OPEN_ALL = "() => { for (const details of document.querySelectorAll('details')) details.open = true }"
# What is lost: a page that scrolls sideways, a control beyond its edge or cut off by its surroundings, words
# cut off inside a control. What lies in a box that scrolls is not lost.
LOST = """() => {
  const edge = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > edge) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
  const name = e => `${e.tagName}.${e.className} ${(e.getAttribute('aria-label') || e.textContent).trim().slice(0, 40)}`;
  const words = 'main :is(button, summary, label, legend, output, .sw-label, .quiz-feedback, .picture-stats *, .picture-note)';
  for (const e of document.querySelectorAll(`main :is(a, input, select, canvas), ${words}, header :is(a, button)`)) {
    const box = e.getBoundingClientRect();
    if (!e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || !box.width || e.closest('dialog, .pst-sidebar')) continue;
    let [left, right] = [0, edge];
    let scrolls = false;
    for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
      const { overflowX, clipPath } = getComputedStyle(p);
      if (clipPath !== 'none') scrolls = true;
      const around = p.getBoundingClientRect();
      if (['auto', 'scroll'].includes(overflowX) && p.scrollWidth > p.clientWidth) scrolls = true;
      if (overflowX !== 'visible') [left, right] = [Math.max(left, around.left), Math.min(right, around.right)];
    }
    if (!scrolls && (box.left < left - 1 || box.right > right + 1)) found.push(`cut off: ${name(e)}`);
    if (e.matches(words) && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible' && box.width > 2) {
      found.push(`words cut off: ${name(e)}`);
    }
  }
  return found;
}"""


@pytest.mark.parametrize("name", EVERYWHERE)
def test_nothing_is_lost_at_200_percent_and_on_phones(browser, site_address: str, name: str) -> None:
    context = browser.new_context(device_scale_factor=2)
    page = context.new_page()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{site_address}/{name}.html")
        page.evaluate(OPEN_ALL)
        page.wait_for_timeout(150)
        assert page.evaluate(LOST) == [], f"at {width} x {height}"
    context.close()


def test_what_is_lost_is_found(page, site_address: str) -> None:
    page.set_viewport_size({"width": 640, "height": 400})
    page.goto(f"{site_address}/{CHAPTERS[0]}.html")
    faults = {
        "the page is": "document.body.append(Object.assign(document.createElement('p'), { style: 'min-width: 900px; height: 1rem' }))",
        "cut off: INPUT": "document.querySelector('.sw-view input').style.cssText = 'position: relative; left: 600px'",
        "words cut off": "document.querySelector('.sw-label').style.cssText = 'width: 2rem; display: block; overflow: hidden; white-space: nowrap'",
    }
    for expected, fault in faults.items():
        page.evaluate(f"() => {{ {fault} }}")
        assert any(line.startswith(expected) for line in page.evaluate(LOST)), expected


# ---- a browser that keeps nothing


@pytest.fixture(params=["throws", "full", "blocked by the browser"])
def forgetful(request, tmp_path, page):
    """A page whose storage throws on access, on writing, or is blocked in the browser's own settings."""
    if request.param != "blocked by the browser":
        page.add_init_script(DENIED if request.param == "throws" else FULL)
        yield page
        return
    (tmp_path / "Default").mkdir()
    settings = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(settings))
    context = page.context.browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=find_browser(), args=list(FLAGS), headless=True
    )
    own = context.new_page()
    own.record = page.record
    own.on("pageerror", lambda error: page.record.errors.append(f"uncaught: {error}"))
    own.on("console", lambda message: message.type == "error" and page.record.errors.append(message.text))
    yield own
    context.close()


def test_everything_works_without_memory(forgetful, site_address: str) -> None:
    page = forgetful
    quiz = Asked(page, site_address, CHAPTERS[1])
    quiz.answer_all()
    assert quiz.complete()
    slider = page.locator(".sw-control input[type=range]").first
    before = page.locator(".picture canvas").get_attribute("aria-label")
    slider.press("End")
    assert page.locator(".picture canvas").get_attribute("aria-label") != before
    switch = page.locator(".theme-switch-button:visible").first
    modes = []
    for _ in range(3):
        switch.click()
        modes.append(page.evaluate("document.documentElement.dataset.mode"))
    assert sorted(modes) == ["auto", "dark", "light"]
    page.reload()
    quiz.ready()
    assert quiz.count().startswith("0 / ")
    page.goto(f"{site_address}/{PAGES[0]}.html")
    assert all(shown.startswith("0 / ") for shown in overview(page).values())
    assert "keeps nothing" in page.locator(".course-progress [role=status]").inner_text()
    assert not page.locator(".course-progress button").is_visible()
    page.record.assert_clean()


def test_the_theme_is_remembered_where_storage_works(page, site_address: str) -> None:
    page.goto(f"{site_address}/{PAGES[1]}.html")
    switch = page.locator(".theme-switch-button:visible").first
    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        switch.press("Enter")
    assert switch.get_attribute("aria-label") == "Colours: dark"
    page.goto(f"{site_address}/{CHAPTERS[0]}.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.record.assert_clean()


# ---- the search, on the site and from the disk


def results(page) -> list[str]:
    page.wait_for_function("() => /finished|did not match/.test(document.querySelector('#search-results').textContent)")
    return page.locator("#search-results li > a").all_inner_texts()


@pytest.mark.parametrize("from_disk", [False, True], ids=["served", "from the disk"])
def test_the_search_finds_a_chapter(page, site, site_address: str, from_disk: bool) -> None:
    page.set_default_timeout(10_000)
    base = site.as_uri() if from_disk else site_address
    page.goto(f"{base}/search.html")
    field = page.locator("main input[type=search]")
    field.fill("corrupted batch")
    field.press("Enter")
    page.wait_for_url("**q=corrupted*")
    assert any("clipping" in title for title in results(page))
    if not from_disk:  # excerpts need other pages, which a browser does not read from the disk
        page.wait_for_selector("#search-results p.context")
        excerpts = page.locator("#search-results p.context").all_inner_texts()
        assert any("batch" in text for text in excerpts) and not any(".pdf" in text for text in excerpts)
    page.locator("#search-results li > a", has_text=re.compile("clipping")).first.click()
    page.wait_for_selector("main article h1:has-text('clipping'):visible")
    page.record.assert_clean()


def test_the_search_opens_by_keyboard_and_says_when_it_finds_nothing(page, site_address: str) -> None:
    page.set_default_timeout(10_000)
    page.goto(f"{site_address}/{CHAPTERS[2]}.html")
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input")
    page.keyboard.type("cosine")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=cosine*")
    assert results(page)
    page.goto(f"{site_address}/search.html?q=xylophone")
    assert results(page) == []
    page.record.assert_clean()


@pytest.mark.parametrize("name", CHAPTERS)
def test_from_the_disk_pictures_move_and_quizzes_remember(page, site, name: str) -> None:
    quiz = Asked(page, site.as_uri(), name)
    canvas = page.locator(".picture canvas")
    before = canvas.get_attribute("aria-label")
    page.locator(".sw-control input[type=range]").last.press("Home")
    page.locator(".sw-control input[type=range]").last.press("PageUp")
    page.wait_for_function("([c, before]) => c.getAttribute('aria-label') !== before", arg=[canvas.element_handle(), before])
    quiz.answer_all(only=1)
    page.reload()
    quiz.ready()
    assert quiz.count().startswith("1 / ")
    page.goto(f"{site.as_uri()}/{PAGES[0]}.html")
    assert overview(page)[quiz.state["chapter"]].startswith("1 / ")
    page.record.assert_clean()
