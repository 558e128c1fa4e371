"""What a first visit costs: every file that a page asks for, compressed as a site's host would send it."""

from __future__ import annotations

import gzip
from pathlib import Path
from urllib.parse import urlsplit

import pytest

KB = 1000
LIMITS = {"text": 900 * KB, "all": 2000 * KB}
PACKED = {".woff", ".woff2", ".png", ".webp", ".jpg", ".jpeg", ".gif"}
PICTURES = {".png", ".webp", ".jpg", ".jpeg", ".gif", ".svg"}
SCROLL = """async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += 700) {
    scrollTo(0, y); await new Promise(r => requestAnimationFrame(() => setTimeout(r, 15)));
  }
}"""


def weight(file: Path) -> int:
    """Bytes on the wire."""
    content = file.read_bytes()
    return len(content) if file.suffix in PACKED else len(gzip.compress(content, 6))


def test_a_first_visit_to_a_chapter_is_light(page, site, built, html, record_property):
    if not html.startswith("chapters/"):
        pytest.skip("not a chapter")
    asked: set[str] = set()
    page.on("request", lambda r: asked.add(urlsplit(r.url).path.lstrip("/")) if r.url.startswith(site) else None)
    page.goto(f"{site}/{html}", wait_until="networkidle")
    page.evaluate(SCROLL)  # images and explorables that wait until they are near
    page.wait_for_load_state("networkidle")
    sizes = {name: weight(built / name) for name in asked if (built / name).is_file()}
    whole = sum(sizes.values())
    text = sum(size for name, size in sizes.items() if Path(name).suffix not in PICTURES)
    heaviest = ", ".join(f"{name} {size / KB:.0f}" for size, name in sorted(((s, n) for n, s in sizes.items()), reverse=True)[:5])
    print(f"{html}: {text / KB:.0f} kB without images, {whole / KB:.0f} kB with; heaviest: {heaviest}")
    record_property("kB", f"{text / KB:.0f} / {whole / KB:.0f}")
    assert text <= LIMITS["text"], heaviest
    assert whole <= LIMITS["all"], heaviest
