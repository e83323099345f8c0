"""A chapter of this course against a default Jupyter Book page: bytes, time to the first picture, jumps.

    make book                                       once: the chapters are measured as they are built
    .venv/bin/python benchmarks/pages.py            everything, about five minutes
    .venv/bin/python benchmarks/pages.py --runs 3   fewer runs; --no-moves leaves the slider moves out
    .venv/bin/python benchmarks/pages.py --site DIR another built site

Needs a Chromium or Chrome (COURSE_BROWSER names one), and npm for the default pages' scripts.
Three pages are measured in turns, each time in a browser context with nothing cached:

- ours: the chapter on batches, whole, with its picture, its equations and its quiz;
- default slider: a Jupyter Book page without any setting, holding a heading and one IntSlider;
- default picture: such a page with ours' picture and its four sliders, drawn by the official
  html-manager. So "first picture drawn" compares the same drawing on both.

Neither default page has an equation; one would make it load MathJax too, whose size is printed.
The default pages' scripts come from CDNs. Their packages are fetched from the npm registry into
_build/benchmark, and this machine serves them beside the pages, so nobody waits for a distant
server: with one, a default page is slower. require.js is the package's own file, minified where
npm's requirejs could do it. Where the registry cannot be reached, this program says so, counts
what the pages have locally, and leaves out the times of the default pages.

What is printed:

- script, raw and compressed (gzip, level 6, a body at a time), and requests;
- drawn: the first frame after the first text on a canvas, or after the first slider where a page has
  no picture; milliseconds after the start of navigation, median and range; processor as it is, and
  slowed down four times;
- shift: cumulative layout shift until two seconds after the picture, and after scrolling to the end,
  on every chapter at two widths;
- moves: script time of one slider move, from the input event to the end of the frame that paints
  it, the runtime's part included: processor time of the page's thread, and the time by the clock,
  which other programs on the machine lengthen. At the stored settings, and with every slider at its
  maximum, at the dearest choice of the picture's switches.

Times depend on the machine and its load, which is printed. No test looks at them.
"""

import argparse
import os
import platform
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pages_parts import default_book, moves, visits  # noqa: E402
from pages_parts.server import serve  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from tools.browser import FLAGS, find_browser  # noqa: E402

CHAPTER = "notebooks/02_batches.html"
WIDTHS = ((1280, 900), (390, 844))
FIRST_PICTURE, USUAL_MS, LARGEST_MS = 0.6, 8, 16


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def span(values: list[float]) -> str:
    return f"{statistics.median(values):6.0f} ms ({min(values):.0f} to {max(values):.0f})"


def print_loads(browser: Browser, pages: dict[str, str], counts: dict[str, visits.Count], runs: int) -> None:
    """Load the pages in turns and print when each had drawn, against ours."""
    for slowdown in (1, 4):
        times: dict[str, list[float]] = {name: [] for name in pages}
        for turn in range(runs + 1):
            for name in pages if turn % 2 else reversed(pages):
                time = visits.first_drawn(browser, pages[name], slowdown)
                if turn:  # the first turn warms the machine's file cache
                    times[name].append(time)
        print(f"\nFirst picture drawn, {runs} cold loads each in turns, processor slowed down {slowdown} times")
        for name, values in times.items():
            line = f"  {name:18}{span(values)}"
            if name != "ours":
                ratios = [a / b for a, b in zip(times["ours"], values)]
                ratio = statistics.median(ratios)
                line += f"   ours takes {ratio:.2f} of it ({min(ratios):.2f} to {max(ratios):.2f})"
                line += f"   target {FIRST_PICTURE}: {verdict(ratio <= FIRST_PICTURE)}"
            print(line)
    if len(pages) > 1:
        least = min(count.script_compressed for name, count in counts.items() if name != "ours")
        print(f"\nLess script than a default page: {verdict(counts['ours'].script_compressed < least)}")


