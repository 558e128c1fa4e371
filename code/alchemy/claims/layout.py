"""The frame that all cards share, as HTML for the web, Markdown for print, and text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Facts = Iterable[tuple[str, str]]


def address(kind: str, claim_id: str) -> str:
    """The anchor of a claim's card on its page; kind: claim or verdict."""
    return f"{kind}-{claim_id.replace('/', '-')}"


def definition_list(facts: Facts) -> str:
    """Terms and texts as HTML."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts) + "</dl>"


def shown(facts: Sequence[tuple[str, str]], warnings: Iterable[str] = ()) -> str:
    """The first fact for every reader, the others behind a fold; its summary names what nobody should have to unfold."""
    more = "".join(f" · {escape(text)}" for text in warnings)
    rest = f"<details><summary>Details{more}</summary>{definition_list(facts[1:])}</details>" if facts[1:] else ""
    return definition_list(facts[:1]) + rest


def card(
    kind: str,
    claim_id: str,
    says: str,
    head: str,
    facts: Facts,
    *,
    classes: str,
    word: bool = False,
    picture: str = "",
    warnings: Iterable[str] = (),
) -> dict[str, str]:
    """A card by MIME type.

    kind: claim or verdict. head: what stands above the sentence `says`; word: it is a verdict's, and stands out.
    facts: term and text; on the web the first is seen and the others are folded. warnings: named on the fold.
    classes: of the HTML card, beside its kind. picture: an SVG between sentence and facts.
    """
    facts = list(facts)
    kicker = f'<strong class="alchemy-word">{escape(head)}</strong>' if word else escape(head)
    html = (
        f'<div class="alchemy-card alchemy-{kind} {classes}" id="{address(kind, claim_id)}">'
        f'<p class="alchemy-kicker">{kicker} <code>{escape(claim_id)}</code></p>'
        f'<p class="alchemy-says">{escape(says)}</p>{picture}{shown(facts, warnings)}</div>'
    )
    lines = [f"{head.upper() if word else head}  {claim_id}", says, *(f"  {k}: {v}" for k, v in facts)]
    markdown = f"**{head}** `{claim_id}`\n\n> {says}\n\n" + "\n".join(f"- {k}: {v}" for k, v in facts)
    return {"text/html": html, "text/markdown": markdown, "text/plain": "\n".join(lines)}
