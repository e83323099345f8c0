"""The run picture over recorded runs on a page of its own: what is stored there, keyboard, mouse, phone, axe."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from recorded_variants import lesson, museum
from static_widgets_book import build, stored

from course_lib.widgets import base, explore_recorded

LABELS = {run: f"Run {letter}" for run, letter in zip(("lesson-64", "breaks-off", "another-target", "brief"), "ABCD", strict=True)}
SHIFT = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0))).observe({ type: "layout-shift", buffered: true })
  || setTimeout(() => done(0), 600))"""

OUTSIDE = """view => [...view.querySelectorAll("*")].filter((e) =>
  e.getBoundingClientRect().right > view.getBoundingClientRect().right + 0.5).map((e) => e.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """The page of four runs without names."""
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "display", shown.append)
        explore_recorded(museum(), labels=LABELS)
    folder = tmp_path_factory.mktemp("clinic")
    done = build(folder, *stored(shown[0]))
    assert done.returncode == 0, done.stderr
    return folder / "html" / "index.html"


@pytest.fixture
def scrubber(page, clinic):
    page.set_default_timeout(5000)
    page.goto(clinic.as_uri())
    page.wait_for_selector(".picture canvas[aria-label]")
    return page


def numbers(page) -> dict[str, str]:
    pairs = page.locator(".picture-stats > div").evaluate_all("all => all.map(e => [...e.children].map(c => c.textContent))")
    return dict(pairs)


def place(page):
    return page.get_by_role("slider", name="place in the run")


def test_the_page_gives_no_name_away(clinic):
    html = clinic.read_text("utf8")
    assert "Run C, a run of 4,000 steps" not in html and "Run A, a run of 5,000 steps" in html
    assert [name for name in (*LABELS, "last_position_loss", lesson().recipe["change"]) if name in html] == []


def test_arrow_keys_go_from_stop_to_stop(scrubber):
    run = lesson()
    place(scrubber).press("Home")
    found = numbers(scrubber)
    assert (found["step"], found["training loss"], found["validation, step 0"]) == ("0", f"{run.loss[0]:.2f}", f"{run.val_loss[0]:.2f}")
    place(scrubber).press("End")
    place(scrubber).press("ArrowLeft")
    found = numbers(scrubber)
    assert (found["step"], found["training loss"], found["gradient norm"]) == ("4,999", f"{run.loss[-1]:.2f}", f"{run.grad_norm[-1]:.2f}")
    assert "Written by Run A at step 4,000:" in scrubber.locator(".picture").inner_text()
    assert scrubber.locator(".picture-sample").inner_text().strip() == run.samples[-2].strip()
    scrubber.record.assert_clean()


def test_another_run_is_chosen_and_one_is_laid_over_it(scrubber):
    run = lesson()
    scrubber.get_by_label("laid over it").select_option(label="Run D")
    assert numbers(scrubber)["training, fixed windows"] == f"{run.train_loss[-1]:.2f} | {run.train_loss[list(run.evaluation_steps).index(250)]:.2f}"
    said = scrubber.locator(".picture canvas").get_attribute("aria-label")
    assert "Laid over it: Run D, a run of 250 steps." in said
    scrubber.get_by_label("run", exact=True).select_option(label="Run B")
    assert numbers(scrubber)["step"] == "2,310", "the marker stands at the end of the longer of the two"
    said = scrubber.locator(".picture canvas").get_attribute("aria-label")
    assert said.startswith("Run B, a run of 2,311 steps that stopped at step 2,311 on a number that is not finite.")


def test_the_mouse_drags_and_the_drawing_follows(scrubber):
    canvas = scrubber.locator(".picture canvas")
    before, box = canvas.screenshot(), place(scrubber).bounding_box()
    scrubber.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    scrubber.mouse.down()
    scrubber.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    scrubber.mouse.up()
    assert int(numbers(scrubber)["step"].replace(",", "")) in range(100, 2000)
    assert canvas.screenshot() != before


@pytest.mark.parametrize(("width", "theme"), [(780, "light"), (780, "dark"), (390, "light"), (360, "dark")])
def test_it_fits_is_accessible_and_moves_nothing(browser, clinic, width, theme):
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=theme)
    page.goto(clinic.as_uri())
    page.wait_for_selector(".picture canvas[aria-label]")
    assert page.evaluate(SHIFT) == 0
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    page.get_by_label("laid over it").select_option(label="Run C")
    assert page.locator(".sw-view").evaluate(OUTSIDE) == []
    slot = page.locator(".sw-any").evaluate("e => [e.offsetHeight, e.firstElementChild.offsetHeight]")
    assert 0 <= slot[0] - slot[1] < 75, "kept free is what is needed, one row of numbers more at most"
    found = Axe().run(page, context=".sw-view", options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}})
    assert [rule["id"] for rule in found.response["violations"]] == []
    page.close()