def print_counts(counts: dict[str, visits.Count]) -> None:
    print(f"\n{'':20}{'script, gzip':>14}{'script, raw':>14}{'all, gzip':>14}{'requests':>10}{'scripts':>9}")
    for name, count in counts.items():
        kib = [f"{n / 1024:,.0f} KiB" for n in (count.script_compressed, count.script_raw, count.all_compressed)]
        print(f"  {name:18}{kib[0]:>14}{kib[1]:>14}{kib[2]:>14}{count.requests:>10}{count.scripts:>9}")
        for address in count.refused:
            print(f"    not reached, so not counted: {address}")


def print_shifts(browser: Browser, address: str, chapters: list[str]) -> None:
    print("\nLayout shift (CLS): until the page is still, and scrolled to its end as well; target 0")
    for chapter in chapters:
        found = []
        for width, height in WIDTHS:
            still, scrolled, moved = visits.layout_shift(browser, f"{address}/{chapter}", width, height)
            found.append(f"{width} px: {still:.4f} {scrolled:.4f}" + (f" {moved}" if scrolled else ""))
        print(f"  {chapter:28}" + "   ".join(found))


def print_moves(browser: Browser, address: str, chapters: list[str], count: int) -> None:
    print(f"\nOne slider move, ms of script, {count} moves a line: processor time, by the clock in brackets")
    print(f"  {'picture':38}{'usual: median':>20}{'95th':>17}{'largest: median':>22}{'95th':>17}")
    for chapter in chapters:
        for picture in moves.pictures(browser, f"{address}/{chapter}", count):
            cells, met = [], True
            for cost, target in ((picture.usual, USUAL_MS), (picture.largest, LARGEST_MS)):
                met &= cost.cpu_p95 < target
                cells += [f"{cost.cpu_median:.2f} ({cost.clock_median:.2f})", f"{cost.cpu_p95:.2f} ({cost.clock_p95:.2f})"]
            print(f"  {Path(chapter).stem + ' ' + picture.name:38}{cells[0]:>20}{cells[1]:>17}{cells[2]:>22}{cells[3]:>17}"
                  f"   {verdict(met)}")
    print(f"  target: median and 95th percentile below {USUAL_MS} ms usual, {LARGEST_MS} ms largest")


def load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html", help="a built site (default: _build/html)")
    parser.add_argument("--runs", type=int, default=7, help="cold loads of each page (default: 7)")
    parser.add_argument("--moves", type=int, default=120, help="slider moves a picture and setting (default: 120)")
    parser.add_argument("--no-moves", action="store_true", help="leave out the slider moves")
    parser.add_argument("--no-loads", action="store_true", help="leave out the comparison with the default pages")
    arguments = parser.parse_args()
    if not (arguments.site / CHAPTER).is_file():
        print(f"There is no {CHAPTER} in {arguments.site.name}: run make book first.", file=sys.stderr)
        return 1
    path = find_browser()
    if path is None:
        print("No Chromium or Chrome was found: install one, or set COURSE_BROWSER to its path.", file=sys.stderr)
        return 1
    chapters = [f"notebooks/{page.name}" for page in sorted((arguments.site / "notebooks").glob("[0-9]*.html"))]
    folders = {"ours": arguments.site}
    if not arguments.no_loads:
        folders |= default_book.build(ROOT / "_build" / "benchmark")
    with serve(folders) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        print(f"Chromium {browser.version}, {os.cpu_count()} processors ({platform.machine()}), load {load()}")
        if not arguments.no_loads:
            pages = {"ours": f"{address}/ours/{CHAPTER}"}
            pages |= {f"default {n}": f"{address}/default/{n}.html" for n in default_book.PAGES}
            counts = {name: visits.count(browser, page) for name, page in pages.items()}
            print_counts(counts)
            if folders.get("cdn"):
                print(f"  {default_book.mathjax(folders['cdn'])}")
            else:
                print("  The npm registry could not be reached: scripts from CDNs are missing above, "
                      "and the default pages cannot draw, so only ours is timed.")
                pages = {"ours": pages["ours"]}
            print_loads(browser, pages, counts, arguments.runs)
        print_shifts(browser, f"{address}/ours", chapters)
        if not arguments.no_moves:
            print_moves(browser, f"{address}/ours", chapters, arguments.moves)
        print(f"\nLoad at the end {load()}")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
