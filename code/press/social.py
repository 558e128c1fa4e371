"""Pictures that stand for a page elsewhere: a 1200 x 630 card for each, and the mark as PNG icons."""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

SIZE = (1200, 630)
PAPER, INK, QUIET, RIGOR, PRACTICE = "#fbfaf6", "#22272e", "#57606a", "#0072b2", "#d55e00"
ICONS = {"logo-48.png": 48, "logo-180.png": 180}
BOOK = "Explorers & Settlers"


def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with Matplotlib on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


def mark(side: int, paper: str = "#fdfcf8") -> Image.Image:
    """The book's mark, a triangle and a disc that overlap, `side` pixels wide: the same drawing as logo.svg."""
    unit = 512 / 64  # drawn large, then reduced, for smooth edges
    image = Image.new("RGB", (512, 512), paper)
    draw = ImageDraw.Draw(image, "RGBA")
    corners = [(24 * unit, 12 * unit), (43 * unit, 48 * unit), (5 * unit, 48 * unit)]
    draw.line([*corners, corners[0], corners[1]], fill=RIGOR, width=round(5 * unit), joint="curve")
    draw.ellipse([27 * unit, 19 * unit, 57 * unit, 49 * unit], fill=(213, 94, 0, 209))
    return image.resize((side, side), Image.Resampling.LANCZOS)


def card(title: str, question: str, kicker: str) -> Image.Image:
    """The card of one page. kicker: the line above the title, such as "Chapter 7 · II. Insights and their proofs"."""
    image = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, 14, SIZE[1]], fill=RIGOR)
    for top in range(0, SIZE[1], 44):  # a solid rule and a dashed one, as on the claim cards
        draw.rectangle([22, top, 28, top + 26], fill=PRACTICE)
    image.paste(mark(96, PAPER), (SIZE[0] - 168, 52))
    draw.text((84, 74), kicker, font=font(28), fill=QUIET)
    y = 150
    size = 60 if len(title) <= 56 else 50
    for line in textwrap.wrap(title, 28 if size == 60 else 34)[:3]:
        draw.text((84, y), line, font=font(size, bold=True), fill=INK)
        y += round(size * 1.24)
    y += 22
    room = (SIZE[1] - 110 - y) // 42
    lines = textwrap.wrap(question, 56)
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1].rstrip(",;:") + " …"] if room > 0 else []
    for line in lines:
        draw.text((84, y), line, font=font(31), fill=INK)
        y += 42
    draw.text((84, SIZE[1] - 76), BOOK, font=font(28, bold=True), fill=INK)
    return image


def write(image: Image.Image, path: Path) -> None:
    """A small PNG: 64 colours are enough for type on paper."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
