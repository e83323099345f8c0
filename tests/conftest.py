"""What several test files share: the corpus, the built site, and a browser that can reach nothing else."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from tools import project
from tools.browser import FLAGS, find_browser
from tools.corpus import find_corpus

NO_BROWSER = (
    "BROWSER TESTS WERE NOT RUN: no Chromium or Chrome was found. Install one, or set COURSE_BROWSER to its path."
)
NO_CORPUS = "REPLAYS OF RECORDED RUNS WERE NOT RUN: there is only the stand-in corpus. Connect, or set COURSE_CORPUS."
NO_BOX = "TESTS OF THE GRADER'S BOX WERE NOT RUN: it needs Linux."
# Browser-driven tests need these; a file outside tests/browser may use them as well.
BROWSER_FIXTURES = {"browser", "page"}
SUB_PATH = "/some/sub-path"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a browser; leave out what cannot run here, which the closing lines say."""
    for item in items:
        if BROWSER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
        if "box" in getattr(item, "fixturenames", ()):
            item.add_marker("box")
    _leave_out("browser", lambda: find_browser() is None, NO_BROWSER, "COURSE_REQUIRE_BROWSER", config, items)
    _leave_out("real_corpus", lambda: find_corpus().is_stand_in, NO_CORPUS, "COURSE_REQUIRE_CORPUS", config, items)
    # On Linux they run, and fail where bubblewrap is missing: an untested box would be no box.
    _leave_out("box", lambda: sys.platform != "linux", NO_BOX, "COURSE_REQUIRE_BOX", config, items)


def _leave_out(
    marker: str, is_missing: Callable[[], bool], said: str, insist: str, config: pytest.Config, items: list[pytest.Item]
) -> None:
    needing = [item for item in items if item.get_closest_marker(marker)]
    if not needing or not is_missing():
        return
    if os.environ.get(insist):
        raise pytest.UsageError(said)
    config.stash.setdefault(_left_out, {})[marker] = f"{said} ({len(needing)} tests)"
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if item not in needing]


_left_out = pytest.StashKey[dict[str, str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for marker, line in config.stash.get(_left_out, {}).items():
        # -m may have deselected them anyway; then their absence is no news.
        if f"not {marker}" not in (config.option.markexpr or ""):
            terminalreporter.write_line(line, yellow=True, bold=True)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """One thread for PyTorch: the models are small, and on a busy machine threads wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def corpus():
    """The corpus, real or stand-in (`corpus.is_stand_in` says which)."""
    return find_corpus()


@pytest.fixture(scope="session")
def box():
    """The grader's box, running; it makes no optimizers ready."""
    from course_lib.grading.host import Box

    box = Box(optimizers=False)
    yield box
    box.close()


@pytest.fixture(scope="session")
def site() -> Path:
    """The directory of the built website."""
    assert (project.SITE / "index.html").is_file(), "there is no website yet: run `make book` first"
    return project.SITE


class _SubPathHandler(SimpleHTTPRequestHandler):
    """Serve below a sub-path, as a project page on GitHub lies, and say nothing."""

    protocol_version = "HTTP/1.1"

    def translate_path(self, path: str) -> str:
        inside = path.startswith(SUB_PATH + "/")
        return super().translate_path(path.removeprefix(SUB_PATH) if inside else "/no-such-file")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="session")
def site_address(site: Path) -> Iterator[str]:
    """Where the built website is served, without a slash at the end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_SubPathHandler, directory=str(site)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{SUB_PATH}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser():
    """A Chromium or Chrome of this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        yield browser
        browser.close()


class Record:
    """What went wrong on a page since it was opened."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.foreign: list[str] = []

    def assert_clean(self) -> None:
        assert not self.foreign, f"requests that leave the site: {self.foreign}"
        assert not self.errors, f"errors on the page: {self.errors}"


@pytest.fixture
def page(browser):
    """A page of its own context (storage is empty). All network but this machine is refused.

    `page.record` holds the console errors, uncaught exceptions, failed answers and foreign requests.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    record = Record()

    def guard(route) -> None:
        address = route.request.url
        if address.startswith(("http://127.0.0.1:", "file:", "data:", "blob:")):
            route.continue_()
        else:
            record.foreign.append(address)
            route.abort()

    context.route("**/*", guard)
    page = context.new_page()
    page.record = record
    page.on("pageerror", lambda error: record.errors.append(f"uncaught: {error}"))
    page.on("console", lambda message: _note_console(record, message))
    page.on("response", lambda answer: answer.status >= 400 and record.errors.append(f"{answer.status} {answer.url}"))
    yield page
    context.close()


def _note_console(record: Record, message) -> None:
    if message.type == "error":
        record.errors.append(f"console: {message.text}")


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The folder of a built page that holds every kind of control of the static widgets."""
    from static_widgets_book import book_of_every_control

    return book_of_every_control(tmp_path_factory.mktemp("a book"))


@pytest.fixture
def live(page, book: Path):
    """The page with every control, opened from file:// and ready."""
    from static_widgets_book import opened

    return opened(page, book / "index.html")
