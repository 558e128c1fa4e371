"""The built site in a real browser: fixtures `site`, `strict`, `pages` and `page`.

The site comes from `pytest tests/site --site PATH`, else from the environment's SITE, else from _build/html. Without a
built site, without Playwright or without a Chromium the tests skip and say which of them is missing.

    built    folder of the built site
    site     its base URL, served on a free port of this machine, without a slash at the end
    strict   the same site, every answer with POLICY: nothing from elsewhere, no inline script, no eval
    page     a Playwright page, 1440 x 900, light; `page.trouble` lists what went wrong in it since the last `clear()`
    html     one test for every page of the site: its path, such as "chapters/06-sharpness.html"
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--site PATH`; only where tests/site is named on the command line (pytest reads this file too late else)."""
    parser.addoption("--site", default=None, help="folder of the built site (default: $SITE, then _build/html)")


def folder(config: pytest.Config) -> Path:
    """The built site that was asked for; it need not be there."""
    asked = config.getoption("--site", default=None) or os.environ.get("SITE") or "_build/html"
    return (ROOT / asked).resolve()


def page_paths(site: Path) -> list[str]:
    """Every page of the site, as paths in it; a bare redirection is none, nor are the vendored libraries' pages."""
    found = [p.relative_to(site).as_posix() for p in site.rglob("*.html")]
    own = [p for p in found if not p.startswith("_")]
    return sorted(p for p in own if b'http-equiv="refresh"' not in (site / p).read_bytes()[:600].lower())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for every page, where a test asks for `html`."""
    if "html" in metafunc.fixturenames:
        metafunc.parametrize("html", page_paths(folder(metafunc.config)) or ["no site"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser, so that `-m "not browser"` leaves it out."""
    for item in items:
        if {"page", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def built(pytestconfig: pytest.Config) -> Path:
    """The folder of the built site."""
    site = folder(pytestconfig)
    if not (site / "index.html").is_file():
        pytest.skip(f"no built site in {site}; `make book` builds one")
    return site


@pytest.fixture(scope="session")
def pages(built: Path) -> list[str]:
    """The paths of all pages."""
    return page_paths(built)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Static files, quietly, with the types that a site's host would send."""

    protocol_version = "HTTP/1.1"
    policy = ""
    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml",
        ".webp": "image/webp", ".woff2": "font/woff2", ".woff": "font/woff", ".ipynb": "application/x-ipynb+json",
        ".md": "text/plain", ".epub": "application/epub+zip", ".pdf": "application/pdf",
    }  # fmt: skip

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=600")
        if self.policy:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A missing file as a site's host answers it: with 404.html, whatever the address."""
        page = Path(self.directory) / "404.html"
        if code != 404 or not page.is_file():
            super().send_error(code, message, explain)
            return
        content = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(site: Path, policy: str) -> Iterator[str]:
    """Serve `site` on a free port until the generator is closed."""
    handler = type("SiteHandler", (Handler,), {"policy": policy})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=site)) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def site(built: Path) -> Iterator[str]:
    """Base URL of the site."""
    yield from serve(built, "")


@pytest.fixture(scope="session")
def strict(built: Path) -> Iterator[str]:
    """Base URL of the site under POLICY, which forbids what is not the site's own, inline scripts and eval."""
    yield from serve(built, POLICY)


@dataclass
class Trouble:
    """What went wrong in a page."""

    errors: list[str] = field(default_factory=list)  # of the console, and exceptions that nobody caught
    failed: list[str] = field(default_factory=list)  # requests without an answer, or answered with 400 and more
    external: list[str] = field(default_factory=list)  # requests to any host but this one

    def clear(self) -> None:
        """Forget."""
        self.errors.clear(), self.failed.clear(), self.external.clear()

    def __bool__(self) -> bool:
        return bool(self.errors or self.failed or self.external)

    def watch(self, page) -> None:
        """Listen to what `page` (a Playwright page) reports."""
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("requestfailed", lambda r: self.failed.append(f"{r.url}: {r.failure}") if not aborted(r) else None)
        page.on("response", lambda r: self.failed.append(f"{r.url}: {r.status}") if r.status >= 400 else None)
        page.on("request", lambda r: self.external.append(r.url) if outside(r.url) else None)


def outside(url: str) -> bool:
    """Whether a request leaves this machine."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1"


def aborted(request) -> bool:
    """Whether the browser itself gave up a request because the reader went on to another page."""
    return "ERR_ABORTED" in (request.failure or "")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """The system's Chromium. A module's: an open Playwright holds this thread's event loop, which other tests need."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed; `make test` installs it")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium on this machine (looked for " + ", ".join(BROWSERS) + " and in $CHROMIUM)")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser) -> Iterator[object]:
    """A fresh page (own storage): 1440 x 900, light, no motion; what goes wrong in it is in `page.trouble`."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme="light", reduced_motion="reduce", accept_downloads=True
    )
    context.set_default_timeout(60_000)  # a busy machine is slow, not wrong
    opened = context.new_page()
    opened.trouble = Trouble()
    opened.trouble.watch(opened)
    yield opened
    context.close()
