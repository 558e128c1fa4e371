"""Every page of the built site loads: no console error, no failed request, none that leaves the site."""

from __future__ import annotations


def test_a_page_loads_under_the_strict_policy(page, strict, html):
    page.goto(f"{strict}/{html}", wait_until="load")
    assert not page.trouble, page.trouble
