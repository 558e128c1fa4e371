"""The card of a verdict and the table of a chapter's verdicts; the card of a registration is the claim's own."""

from __future__ import annotations

from html import escape

import numpy as np

from alchemy import stats
from alchemy.claims.layout import address, card
from alchemy.claims.ledger import Ledger
from alchemy.claims.model import Bet, Claim, Verdict, interval_text
from alchemy.claims.regions import number
from alchemy.words import NOT_JUDGED, SIDE_SIGNS, SIGNS


def verdict(claim: Claim, found: Verdict, ledger: Ledger) -> dict[str, str]:
    """The card of a verdict, by MIME type: estimate, interval, region, reference and bet on one axis."""
    reference, bet = ledger.references.get(claim.id), ledger.bets.get(claim.id)
    facts = [
        ("Found", f"{interval_text(found.interval)} · {found.interval.method} · n = {found.interval.n}"),
        ("Holds if", str(claim.holds)),
    ]
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
    return card(
        "verdict",
        claim.id,
        claim.says,
        f"{SIGNS[found.word]} {found.word}",
        facts,
        word=True,
        warnings=warnings,
        classes=f"{found.word.replace(' ', '-')} side-{claim.side}",
        picture=axis(claim, found, reference, bet),
    )


def axis(claim: Claim, found: Verdict, reference: stats.Interval | None = None, bet: Bet | None = None, width: int = 560) -> str:
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
    parts = [
        f'<rect class="region" x="{a:.1f}" y="8" width="{max(b - a, 1):.1f}" height="30" rx="3"/>',
        bar(left, right, 38, "rule"),
        bar(found.interval.low, found.interval.high, 19, "live"),
        f'<circle class="live" cx="{x(found.interval.estimate):.1f}" cy="19" r="5"/>',
    ]
    label = f"live {interval_text(found.interval)}, region {claim.holds}"
    if reference is not None:
        m = x(reference.estimate)
        parts += [
            bar(reference.low, reference.high, 30, "record"),
            f'<path class="record" d="M{m - 5:.1f} 30 l5 -5 l5 5 l-5 5 z"/>',
        ]
        label += f", GPU record {interval_text(reference)}"
    if bet is not None:
        parts.append(
            f'<path class="bet" d="M{x(bet.low):.1f} 4 v5 M{x(bet.low):.1f} 6.5 H{x(bet.high):.1f} M{x(bet.high):.1f} 4 v5"/>'
        )
        label += f", bet {number(bet.low)} to {number(bet.high)}"
    ticks, taken = [], []
    for value in [v for v in (claim.holds.low, claim.holds.high) if np.isfinite(v)]:
        # Two labels nearer than a label's width would overprint each other.
        if all(abs(x(value) - other) > 46 for other in taken):
            taken.append(x(value))
            ticks.append(f'<text x="{min(max(x(value), 24), width - 24):.1f}" y="52">{number(value)}</text>')
    return (
        f'<svg class="alchemy-axis" viewBox="0 0 {width} 58" role="img" aria-label="{escape(label)}" '
        f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}{"".join(ticks)}</svg>'
    )


def _one_cell(text: str) -> str:
    """`text` fit for one cell of a Markdown table: no bar ends the cell, no line break the row."""
    return " ".join(text.split()).replace("|", "\\|")


def summary(ledger: Ledger) -> dict[str, str]:
    """The table of all claims of a chapter with their verdicts, by MIME type."""
    rows = []
    for claim in ledger.claims.values():
        found = ledger.verdicts.get(claim.id)
        word = NOT_JUDGED if found is None else found.word
        text = "" if found is None else interval_text(found.interval)
        rows.append((SIGNS[word], word, claim.side, claim.says, text, str(claim.holds), claim.id))
    head = ("verdict", "led by", "claim", "found", "holds if")
    body = "".join(
        f'<tr class="{word.replace(" ", "-")}"><td><strong>{sign} {word}</strong></td><td>{SIDE_SIGNS[side]} {side}</td>'
        f'<th scope="row"><a href="#{address("verdict", id_)}">{escape(says)}</a></th>'
        f"<td>{escape(text)}</td><td>{escape(region)}</td></tr>"
        for sign, word, side, says, text, region, id_ in rows
    )
    html = (
        '<div class="alchemy-scroll"><table class="alchemy-summary"><caption>Claims of this chapter</caption><thead><tr>'
        + "".join(f'<th scope="col">{h}</th>' for h in head)
        + f"</tr></thead><tbody>{body}</tbody></table></div>"
    )
    text = "\n".join(f"{sign} {word:10} {id_:44} {found:28} {region}" for sign, word, _, _, found, region, id_ in rows)
    markdown = (
        "| "
        + " | ".join(head)
        + " |\n|"
        + "---|" * len(head)
        + "\n"
        + "\n".join(
            f"| {sign} {word} | {side} | {_one_cell(says)} | {found} | {region} |"
            for sign, word, side, says, found, region, _ in rows
        )
    )
    return {"text/html": html, "text/markdown": markdown, "text/plain": text}
