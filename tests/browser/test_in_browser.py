"""Every page in a real browser: nothing foreign, nothing broken, every control moves something."""

import re
from pathlib import Path

import pytest

from tools import project

PAGES = project.pages()
CHAPTERS = [path.relative_to(project.ROOT).with_suffix("").as_posix() for path in project.chapters()]
CONTROLS = "main input:visible, main select:visible"
NARROW = {"width": 360, "height": 740}
SETTLE_MS = 250
# What a reader can see or hear of the pictures and their labels, one string for the page.
STATE = """() => [...document.querySelectorAll('main output, main [role=img], main canvas, main svg, main [aria-live]')]
  .map(e => (e.getAttribute('aria-label') || '') + '|' + (e.textContent || '')
    + '|' + (e.tagName === 'CANVAS' ? e.toDataURL().length + e.toDataURL().slice(-400) : '')).join('\\n')"""
OVERFLOWING = """() => {
  const width = document.documentElement.clientWidth;
  const scrolls = e => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
    if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(p).overflowX)) return true } return false };
  return [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > width + 1 && e.getBoundingClientRect().width && !scrolls(e))
    .map(e => e.tagName + '.' + e.className).slice(0, 8);
}"""

# Folded parts are opened, and nothing still fades in.
OPEN_AND_STILL = """() => {
  for (const details of document.querySelectorAll('details')) details.open = true;
  for (const animation of document.getAnimations()) animation.finish();
}"""
SIGN = re.compile(r'<(m[oi]|(span|b)[^>]* aria-hidden="true")[^>]*>[^\w\s]+</(mo|mi|span|b)>$')


def open_page(page, address: str) -> None:
    """Open and wait until the pictures had time to draw."""
    page.goto(address, wait_until="load")
    page.wait_for_timeout(SETTLE_MS)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_quiet_and_stays_at_home(page, site_address: str, name: str) -> None:
    open_page(page, f"{site_address}/{name}.html")
    assert page.locator("main h1:visible").count() == 1
    page.record.assert_clean()


@pytest.mark.parametrize("name", PAGES)
def test_page_works_from_the_disk(page, site: Path, name: str) -> None:
    open_page(page, (site / f"{name}.html").as_uri())
    assert page.locator("main h1:visible").count() == 1
    page.record.assert_clean()


@pytest.mark.parametrize("name", PAGES)
def test_no_horizontal_scroll_on_a_phone(page, site_address: str, name: str) -> None:
    page.set_viewport_size(NARROW)
    open_page(page, f"{site_address}/{name}.html")
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1], page.evaluate(OVERFLOWING)


@pytest.mark.parametrize("name", PAGES)
def test_every_control_moves_something(page, site_address: str, name: str) -> None:
    open_page(page, f"{site_address}/{name}.html")
    if name in CHAPTERS:
        assert page.locator(CONTROLS).count() > 0, "a chapter has at least one picture with a slider"
    assert dead_controls(page) == []
    page.record.assert_clean()


def dead_controls(page) -> list[str]:
    """Move every control once; return those after which nothing on the page was different."""
    controls = page.locator(CONTROLS)
    dead = []
    for index in range(controls.count()):
        before = page.evaluate(STATE)
        if not move(controls.nth(index)):
            continue
        page.wait_for_timeout(SETTLE_MS)
        if page.evaluate(STATE) == before:
            dead.append(controls.nth(index).evaluate("e => e.outerHTML.slice(0, 200)"))
    return dead


def move(control) -> bool:
    """Move one control as the keyboard does; False for what only a quiz's button answers."""
    kind = control.evaluate("e => e.tagName === 'SELECT' ? 'select' : e.type")
    if kind == "range":
        at_end = control.evaluate("e => Number(e.value) >= Number(e.max)")
        control.press("ArrowLeft" if at_end else "ArrowRight")
    elif kind == "checkbox":
        control.press("Space")
    elif kind == "select":
        chosen, count = control.evaluate("e => [e.selectedIndex, e.options.length]")
        control.select_option(index=(chosen + 1) % count)
    elif kind == "radio":
        if control.is_checked() or control.get_attribute("name").startswith("quiz-"):
            return False
        control.check()
    elif kind == "number":
        control.press("ArrowUp")
    else:
        return False
    return True


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [*PAGES, "search", "genindex"])
def test_page_is_accessible(page, site_address: str, name: str, theme: str) -> None:
    page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    # High enough that the side bars do not scroll: axe does not judge what is half covered.
    page.set_viewport_size({"width": 1280, "height": 2200})
    open_page(page, f"{site_address}/{name}.html")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.evaluate(OPEN_AND_STILL)
    assert violations(page) == []


def violations(page) -> list[str]:
    """What axe-core finds against WCAG 2.2, levels A and AA, or cannot decide.

    Undecided and in order: the contrast of signs alone. Those of a formula have the colour of its letters,
    which are judged; arrows that only decorate are hidden from those who listen.
    """
    from axe_playwright_python.sync_playwright import Axe

    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    options = {"runOnly": {"type": "tag", "values": rules}, "resultTypes": ["violations", "incomplete"]}
    found = Axe().run(page, options=options).response
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in (*found["violations"], *found["incomplete"])
        for node in rule["nodes"]
        if not (rule["id"] == "color-contrast" and SIGN.match(node["html"]))
    ]


def test_planted_faults_are_seen(page, site_address: str) -> None:
    """These checks would notice: a dead slider, a nameless one, a foreign request, an error, a missing file."""
    page.goto(f"{site_address}/{PAGES[0]}.html")
    page.record.foreign.clear()
    page.record.errors.clear()
    page.set_content(
        "<html lang=en><title>Faults</title><main><h1>Faults</h1><input type=range>"
        "<img alt='' src='https://cdn.example/x.png'><script src='gone.js'></script>"
        "<script>console.error('planted'); throw new Error('thrown')</script></main>"
    )
    page.wait_for_timeout(SETTLE_MS)
    assert len(dead_controls(page)) == 1
    assert any(found.startswith("label:") for found in violations(page))
    assert page.record.foreign == ["https://cdn.example/x.png"]
    errors = "\n".join(page.record.errors)
    assert "planted" in errors and "thrown" in errors and "404" in errors
