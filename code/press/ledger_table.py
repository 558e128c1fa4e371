"""The ledger's lines as HTML: a fold a chapter with the count of its words, a table in each, an address for every line.

The rows carry as data-* attributes what book/_static/ledger.js filters, sorts and scores by. Without JavaScript the folds
hold complete tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from alchemy.words import SIDE_SIGNS, SIGNS

Entry = Mapping[str, Any]
DATA = (
    "claim",
    "asked",
    "chapter",
    "side",
    "evidence",
    "verdict",
    "region_from",
    "device",
    "source",
    "estimate",
    "holds_low",
    "holds_high",
)
SHORT = 12  # lines that are read at once: so few stand in one table, without folds


def slug_of(claim: str) -> str:
    """A claim's id as anchors write it."""
    return claim.replace("/", "-")


def anchor(line: Entry) -> str:
    """The id of a line's row."""
    return f"line-{slug_of(line['claim'])}" + ("" if line["source"] == "this build" else "-record")


def number_of(line: Entry) -> str:
    """A chapter's number as its slug has it."""
    return line["chapter"].partition("-")[0]


def found(line: Entry) -> str:
    """Estimate, interval and statistic; empty where nothing was found."""
    from alchemy.claims import interval_from, interval_text  # late: only the ledger's page needs the laboratory

    interval = line["interval"]
    parts = [interval_text(interval_from(interval)), line["statistic"]] if interval else []
    return ", ".join(filter(None, parts))


def region(line: Entry) -> str:
    """The acceptance region in words."""
    from alchemy.claims.tables import region_of

    ends = line["holds_low"], line["holds_high"]
    return "" if ends == (None, None) else str(region_of({"claim": {"holds": ends}}))


def columns(lines: Sequence[Entry], elsewhere: Mapping[str, str] | None) -> dict[str, Callable[[Entry], str]]:
    """Name of each column after the claim's -> its cell's HTML. elsewhere: claim id -> its words on other seeds."""
    made: dict[str, Callable[[Entry], str]] = {
        "chapter": lambda line: f'<a href="{line["chapter"]}.html">{number_of(line)}</a>',
        "verdict": lambda line: f"{SIGNS[line['verdict']]} {line['verdict']}",
    }
    if elsewhere is not None:
        made["on other seeds"] = lambda line: escape(
            elsewhere.get(line["claim"], "not run") if line["source"] == "this build" else "–"
        )
    made["led by"] = lambda line: f"{SIDE_SIGNS.get(line['side'], '')} {escape(str(line['side']))}"
    made["evidence"] = lambda line: escape(str(line["evidence"]))
    if any(line.get("region_from") for line in lines):
        made["region from"] = lambda line: escape(str(line.get("region_from") or ""))
    return made | {
        "found": lambda line: escape(found(line)),
        "holds if": lambda line: escape(region(line)),
        "device": lambda line: escape(line["device"]),
    }


def row(line: Entry, cells: Mapping[str, Callable[[Entry], str]], linked: bool) -> str:
    """A table row; linked: with an id, a link to itself, and its data."""
    known = [name for name in DATA if linked and line.get(name) is not None]
    data = "".join(f' data-{name.replace("_", "-")}="{escape(str(line[name]))}"' for name in known)
    place = f' id="{anchor(line)}"' if linked else ""
    own = f' <a class="ledger-link no-paper" href="#{anchor(line)}" aria-label="Link to this line">#</a>' if linked else ""
    card = f"{line['chapter']}.html#verdict-{slug_of(line['claim'])}"
    claim = f'<th scope="row"><a href="{card}">{escape(line["says"] or line["claim"])}</a>{own}</th>'
    rest = "".join(f'<td class="{title.replace(" ", "-")}">{cell(line)}</td>' for title, cell in cells.items())
    return f'<tr{place} class="{line["verdict"].replace(" ", "-")}"{data}>{claim}{rest}</tr>'


def table(caption: str, lines: Iterable[Entry], cells: Mapping[str, Callable[[Entry], str]], linked: bool, name: str) -> str:
    """A table that scrolls in a region of its own, which a keyboard reaches."""
    heads = "".join(f'<th scope="col" class="{title.replace(" ", "-")}">{title}</th>' for title in ("claim", *cells))
    body = "".join(row(line, cells, linked) for line in lines)
    return (
        f'<div class="alchemy-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="alchemy-summary {name}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def counts(lines: Iterable[Entry]) -> str:
    """How often each word fell, this build's lines only: signs, words and numbers."""
    words = Counter(line["verdict"] for line in lines if line["source"] == "this build")
    return " ".join(
        f'<span class="ledger-words {word.replace(" ", "-")}">{sign} {words[word]} {word}</span>'
        for word, sign in SIGNS.items()
        if words[word]
    )


def groups(lines: Sequence[Entry], titles: Mapping[str, str], elsewhere: Mapping[str, str] | None, linked: bool) -> str:
    """One fold a chapter, closed: its title, the count of its words, its table. titles: chapter's slug -> its title."""
    cells, made = columns(lines, elsewhere), []
    for slug, members in groupby(lines, key=lambda line: line["chapter"]):
        own, title = list(members), titles.get(slug, slug)
        name = f' id="ledger-{slug}"' if linked else ""
        made.append(
            f'<details class="ledger-group"{name}><summary><span class="ledger-title">{escape(title)}</span> '
            f"{counts(own)}</summary>{table(title, own, cells, linked, 'ledger-table')}</details>"
        )
    return f'<div class="ledger-groups{" ledger-whole" if linked else ""}">{"".join(made)}</div>'


def listing(caption: str, lines: Sequence[Entry], titles: Mapping[str, str], elsewhere: Mapping[str, str] | None) -> str:
    """A part of the ledger, such as what failed: one table where it is short, else folds; its rows have no address."""
    if len(lines) <= SHORT:
        return table(caption, lines, columns(lines, elsewhere), False, "ledger-part")
    return f'<p class="ledger-caption">{escape(caption)}</p>' + groups(lines, titles, elsewhere, False)
