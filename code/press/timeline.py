"""The debate in order of time, from book/timeline.json, each event with its shape, its source and its chapters."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from press import fronts
from press.verdicts import CHAPTER

SOURCE = Path("book") / "timeline.json"
SHAPES = {"theory": "▲", "practice": "●", "debate": "◆"}
FORMS = ("paper", "talk", "post")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def citing(sources: dict[str, str]) -> dict[str, list[str]]:
    """Citation key -> the pages whose source cites it, in order. sources: page -> its text."""
    found: dict[str, list[str]] = {}
    for name in sorted(sources):
        roles = re.findall(r"\{cite(?::[a-z]+)?\}`([^`]+)`", sources[name])
        for key in sorted({key.strip() for role in roles for key in role.split(",")}):
            found.setdefault(key, []).append(name)
    return found


def head(event: dict[str, Any]) -> str:
    """The first line of an entry as HTML: month, shape, kind and form."""
    year, month = event["date"].split("-")
    return (
        f'<p class="when"><time datetime="{event["date"]}">{MONTHS[int(month) - 1]} {year}</time> '
        f'<span class="what"><span class="shape" aria-hidden="true">{SHAPES[event["kind"]]}</span> '
        f'{escape(event["kind"])} · {escape(event["form"])}</span></p>'
    )


class TimelineDirective(SphinxDirective):
    """`{timeline}`: the whole file as an ordered list."""

    def run(self) -> list[nodes.Node]:
        """Markdown for each entry, parsed with the page's own parser, so that citations and links resolve."""
        path = Path(self.env.srcdir) / SOURCE
        self.env.note_dependency(str(path))
        chapters = sorted(name for name in self.env.found_docs if CHAPTER.fullmatch(name))
        for name in chapters:
            self.env.note_dependency(str(self.env.doc2path(name)))
        where = citing({name: Path(self.env.doc2path(name)).read_text(encoding="utf-8") for name in chapters})
        whole = nodes.enumerated_list(classes=["alchemy-timeline"])
        for event in json.loads(path.read_text(encoding="utf-8")):
            item = nodes.list_item(classes=[f"kind-{event['kind']}"])
            item += nodes.raw("", head(event), format="html")
            lines = [f"**{event['label']}** {{cite}}`{event['key']}`"]
            if pages := where.get(event["key"]):
                numbers = [(fronts.front(self.env, name).number, name) for name in pages]
                said = ", ".join(f"{{doc}}`{number} </{name}>`" for number, name in numbers)
                lines += ["", f"Chapter{'s' if len(numbers) > 1 else ''} {said}"]
            self.state.nested_parse(StringList(lines, source=str(path)), self.content_offset, item)
            whole += item
        return [whole]


def connect(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("timeline", TimelineDirective)
