"""One visit to a page: what it loads, when its first picture is there, how much of it jumps."""

import gzip
import re
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page, Route

LOCAL = re.compile(r"^(http://127\.0\.0\.1:|data:|blob:|about:)")
TIMEOUT = 120_000  # ms; a slowed down page on a busy machine takes its time

# The first text on a canvas, or the first slider where the page draws none: then the next frame.
FIRST = """() => {
  const done = () => requestAnimationFrame(() => { window.firstDrawn ??= performance.now(); });
  const canvas = CanvasRenderingContext2D.prototype;
  const fillText = canvas.fillText;
  canvas.fillText = function (...given) {
    canvas.fillText = fillText;
    done();
    return fillText.apply(this, given);
  };
  if (location.pathname.endsWith("/slider.html")) {
    new MutationObserver((_, watch) => {
      if (document.querySelector(".noUi-handle")) { watch.disconnect(); done(); }
    }).observe(document, { childList: true, subtree: true });
  }
}"""
SHIFT = """() => {
  window.shifts = [];
  const name = (node) => node?.className ? "." + String(node.className).split(" ").join(".") : node?.nodeName;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifts.push([entry.value, entry.sources.map((s) => name(s.node))]);
  }).observe({ type: "layout-shift", buffered: true });
}"""


@dataclass
class Count:
    """What a page loads; bytes."""

    script_raw: int = 0
    script_compressed: int = 0
    all_compressed: int = 0
    requests: int = 0
    scripts: int = 0
    refused: list[str] = field(default_factory=list)


def _context(browser: Browser, width: int = 1280, height: int = 900) -> BrowserContext:
    return browser.new_context(viewport={"width": width, "height": height})


def count(browser: Browser, address: str) -> Count:
    """Visit a page once and count what it loads until four seconds after it was loaded."""
    counted, answers = Count(), []
    context = _context(browser)

    def guard(route: Route) -> None:
        if LOCAL.match(route.request.url):
            route.continue_()
        else:
            counted.refused.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.on("response", lambda answer: answers.append(answer))
    page.goto(address, wait_until="load")
    page.wait_for_timeout(4000)
    for answer in answers:
        if answer.url.startswith(("data:", "blob:")):
            continue
        counted.requests += 1
        if not answer.ok:  # the official manager asks the site for what it then gets from the CDN
            if "/cdn/" in answer.url:
                counted.refused.append(answer.url)
            continue
        body = answer.body()
        squeezed = len(gzip.compress(body, 6)) if answer.headers.get("content-encoding") == "gzip" else len(body)
        counted.all_compressed += squeezed
        if answer.request.resource_type == "script":
            counted.scripts += 1
            counted.script_raw += len(body)
            counted.script_compressed += squeezed
    context.close()
    return counted


def first_drawn(browser: Browser, address: str, slowdown: int) -> float:
    """Load a page with nothing cached; return when its first picture was drawn, ms."""
    context = _context(browser)
    page = context.new_page()
    page.add_init_script(f"({FIRST})()")
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    page.goto(address, wait_until="commit", timeout=TIMEOUT)
    page.wait_for_function("window.firstDrawn", timeout=TIMEOUT)
    time = page.evaluate("window.firstDrawn")
    context.close()
    return time


def _settle(page: Page) -> None:
    page.wait_for_load_state("load", timeout=TIMEOUT)
    page.wait_for_timeout(2000)


def layout_shift(browser: Browser, address: str, width: int, height: int) -> tuple[float, float, list]:
    """Return the page's cumulative layout shift when it is still, that after scrolling, what moved."""
    context = _context(browser, width, height)
    page = context.new_page()
    page.add_init_script(f"({SHIFT})()")
    page.goto(address, timeout=TIMEOUT)
    _settle(page)
    total = "window.shifts.reduce((sum, [value]) => sum + value, 0)"
    still = page.evaluate(total)
    bottom = page.evaluate("document.documentElement.scrollHeight")
    for y in range(0, bottom, height // 2):
        page.evaluate(f"window.scrollTo(0, {y})")
        page.wait_for_timeout(60)
    scrolled = page.evaluate(total)
    moved = page.evaluate("window.shifts.flatMap(([, names]) => names)")
    context.close()
    return still, scrolled, sorted({str(name) for name in moved})
