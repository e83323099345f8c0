"""Find a browser for the tests that need one."""

import os
import shutil
import sys
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# What keeps the browser from talking to anyone on its own, and lets it start as root in a container.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """The path of a Chromium or Chrome: COURSE_BROWSER, the usual commands, the usual places."""
    named = os.environ.get("COURSE_BROWSER")
    if named:
        return named if Path(named).is_file() else shutil.which(named)
    found = (shutil.which(command) for command in COMMANDS)
    return next((path for path in (*found, *APPLICATIONS) if path and Path(path).exists()), None)


if __name__ == "__main__":
    browser = find_browser()
    print(browser or "none found: install Chromium or Chrome, or set COURSE_BROWSER to one")
    sys.exit(browser is None)
