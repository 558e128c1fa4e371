"""The ledger's page on the web: its lines by chapter, its scoreboard, and the same lines as CSV and JSON.

The ledger chapter's cells publish which claims a table lists (LISTED); what the site shows is drawn here from the rows that
the executed chapters carry, with their GPU records' rows where there are any.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from alchemy import project
from alchemy import words as words_of
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from press import ledger_table, verdicts
from press.bets import asked, on_the_web, slug_of
from press.outputs import Listing
from press.verdicts import is_ledger

FOLDER = "_ledger"
SCORED = "your-bets-scored"  # the id of the section that scores the reader's bets
FIELDS = (
    "claim",
    "chapter",
    "side",
    "evidence",
    "statistic",
    "says",
    "measure",
    "region_from",
    "holds_low",
    "holds_high",
    "verdict",
    "estimate",
    "low",
    "high",
    "level",
    "n",
    "diverged",
    "method",
    "source",
    "device",
    "scale",
    "seed",
    "address",
)
EVIDENCE = ("proved", "derived", "reported", "conjectured", "control", "theorem", "experiment")  # in this order
Entry = dict[str, Any]


def connect(app: Sphinx) -> None:
    """Register this module's events, after those of the bets."""
    app.connect("doctree-resolved", prepare)
    app.connect("env-updated", again)
    app.connect("html-page-context", load)
    app.connect("build-finished", publish)


def entry(row: Mapping[str, Any], slug: str, source: str, device: str, scale: str, seed: int) -> Entry:
    """One line of the ledger: a claim, what was found, and where."""
    claim, found = row["claim"], row.get("verdict") or {}
    interval = found.get("interval") or {}
    low, high = claim.get("holds") or (None, None)
    return {
        "claim": claim["id"],
        "chapter": slug,
        "side": claim.get("side"),
        "evidence": claim.get("evidence") or claim.get("kind"),
        "region_from": claim.get("region_from"),
        "statistic": claim.get("statistic"),
        "says": claim.get("says"),
        "measure": claim.get("measure"),
        "holds_low": low,
        "holds_high": high,
        "verdict": found.get("word", words_of.NOT_JUDGED),
        **{name: interval.get(name) for name in ("estimate", "low", "high", "level", "n")},
        "diverged": found.get("diverged"),
        "method": interval.get("method"),
        "source": source,
        "device": device,
        "scale": scale,
        "seed": seed,
        "asked": asked(claim),
        "interval": interval,
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
    """The lines with the fields that the downloads carry, in their order; where regions come from only if a line says it."""
    rows = list(found)
    fields = [name for name in FIELDS if name != "region_from" or any(row[name] for row in rows)]
    return [{name: row[name] for name in fields} for row in rows]


def csv_text(found: Iterable[Entry]) -> str:
    """The ledger as CSV; an empty field is an infinite end of a region, or a claim that was not judged."""
    text, rows = io.StringIO(), public(found)
    writer = csv.DictWriter(text, list(rows[0]) if rows else FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_text(found: Iterable[Entry]) -> str:
    """The ledger as JSON."""
    about = "Claims of Explorers & Settlers with their verdicts. null: an infinite end of a region, or not judged."
    return json.dumps({"format": 1, "about": about, "claims": public(found)}, indent=1, ensure_ascii=False) + "\n"


def scoreboard(found: Iterable[Entry]) -> str:
    """Verdict words counted by side and by evidence, as a table. Records are left out: the score is this build's."""
    rows = [row for row in found if row["source"] == "this build"]
    words = [w for w in words_of.SIGNS if w != words_of.NOT_JUDGED or any(r["verdict"] == w for r in rows)]
    kinds = {row["evidence"] for row in rows if row["evidence"]}
    lines = []
    for field, values in (
        ("side", words_of.SIDES),
        ("evidence", sorted(kinds, key=lambda k: (EVIDENCE.index(k) if k in EVIDENCE else len(EVIDENCE), k))),
    ):
        for value in values:
            data = f' data-field="{field}" data-value="{escape(value)}"' + (' class="ledger-last"' if value == values[-1] else "")
            name = f"led by {value}" if field == "side" else value
            lines.append((name, data, Counter(r["verdict"] for r in rows if r[field] == value)))
    lines.append(("all claims", ' class="ledger-total"', Counter(r["verdict"] for r in rows)))
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in ("claims", *words, "total"))
    body = "".join(
        f'<tr{data}><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{count[w]}</td>" for w in words)
        + f"<td>{sum(count.values())}</td></tr>"
        for name, data, count in lines
    )
    said = "Scoreboard, by side and by evidence"
    return (
        f'<div class="alchemy-scroll" tabindex="0" role="region" aria-label="{said}">'
        f'<table class="alchemy-summary ledger-score"><caption>{said}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def downloads(prefix: str) -> str:
    """The links to the ledger as files."""
    links = " · ".join(f'<a href="{prefix}{FOLDER}/ledger.{ext}" download>{ext.upper()}</a>' for ext in ("csv", "json"))
    return f'<p class="ledger-downloads">The whole ledger as a file: {links}</p>'


def titles(env: BuildEnvironment) -> dict[str, str]:
    """Chapter's slug -> its title."""
    return {name.rpartition("/")[2]: title.astext() for name, title in env.titles.items() if name.startswith("chapters/")}


def drawn(listed: Mapping[str, Any], found: Sequence[Entry], named: Mapping[str, str], whole: bool, prefix: str) -> str:
    """A listing of the ledger as HTML. whole: every line, with the scoreboard and the downloads; else those it lists."""
    if whole:
        return downloads(prefix) + scoreboard(found) + ledger_table.groups(found, named, listed["elsewhere"], linked=True)
    wanted = set(listed["claims"])
    lines = [line for line in found if line["claim"] in wanted and line["source"] == "this build"]
    return ledger_table.listing(listed["caption"], lines, named, listed["elsewhere"])


def prepare(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Draw the ledger where the chapter's cells list it, the whole one first, and make the place where bets are scored."""
    if not on_the_web(app):
        return
    found = entries(app.env)
    for number, node in enumerate(list(doctree.findall(Listing))):
        html = drawn(node["listed"], found, titles(app.env), number == 0, "../" * docname.count("/"))
        node.replace_self(nodes.raw("", html, format="html"))
    if not is_ledger(docname):
        return
    for section in doctree.findall(nodes.section):
        if SCORED in section["ids"]:
            section.append(nodes.raw("", '<div class="bets-score pst-js-only" data-bets-score></div>', format="html"))


def again(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write the ledger's page in every build: what it shows belongs to other pages."""
    return sorted(filter(is_ledger, env.found_docs))


def load(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the ledger's scripts and style on its page."""
    if doctree is not None and on_the_web(app) and is_ledger(pagename):
        app.add_css_file("ledger.css")
        for script in ("ledger.js", "calibration.js"):
            app.add_js_file(script, defer="defer")


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Write the downloads into the site."""
    if exception is not None or not on_the_web(app):
        return
    found = entries(app.env)
    if found and any(map(is_ledger, app.env.found_docs)):
        target = Path(app.outdir) / FOLDER
        target.mkdir(parents=True, exist_ok=True)
        (target / "ledger.csv").write_text(csv_text(found), encoding="utf-8")
        (target / "ledger.json").write_text(json_text(found), encoding="utf-8")
