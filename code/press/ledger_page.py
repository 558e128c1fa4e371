"""The ledger's page on the web: its table with data to filter by, its scoreboard, and the same rows as CSV and JSON.

The table is the one that the ledger chapter's cell shows. It is not drawn a second time: columns for the chapter and
the device are added to it, rows for GPU records where there are any, and data-* attributes for book/_static/ledger.js.
Without JavaScript it remains a complete table.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from alchemy import project
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from press import verdicts
from press.bets import asked, on_the_web, slug_of
from press.verdicts import is_ledger as on_ledger

FOLDER = "_ledger"
CAPTION = "The ledger"
SCORED = "your-bets-scored"  # the id of the section that scores the reader's bets
TARGET = re.compile(r"#verdict-(.+)$")
WORDS = ("held", "failed", "undecided", "not judged")
FIELDS = ("claim", "chapter", "side", "kind", "statistic", "says", "measure", "holds_low", "holds_high", "verdict",
          "estimate", "low", "high", "level", "n", "diverged", "method", "source", "device", "scale", "seed", "address")
Entry = dict[str, Any]


def connect(app: Sphinx) -> None:
    """Register this module's events, after those of the bets."""
    app.connect("doctree-resolved", prepare)
    app.connect("html-page-context", load)
    app.connect("build-finished", publish)


def entry(row: dict[str, Any], slug: str, source: str, device: str, scale: str, seed: int) -> Entry:
    """One line of the ledger: a claim, what was found, and where."""
    claim, found = row["claim"], row.get("verdict") or {}
    interval = found.get("interval") or {}
    low, high = claim.get("holds") or (None, None)
    return {
        "claim": claim["id"], "chapter": slug, "side": claim.get("side"), "kind": claim.get("kind"),
        "statistic": claim.get("statistic"), "says": claim.get("says"), "measure": claim.get("measure"),
        "holds_low": low, "holds_high": high, "verdict": found.get("word", "not judged"),
        **{name: interval.get(name) for name in ("estimate", "low", "high", "level", "n")},
        "diverged": found.get("diverged"), "method": interval.get("method"), "source": source,
        "device": device, "scale": scale, "seed": seed, "asked": asked(claim),
        "address": f"chapters/{slug}.html#verdict-{slug_of(claim['id'])}",
    }


def entries(env: BuildEnvironment) -> list[Entry]:
    """Every claim that the ledger collects, as this build found it, followed by its GPU record's line if it has one."""
    made: list[Entry] = []
    for slug, run in sorted(verdicts.collected(env).items()):
        record = recorded(slug) if project.evidence(slug, "gpu.json").is_file() else {}
        for row in run["claims"]:
            made.append(entry(row, slug, "this build", run.get("device", ""), run["scale"], run["seed"]))
            if row["claim"]["id"] in record:
                made.append(record[row["claim"]["id"]])
    return made


def recorded(slug: str) -> dict[str, Entry]:
    """Claim id -> the line of the chapter's GPU record."""
    from alchemy import records  # late: a book without records needs no laboratory

    record = records.load_reference(slug)
    if record is None:  # the laboratory reads another book's records, as in a build of a copy
        return {}
    where = record.provenance
    return {row["claim"]["id"]: entry(row, slug, "record", where.device, where.scale, where.seed) for row in record.claims}


def public(found: Iterable[Entry]) -> list[Entry]:
    """The lines with the fields that the downloads carry, in their order."""
    return [{name: row[name] for name in FIELDS} for row in found]


