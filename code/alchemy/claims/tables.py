"""The ledger's tables: every claim of every chapter, as HTML, Markdown and text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from alchemy.claims.ledger import interval_from
from alchemy.claims.model import interval_text
from alchemy.claims.regions import Region
from alchemy.words import LEDGER_MIME, NOT_JUDGED, SIDE_SIGNS, SIGNS, ends

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A table that shows itself on the web, in print and on a terminal.

    cells: text, or (text, address) for a link. classes: one style class a row, for its colour bar.
    data: what else it publishes, by MIME type.
    """

    caption: str
    head: Sequence[str]
    cells: Sequence[Sequence[str | tuple[str, str]]]
    classes: Sequence[str] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        def html(cell: str | tuple[str, str]) -> str:
            return escape(cell) if isinstance(cell, str) else f'<a href="{escape(cell[1])}">{escape(cell[0])}</a>'

        def markdown(cell: str | tuple[str, str]) -> str:
            text = cell if isinstance(cell, str) else f"[{cell[0]}]({cell[1]})"
            return text.replace("|", "\\|")

        classes = self.classes or [""] * len(self.cells)
        body = "".join(
            f'<tr class="{name}"><th scope="row">{html(row[0])}</th>' + "".join(f"<td>{html(c)}</td>" for c in row[1:]) + "</tr>"
            for name, row in zip(classes, self.cells, strict=True)
        )
        head = "".join(f'<th scope="col">{escape(h)}</th>' for h in self.head)
        lines = ["| " + " | ".join(self.head) + " |", "|" + "---|" * len(self.head)]
        lines += ["| " + " | ".join(markdown(c) for c in row) + " |" for row in self.cells]
        return {
            # Wide tables scroll by themselves; a focusable region lets a keyboard scroll them.
            "text/html": f'<div class="alchemy-scroll" tabindex="0" role="region" aria-label="{escape(self.caption)}">'
            f'<table class="alchemy-summary"><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>",
            "text/markdown": "\n".join(lines),
            "text/plain": str(self),
            **self.data,
        }

    def __str__(self) -> str:
        texts = [[c if isinstance(c, str) else c[0] for c in row] for row in [list(self.head), *self.cells]]
        widths = [min(60, max(len(row[i]) for row in texts)) for i in range(len(self.head))]
        lines = ["  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in texts]
        return "\n".join([self.caption, *lines])


def region_of(row: Row) -> Region:
    """The acceptance region of a ledger row (None stands for an infinite end)."""
    return Region(*ends(*row["claim"]["holds"]))


def word_of(row: Row) -> str:
    """The verdict word of a ledger row."""
    return NOT_JUDGED if row["verdict"] is None else row["verdict"]["word"]


def ledger_table(
    rows: Iterable[Row], link: Callable[[str], str], caption: str = "The ledger", elsewhere: Mapping[str, str] | None = None
) -> Table:
    """Every claim with its verdict. It also publishes what it lists as LEDGER_MIME: {"caption", "claims", "elsewhere"}.

    link: claim id -> address of its verdict card. elsewhere: claim id -> how it fared on other seeds; a column more.
    """
    rows = list(rows)
    cells = []
    for row in rows:
        claim, word = row["claim"], word_of(row)
        found = "" if row["verdict"] is None else interval_text(interval_from(row["verdict"]["interval"]))
        others = () if elsewhere is None else (elsewhere.get(claim["id"]) or "not run",)
        cells.append(
            (
                (claim["says"], link(claim["id"])),
                f"{SIGNS[word]} {word}",
                *others,
                f"{SIDE_SIGNS[claim['side']]} {claim['side']}",
                claim["kind"],
                f"{found}, {claim['statistic']}",
                str(region_of(row)),
            )
        )
    others = () if elsewhere is None else ("on other seeds",)
    head = ("claim", "verdict", *others, "led by", "evidence", "found", "holds if")
    listed = [row["claim"]["id"] for row in rows]
    told = None if elsewhere is None else {name: elsewhere[name] for name in listed if elsewhere.get(name)}
    data = {LEDGER_MIME: {"caption": caption, "claims": listed, "elsewhere": told}}
    return Table(caption, head, cells, [word_of(row).replace(" ", "-") for row in rows], data)


def tally(rows: Iterable[Row], by: str) -> dict[str, Counter[str]]:
    """Verdict words counted for each value of a claim's field, such as 'side' or 'kind'."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row["claim"][by], Counter())[word_of(row)] += 1
    return counts
