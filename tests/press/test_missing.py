"""The page for an address that does not exist: its links start at the site's root."""

from __future__ import annotations

from press import missing


def test_relative_addresses_start_at_the_root_and_others_stay() -> None:
    text = (
        '<html data-content_root="./"><a href="book/intro.html#a"></a><img src="_static/l.svg"/><form action="search.html">'
        '<a href="#here"></a><a href="https://x.org/"></a><a href="/already"></a><a href=""></a><b data-href="x"></b>'
    )
    assert missing.rooted(text, "/name/") == (
        '<html data-content_root="/name/"><a href="/name/book/intro.html#a"></a><img src="/name/_static/l.svg"/>'
        '<form action="/name/search.html"><a href="#here"></a><a href="https://x.org/"></a><a href="/already"></a>'
        '<a href="/name/"></a><b data-href="x"></b>'
    )
    assert missing.rooted(missing.rooted(text, "/"), "/") == missing.rooted(text, "/")