def csv_text(found: Iterable[Entry]) -> str:
    """The ledger as CSV; an empty field is an infinite end of a region, or a claim that was not judged."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(public(found))
    return text.getvalue()


def json_text(found: Iterable[Entry]) -> str:
    """The ledger as JSON."""
    about = "Claims of Explorers & Settlers with their verdicts. null: an infinite end of a region, or not judged."
    return json.dumps({"format": 1, "about": about, "claims": public(found)}, indent=1, ensure_ascii=False) + "\n"


def scoreboard(found: Iterable[Entry]) -> str:
    """Verdict words counted by side and by kind, as a table. Records are left out: the score is this build's."""
    rows = [row for row in found if row["source"] == "this build"]
    words = [w for w in WORDS if w != "not judged" or any(r["verdict"] == w for r in rows)]
    lines = []
    for field, label, values in (("side", "led by {}", ("rigor", "practice", "neither")),
                                 ("kind", "{}s", ("theorem", "experiment"))):
        for value in values:
            lines.append((label.format(value), f' data-field="{field}" data-value="{value}"',
                          Counter(r["verdict"] for r in rows if r[field] == value)))
    lines.append(("all claims", ' class="ledger-total"', Counter(r["verdict"] for r in rows)))
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in ("claims", *words, "total"))
    body = "".join(
        f'<tr{data}><th scope="row">{escape(name)}</th>' + "".join(f"<td>{count[w]}</td>" for w in words)
        + f"<td>{sum(count.values())}</td></tr>" for name, data, count in lines
    )
    return (f'<table class="alchemy-summary ledger-score"><caption>Scoreboard, by side and by evidence</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def downloads(prefix: str) -> str:
    """The links to the ledger as files."""
    links = " · ".join(f'<a href="{prefix}{FOLDER}/ledger.{ext}" download>{ext.upper()}</a>' for ext in ("csv", "json"))
    return f'<p class="ledger-downloads">The whole ledger as a file: {links}</p>'


def is_ledger(html: str) -> bool:
    """Whether an output is the table of the whole ledger."""
    return f"<caption>{CAPTION}</caption>" in html and "alchemy-summary" in html


def enhance(html: str, found: Sequence[Entry]) -> str:
    """The ledger table with two more columns, the rows of GPU records, and the data that the filters read."""
    soup = BeautifulSoup(html, "html.parser")
    table = soup.find("caption", string=CAPTION).find_parent("table")
    table["class"] = [*table.get("class", []), "ledger-table"]
    head = table.thead.tr
    head.th.insert_after(cell(soup, "th", "chapter", scope="col"))
    head.append(cell(soup, "th", "device", scope="col"))
    names = [th.get_text() for th in head.find_all("th")]
    live = {slug_of(r["claim"]): r for r in found if r["source"] == "this build"}
    kept = {slug_of(r["claim"]): r for r in found if r["source"] != "this build"}
    for row in table.tbody.find_all("tr"):
        link = row.find("a", href=TARGET)
        slug = TARGET.search(link["href"])[1] if link else None
        if slug not in live:
            continue
        complete(soup, row, live[slug])
        if slug in kept:
            row.insert_after(twin(soup, row, kept[slug], names))
    return str(soup)


def cell(soup: BeautifulSoup, tag: str, text: str, **attrs: str) -> Any:
    """A new table cell."""
    made = soup.new_tag(tag, attrs=attrs)
    made.string = text
    return made


def complete(soup: BeautifulSoup, row: Any, about: Entry) -> None:
    """Add a line's chapter, device and data to its row."""
    chapter = soup.new_tag("td")
    chapter.append(cell(soup, "a", about["chapter"].split("-")[0], href=f"{about['chapter']}.html"))
    row.th.insert_after(chapter)
    row.append(cell(soup, "td", about["device"]))
    label(row, about)


def label(row: Any, about: Entry) -> None:
    """The data-* attributes that the filters, the sorting and the scoring of bets read."""
    row["data-source"] = about["source"]
    for name in ("claim", "asked", "chapter", "side", "kind", "verdict", "device", "estimate", "holds_low", "holds_high"):
        if about[name] is not None:
            row[f"data-{name.replace('_', '-')}"] = str(about[name])


def twin(soup: BeautifulSoup, row: Any, about: Entry, names: Sequence[str]) -> Any:
    """The row of a claim's GPU record: the live row's claim, with the record's word, numbers and device."""
    made = BeautifulSoup(str(row), "html.parser").tr
    cells = dict(zip(names, made.find_all(["th", "td"], recursive=False), strict=True))
    sign = {"held": "✓", "failed": "✗", "undecided": "?"}.get(about["verdict"], "–")
    changed = {"verdict": f"{sign} {about['verdict']}", "on other seeds": "–", "device": about["device"],
               "found": "{estimate:.4g} [{low}, {high}], {statistic}".format(
                   **about | {k: "∞" if about[k] is None else f"{about[k]:.4g}" for k in ("low", "high")})}
    for name, text in changed.items():
        if name in cells:
            cells[name].string = text
    made["class"] = [about["verdict"].replace(" ", "-")]
    label(made, about)
    return made


def prepare(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Complete the ledger's table, put the scoreboard above it, and make the place where bets are scored."""
    if not on_the_web(app) or not on_ledger(docname):
        return
    found = entries(app.env)
    for node in doctree.findall(nodes.raw):
        if found and node.get("format") == "html" and is_ledger(node.astext()):
            html = downloads("../" * docname.count("/")) + scoreboard(found) + enhance(node.astext(), found)
            node.children, node.rawsource = [nodes.Text(html)], html
            break
    for section in doctree.findall(nodes.section):
        if SCORED in section["ids"]:
            section.append(nodes.raw("", '<div class="bets-score pst-js-only" data-bets-score></div>', format="html"))


def load(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the ledger's scripts and style on its page."""
    if doctree is not None and on_the_web(app) and on_ledger(pagename):
        app.add_css_file("ledger.css")
        for script in ("ledger.js", "calibration.js"):
            app.add_js_file(script, defer="defer")


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Write the downloads into the site."""
    if exception is not None or not on_the_web(app):
        return
    found = entries(app.env)
    if found and any(map(on_ledger, app.env.found_docs)):
        target = Path(app.outdir) / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        (target / "ledger.csv").write_text(csv_text(found), encoding="utf-8")
        (target / "ledger.json").write_text(json_text(found), encoding="utf-8")
