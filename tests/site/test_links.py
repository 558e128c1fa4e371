"""Every address in the built site leads somewhere: pages, places in pages, downloads, files. No browser is needed."""

from __future__ import annotations

import functools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

HERE = "https://site.invalid/"
ADDRESSES = {"href", "src", "data", "poster"}


class Reader(HTMLParser):
    """The addresses, the places and the inline code of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.places: set[str] = set()
        self.inline: list[str] = []
        self.open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places |= {given[k] for k in ("id", "name") if given.get(k)}
        self.addresses += [v for k, v in attrs if k in ADDRESSES and v and tag != "base"]
        self.inline += [f"{k}={v}" for k, v in attrs if k.startswith("on")]
        code = given.get("type") in (None, "", "module", "text/javascript")
        self.open = tag == "script" and code and not given.get("src")

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.inline.append(data.strip()[:80])

    def handle_endtag(self, tag: str) -> None:
        self.open = False


@functools.cache
def read(path: Path) -> Reader:
    return Reader(path.read_text(encoding="utf-8"))


def test_every_internal_address_resolves(built, html):
    page, lost = built / html, []
    for address in sorted(set(read(page).addresses)):
        whole = urlsplit(urljoin(HERE + html, address))
        if whole.netloc != "site.invalid" or whole.scheme != "https":
            continue
        target = built / unquote(whole.path).lstrip("/")
        target = target / "index.html" if target.is_dir() else target
        place = unquote(whole.fragment)
        there = target.is_file() and (not place or target.suffix != ".html" or place in read(target).places)
        lost += [] if there or place == "top" else [address]
    assert not lost


def test_no_page_holds_code_of_its_own(built, html):
    assert not read(built / html).inline


def test_the_theme_is_chosen_before_the_first_paint(built, html):
    """The theme's eager script decides by the reader's preference, and leaves nothing to a later one."""
    text = (built / html).read_text(encoding="utf-8")
    eager = re.findall(r'<script data-cfasync="false" src="([^"?]+)', text)
    assert eager
    files = [built / path[1:] if path.startswith("/") else (built / html).parent / path for path in eager]
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    assert "prefers-color-scheme: dark" in code and 'getItem("theme") || "auto"' not in code


def test_downloads_can_be_read(built, pages):
    files = {(built / page).parent / a for page in pages for a in read(built / page).addresses if "_notebooks/" in a}
    assert files
    for file in files:
        text = file.resolve().read_text(encoding="utf-8")
        assert text.strip(), file
        if file.suffix == ".ipynb":
            notebook = json.loads(text)
            assert notebook["nbformat"] == 4, file
            assert any(cell.get("outputs") for cell in notebook["cells"]), f"{file} is not executed"
