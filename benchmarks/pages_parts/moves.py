"""What one slider move costs: every picture of a page, at its stored and at its largest setting."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import Browser, CDPSession, Page

# Counts the script of animation frames by the clock: pictures paint in them.
FRAMES = """() => {
  const frame = window.requestAnimationFrame.bind(window);
  window.spent = 0;
  window.requestAnimationFrame = (callback) => frame((time) => {
    const start = performance.now();
    callback(time);
    window.spent += performance.now() - start;
  });
}"""
# One move of slider `at` of a view, one step down or back: [ms by the clock].
MOVE = """([view, at, turn]) => new Promise((resolve) => {
  const input = document.querySelectorAll(".sw-view")[view].querySelectorAll("input[type=range]")[at];
  const middle = document.querySelectorAll(".sw-view")[view].origins[at];
  turn % 2 ? (input.value = middle) : input.stepDown();
  if (Number(input.value) === Number(middle) && turn % 2 === 0) input.stepUp();
  window.spent = 0;
  const start = performance.now();
  input.dispatchEvent(new Event("input", { bubbles: true }));
  const handled = performance.now() - start;
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(handled + window.spent)));
})"""
PREPARE = """([view, largest, switches]) => {
  const root = document.querySelectorAll(".sw-view")[view];
  const send = (input, name) => input.dispatchEvent(new Event(name, { bubbles: true }));
  if (largest) for (const input of root.querySelectorAll("input[type=range]")) {
    if (!input.disabled) { input.value = input.max; send(input, "input"); send(input, "change"); }
  }
  const chosen = [...root.querySelectorAll("fieldset:not(.quiz *), select, input[type=checkbox]")];
  chosen.forEach((part, i) => {
    if (switches === null) return;
    if (part.tagName === "FIELDSET") part.querySelectorAll("input[type=radio]")[switches[i]].click();
    else if (part.tagName === "SELECT") { part.selectedIndex = switches[i]; send(part, "change"); }
    else if (part.checked !== Boolean(switches[i])) part.click();
  });
  root.origins = [...root.querySelectorAll("input[type=range]")].map((input) => input.value);
}"""
VIEWS = """() => [...document.querySelectorAll(".sw-view")].map((root) => ({
  sliders: root.querySelectorAll("input[type=range]:not(:disabled)").length,
  canvas: Boolean(root.querySelector("canvas")),
  name: root.querySelector(".sw-label")?.textContent ?? "",
  choices: [...root.querySelectorAll("fieldset:not(.quiz *), select, input[type=checkbox]")].map((part) =>
    part.tagName === "FIELDSET" ? part.querySelectorAll("input").length : part.tagName === "SELECT" ? part.options.length : 2),
}))"""

TRIAL = 16  # moves that find the dearest choice of a picture's switches


@dataclass
class Cost:
    """Milliseconds of script a move: processor time of the page's thread, and time by the clock."""

    cpu: list[float]
    clock: list[float]

    cpu_median = property(lambda self: _quantile(self.cpu, 0.5))
    cpu_p95 = property(lambda self: _quantile(self.cpu, 0.95))
    clock_median = property(lambda self: _quantile(self.clock, 0.5))
    clock_p95 = property(lambda self: _quantile(self.clock, 0.95))


@dataclass
class Picture:
    """A picture, named by its first control, with the cost of a move at two settings."""

    name: str
    usual: Cost
    largest: Cost


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def pictures(browser: Browser, address: str, count: int) -> Iterator[Picture]:
    """Measure every picture of a page that has sliders."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(f"({FRAMES})()")
    session = context.new_cdp_session(page)
    # Of the thread, not of the clock: other programs on the machine do not count.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address)
    page.wait_for_selector("html[data-static-widgets=ready]")
    page.wait_for_timeout(1500)
    for view, found in enumerate(page.evaluate(VIEWS)):
        if not (found["canvas"] and found["sliders"]):
            continue
        page.locator(".sw-view").nth(view).scroll_into_view_if_needed()
        page.evaluate(PREPARE, [view, False, None])
        usual = _cost(page, session, view, found["sliders"], count)
        tried = {}
        for switches in itertools.product(*map(range, found["choices"])):
            page.evaluate(PREPARE, [view, True, list(switches)])
            tried[switches] = _cost(page, session, view, found["sliders"], TRIAL).cpu_median
        page.evaluate(PREPARE, [view, True, list(max(tried, key=tried.__getitem__))])
        yield Picture(found["name"], usual, _cost(page, session, view, found["sliders"], count))
    context.close()


def _cost(page: Page, session: CDPSession, view: int, sliders: int, count: int) -> Cost:
    """Move every slider of a view in turns, a step and back."""
    cost = Cost([], [])
    for i in range(count + 6):
        before = _script_time(session)
        clock = page.evaluate(MOVE, [view, i // 2 % sliders, i % 2])
        cpu = _script_time(session) - before
        if i >= 6:  # the first moves compile the picture's code
            cost.cpu.append(cpu)
            cost.clock.append(clock)
    return cost


def _script_time(session: CDPSession) -> float:
    """The page's script time since it was opened, ms."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "ScriptDuration")
