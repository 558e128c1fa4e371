"""The ledger's score on the landing page: what became of the claims, by the side that led them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from alchemy import evidence
from alchemy.words import JUDGED, NOT_JUDGED, SIDE_SIGNS, SIGNS
from sphinx.application import Sphinx

from press import places, verdicts

WORDS = {word: SIGNS[word] for word in JUDGED}
BAR, HEIGHT = 240, 20  # the units of the bars' drawing


def counted(rows: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Side -> how many of its claims got each word, from (side, word) rows. Other words are kept under NOT_JUDGED."""
    score: dict[str, Counter[str]] = {}
    for side, word in rows:
        score.setdefault(side, Counter())[word if word in WORDS else NOT_JUDGED] += 1
    order = [*SIDE_SIGNS, *sorted(set(score) - set(SIDE_SIGNS))]
    return {side: score[side] for side in order if side in score}


def score(app: Sphinx) -> tuple[dict[str, Counter[str]], int, str]:
    """The score, the number of chapters in it, and where it is from.

    Live from this build's run where that judged anything, else the expected words, with the reason.
    """
    found = verdicts.collected(app.env)
    claims = [row for run in found.values() for row in run["claims"]]
    live = [(row["claim"]["side"], (row["verdict"] or {}).get("word", NOT_JUDGED)) for row in claims]
    scale, seed = verdicts.scale_and_seed()
    if any(word in WORDS for _, word in live):
        device = next(iter(found.values()))["device"]
        return counted(live), len(found), f"Counted when this page was built: {scale} scale, seed {seed}, {device}."
    committed = evidence.all_words()
    side_of = {row["claim"]["id"]: row["claim"]["side"] for row in claims}
    own = {name.partition("/")[0] for name in committed} & {"ledger"}
    rows = [(side_of.get(name, "side not known"), word) for name, word in committed.items() if name.partition("/")[0] not in own]
    why = f"the {scale} scale judges no claim" if claims else "no chapter was run for it"
    said = f"From the expected words (laptop scale, seed 0), not from this build: {why}."
    return counted(rows), len({name.partition("/")[0] for name in committed} - own), said


def bar(counts: Counter[str], largest: int) -> str:
    """One row's bar, on the scale of the largest side: solid, hatched, dotted. The numbers stand beside it."""
    x, parts = 0.0, []
    for word in WORDS:
        width = BAR * counts[word] / max(largest, 1)
        if not width:
            continue
        parts.append(f'<rect class="{word}" x="{x:.1f}" y="1" width="{width:.1f}" height="{HEIGHT - 2}"/>')
        if word != "held":
            fill = "hatch" if word == "failed" else "dots"
            parts.append(f'<rect x="{x:.1f}" y="1" width="{width:.1f}" height="{HEIGHT - 2}" fill="url(#score-{fill})"/>')
        x += width
    return f'<svg viewBox="0 0 {BAR} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'


PATTERNS = (
    '<svg width="0" height="0" aria-hidden="true" class="alchemy-patterns"><defs>'
    '<pattern id="score-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path d="M0 0 V6" class="ink"/></pattern>'
    '<pattern id="score-dots" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<circle cx="3" cy="3" r="1.3" class="dot"/></pattern></defs></svg>'
)


def table(counts: dict[str, Counter[str]], chapters: int, said: str, ledger: str) -> str:
    """The scoreboard as HTML. ledger: the address of the ledger page, or an empty string."""
    sizes = {side: sum(c[word] for word in WORDS) for side, c in counts.items()}
    total, largest = sum(counts.values(), Counter()), max(sizes.values(), default=0)

    def row(name: str, kind: str, c: Counter[str], drawn: str) -> str:
        cells = "".join(f'<td class="{word}">{c[word]}</td>' for word in WORDS)
        return f'<tr class="{kind}"><th scope="row">{name}</th>{cells}<td class="bar">{drawn}</td></tr>'

    rows = "".join(
        row(
            f'<span aria-hidden="true">{SIDE_SIGNS.get(side, "◇")}</span> {escape(side)}',
            f"side-{side.partition(' ')[0]}",
            c,
            bar(c, largest),
        )
        for side, c in counts.items()
    )
    rows += row("all", "all", total, f"<strong>{sum(sizes.values())}</strong> claims")
    heads = "".join(
        f'<th scope="col" class="{word}"><span aria-hidden="true">{sign}</span> {word}</th>' for word, sign in WORDS.items()
    )
    unjudged = f" {total[NOT_JUDGED]} more were not judged." if total[NOT_JUDGED] else ""
    more = f' <a href="{escape(ledger)}">Read every line</a>' if ledger else ""
    return (
        f'<div class="alchemy-score" id="score">{PATTERNS}<table><caption>The ledger, live: '
        f'{sum(sizes.values())} claims from {chapters} chapters</caption><thead><tr><th scope="col">led by</th>{heads}'
        f'<th scope="col" class="bar">drawn</th></tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="alchemy-kicker">{escape(said + unjudged)}{more}</p></div>'
    )


def render(app: Sphinx, docname: str) -> tuple[str, str]:
    """The scoreboard of this build, as HTML and as text."""
    counts, chapters, said = score(app)
    if not counts:
        said = "No claim has been judged yet, and no words were accepted yet."
    page = next((name for name in sorted(app.env.found_docs) if verdicts.is_ledger(name)), "")
    lines = [f"{side}: " + ", ".join(f"{c[word]} {word}" for word in WORDS) for side, c in counts.items()]
    return table(counts, chapters, said, places.link(app, docname, page) if page else ""), "\n".join([*lines, said])


def connect(app: Sphinx) -> None:
    """Register the directive."""
    places.directive(app, "scoreboard", render)
