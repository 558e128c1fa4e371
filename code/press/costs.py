"""What it costs: seconds, memory and yardsticks of every page, from the runs of this machine, with what is over its budget."""

from __future__ import annotations

from html import escape

from alchemy import cost, project
from alchemy import run as runs
from alchemy.words import SCALES
from sphinx.application import Sphinx

from press import places, verdicts

HEAD = ("page", "scale", "compiling, s", "computing, s", "peak, MB", "yardsticks", "of the budget")


def rows(seed: int) -> list[tuple[str, ...]]:
    """One row a run of the pages as they are: address, name, and the columns of HEAD after the first."""
    found = []
    for scale in SCALES:
        for slug, spent in runs.costs(scale, seed).items():
            share = cost.yardsticks(spent) * cost.REFERENCE / cost.BUDGET[scale]
            flag = " — over" if cost.over_budget(spent, scale) else ""
            found.append(
                (
                    slug,
                    scale,
                    f"{spent['compile_seconds']:.1f}",
                    f"{spent['seconds'] - spent['compile_seconds']:.1f}",
                    f"{spent['peak_mb']:,.0f}",
                    f"{cost.yardsticks(spent):,.0f}",
                    f"{100 * share:.0f} %{flag}",
                )
            )
    return sorted(found)


def render(app: Sphinx, docname: str) -> tuple[str, str]:
    """The table as HTML and as text."""
    _, seed = verdicts.scale_and_seed()
    table = rows(int(seed))
    known = {name.rpartition("/")[2]: name for name in app.env.found_docs}

    def named(slug: str) -> str:
        title = f"{slug[:2]} · {project.manifest(slug).title}" if project.SLUG.fullmatch(slug) else slug
        return f'<a href="{places.link(app, docname, known[slug])}">{escape(title)}</a>' if slug in known else escape(title)

    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in HEAD)
    body = "".join(
        f'<tr><th scope="row">{named(slug)}</th>' + "".join(f"<td>{escape(c)}</td>" for c in rest) + "</tr>"
        for slug, *rest in table
    )
    html = (
        '<div class="alchemy-scroll" tabindex="0" role="region" aria-label="What each page costs"><table '
        f'class="alchemy-summary"><caption>What each page cost when it last ran here</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
    return html, "\n".join("  ".join(row) for row in table) or "Nothing has run here."


def connect(app: Sphinx) -> None:
    """Register the directive."""
    places.directive(app, "costs", render)
