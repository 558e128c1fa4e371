"""Chromium, found and started: it sets the pages of the PDF and turns formulas into MathML for the EPUB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from press.paper.assemble import PaperError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)


def chromium() -> str:
    """The path of a Chromium: $CHROMIUM, then the usual names, then Playwright's own. Raises PaperError if there is none."""
    named = os.environ.get("CHROMIUM", "").strip()
    if named:
        found = shutil.which(named)
        if found is None:
            raise PaperError(f"CHROMIUM={named} is not a program that can be run; give the path of Chromium or Chrome.")
        return found
    for name in NAMES:
        if found := shutil.which(name):
            return found
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as driver:
            own = driver.chromium.executable_path
    except Exception:  # Playwright is not installed whole; the message below says what to do
        own = ""
    if own and Path(own).is_file():
        return own
    raise PaperError(
        f"No Chromium found (looked at $CHROMIUM and for {', '.join(NAMES)}). Install one (Debian, Ubuntu: `apt install "
        "chromium`; macOS: `brew install --cask chromium`; anywhere: `.venv/bin/python -m playwright install chromium`), "
        "or name it: `make pdf CHROMIUM=/path/to/chrome`."
    )


@contextmanager
def opened(path: Path, width: int = 612) -> Iterator[Any]:
    """A Playwright page showing a local file as it will be printed; nothing but local files is ever loaded."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise PaperError("Playwright is not installed; `make pdf` installs it, or `pip install playwright`.") from error
    executable = chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
            page.set_default_timeout(300_000)
            page.route(
                "**/*", lambda route: route.continue_() if route.request.url.startswith(("file:", "data:")) else route.abort()
            )
            page.emulate_media(media="print", color_scheme="light")
            page.goto(path.as_uri())
            page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
            page.evaluate("() => MathJax.startup.promise")
            yield page
        finally:
            browser.close()
