"""Registration and verdict cards, as HTML for the web, Markdown for print, and text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from alchemy import stats
from alchemy.claims.ledger import Ledger
from alchemy.claims.model import Bet, Claim, Verdict, interval_text
from alchemy.claims.regions import number

# A word is told by its sign as well as by its colour.
SIGNS = {"held": "✓", "failed": "✗", "undecided": "?", "not judged": "–"}
SIDE_SIGNS = {"rigor": "▲", "practice": "●", "neither": "◆"}
STATISTIC_TEXT = {
    "mean": "mean over {n} seeds, 95 % interval",
    "median": "median over {n} seeds, 95 % interval",
    "rate": "fraction of {n} seeds, 95 % interval",
    "every": "all {n} values must lie in the region",
}


def _plan(claim: Claim) -> str:
    text = STATISTIC_TEXT[claim.statistic].format(n=claim.seeds)
    if claim.may_diverge:
        text += f"; up to {claim.may_diverge:.0%} of the runs may diverge"
    return text


def _facts(claim: Claim) -> list[tuple[str, str]]:
    facts = [("Holds if", str(claim.holds)), ("Measure", claim.measure), ("Decided by", _plan(claim))]
    facts += [("Source", claim.source)] if claim.source else []
    facts += [("Refuted by", claim.refuted_by)] if claim.refuted_by else []
    return facts


def _definition_list(facts: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts) + "</dl>"


def _shown(facts: Sequence[tuple[str, str]], warnings: Iterable[str] = ()) -> str:
    """The first fact for every reader, the others behind a fold; its summary names what nobody should have to unfold."""
    more = "".join(f" · {escape(text)}" for text in warnings)
    rest = f"<details><summary>Details{more}</summary>{_definition_list(facts[1:])}</details>" if facts[1:] else ""
    return _definition_list(facts[:1]) + rest


def registration(claim: Claim) -> dict[str, str]:
    """The card of a claim before its experiment, by MIME type."""
    head = f"{SIDE_SIGNS[claim.side]} {claim.side} · {claim.kind} · registered"
    facts = _facts(claim)
    html = (
        f'<div class="alchemy-card alchemy-claim side-{claim.side}" id="claim-{claim.id.replace("/", "-")}">'
        f'<p class="alchemy-kicker">{escape(head)} <code>{escape(claim.id)}</code></p>'
        f'<p class="alchemy-says">{escape(claim.says)}</p>{_shown(facts)}</div>'
    )
    lines = [f"{head}  {claim.id}", claim.says, *(f"  {k}: {v}" for k, v in facts)]
    markdown = f"**{head}** `{claim.id}`\n\n> {claim.says}\n\n" + "\n".join(f"- {k}: {v}" for k, v in facts)
    return {"text/html": html, "text/markdown": markdown, "text/plain": "\n".join(lines)}


def verdict(claim: Claim, found: Verdict, ledger: Ledger) -> dict[str, str]:
    """The card of a verdict, by MIME type: estimate, interval, region, reference and bet on one axis."""
    reference, bet = ledger.references.get(claim.id), ledger.bets.get(claim.id)
    facts = [("Found", f"{interval_text(found.interval)} · {found.interval.method} · n = {found.interval.n}"),
             ("Holds if", str(claim.holds))]
    if found.diverged:
        facts.append(("Diverged", f"{found.diverged} of {found.diverged + found.interval.n} runs, left out of the estimate"))
    if reference is not None:
        facts.append(("GPU record", f"{interval_text(reference)} · n = {reference.n}"))
    if bet is not None:
        met = "contains" if bet.low <= found.interval.estimate <= bet.high else "misses"
        text = f"[{number(bet.low)}, {number(bet.high)}] at {bet.confidence:.0%}: {met} the estimate"
        facts.append(("Your bet", text))
    warnings = [f"{found.diverged} diverged"] if found.diverged else []
    if found.attempt > 1:
        warnings.append(f"attempt {found.attempt}")
        facts.append(("Attempt", f"{found.attempt}: the claim was opened again after a verdict"))
    if found.note:
        facts.append(("Note", found.note))
    head = f"{SIGNS[found.word]} {found.word}"
    html = (
        f'<div class="alchemy-card alchemy-verdict {found.word.replace(" ", "-")} side-{claim.side}" '
        f'id="verdict-{claim.id.replace("/", "-")}">'
        f'<p class="alchemy-kicker"><strong class="alchemy-word">{escape(head)}</strong> '
        f"<code>{escape(claim.id)}</code></p>"
        f'<p class="alchemy-says">{escape(claim.says)}</p>'
        f"{axis(claim, found, reference, bet)}{_shown(facts, warnings)}</div>"
    )
    lines = [f"{head.upper()}  {claim.id}", claim.says, *(f"  {k}: {v}" for k, v in facts)]
    markdown = f"**{head}** `{claim.id}`\n\n> {claim.says}\n\n" + "\n".join(f"- {k}: {v}" for k, v in facts)
    return {"text/html": html, "text/markdown": markdown, "text/plain": "\n".join(lines)}


def axis(claim: Claim, found: Verdict, reference: stats.Interval | None = None, bet: Bet | None = None,
         width: int = 560) -> str:
    """An SVG of one axis: region (bar), live interval (line and dot), GPU record (diamond), bet (bracket)."""
    spans = [(found.interval.low, found.interval.high), (claim.holds.low, claim.holds.high)]
    spans += [(v.low, v.high) for v in (reference, bet) if v is not None]
    ends = np.array([e for span in spans for e in span if np.isfinite(e)] + [found.interval.estimate])
    pad = 0.12 * (np.ptp(ends) or max(abs(ends[0]), 1.0))
    left, right = ends.min() - pad, ends.max() + pad

    def x(value: float) -> float:
        return 12 + (width - 24) * float(np.clip((value - left) / (right - left), 0, 1))

    def bar(low: float, high: float, y: int, kind: str) -> str:
        return f'<line class="{kind}" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}"/>'

    a, b = x(claim.holds.low), x(claim.holds.high)
    parts = [f'<rect class="region" x="{a:.1f}" y="8" width="{max(b - a, 1):.1f}" height="30" rx="3"/>',
             bar(left, right, 38, "rule"),
             bar(found.interval.low, found.interval.high, 19, "live"),
             f'<circle class="live" cx="{x(found.interval.estimate):.1f}" cy="19" r="5"/>']
    label = f"live {interval_text(found.interval)}, region {claim.holds}"
    if reference is not None:
        m = x(reference.estimate)
        parts += [bar(reference.low, reference.high, 30, "record"),
                  f'<path class="record" d="M{m - 5:.1f} 30 l5 -5 l5 5 l-5 5 z"/>']
        label += f", GPU record {interval_text(reference)}"
    if bet is not None:
        parts.append(f'<path class="bet" d="M{x(bet.low):.1f} 4 v5 M{x(bet.low):.1f} 6.5 H{x(bet.high):.1f} '
                     f'M{x(bet.high):.1f} 4 v5"/>')
        label += f", bet {number(bet.low)} to {number(bet.high)}"
    ticks, taken = [], []
    for value in [v for v in (claim.holds.low, claim.holds.high) if np.isfinite(v)]:
        # Two labels nearer than a label's width would overprint each other.
        if all(abs(x(value) - other) > 46 for other in taken):
            taken.append(x(value))
            ticks.append(f'<text x="{min(max(x(value), 24), width - 24):.1f}" y="52">{number(value)}</text>')
    return (f'<svg class="alchemy-axis" viewBox="0 0 {width} 58" role="img" aria-label="{escape(label)}" '
            f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}{"".join(ticks)}</svg>')


def _one_cell(text: str) -> str:
    """`text` fit for one cell of a Markdown table: no bar ends the cell, no line break the row."""
    return " ".join(text.split()).replace("|", "\\|")


def summary(ledger: Ledger) -> dict[str, str]:
    """The table of all claims of a chapter with their verdicts, by MIME type."""
    rows = []
    for claim in ledger.claims.values():
        found = ledger.verdicts.get(claim.id)
        word = "not judged" if found is None else found.word
        text = "" if found is None else interval_text(found.interval)
        rows.append((SIGNS[word], word, claim.side, claim.says, text, str(claim.holds), claim.id))
    head = ("verdict", "led by", "claim", "found", "holds if")
    body = "".join(
        f'<tr class="{word.replace(" ", "-")}"><td><strong>{sign} {word}</strong></td><td>{SIDE_SIGNS[side]} {side}</td>'
        f'<th scope="row"><a href="#verdict-{id_.replace("/", "-")}">{escape(says)}</a></th>'
        f"<td>{escape(text)}</td><td>{escape(region)}</td></tr>"
        for sign, word, side, says, text, region, id_ in rows
    )
    html = ('<div class="alchemy-scroll"><table class="alchemy-summary"><caption>Claims of this chapter</caption><thead><tr>'
            + "".join(f'<th scope="col">{h}</th>' for h in head) + f"</tr></thead><tbody>{body}</tbody></table></div>")
    text = "\n".join(f"{sign} {word:10} {id_:44} {found:28} {region}" for sign, word, _, _, found, region, id_ in rows)
    markdown = "| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n" + "\n".join(
        f"| {sign} {word} | {side} | {_one_cell(says)} | {found} | {region} |"
        for sign, word, side, says, found, region, _ in rows)
    return {"text/html": html, "text/markdown": markdown, "text/plain": text}
