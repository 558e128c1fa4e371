"""The directive `{explorable}`: the figure of a chapter's explorable.py, which a reader can move.

`{explorable} modes` is explorable_modes.py of the same folder. Without JavaScript, in print, in PDF and EPUB it is a static
figure with its finding as text; the HTML page adds a table of the numbers, and controls which book/_static/explorables.js
brings to life. The charts are compiled to Vega here, at build time. What recorded runs they show: see press.recordings.
"""

from __future__ import annotations

import json
import shutil
from html import escape
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import vl_convert as vlc
from alchemy import fingerprint, project
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from press import charts

BUILT = "_build/explorables"  # static figures and specifications, inside the source folder so that Sphinx finds the images
PAGES = ("html", "dirhtml")  # builders whose pages can run a script; the others keep the static figure
SCRIPT, STYLE = "explorables.js", "explorables.css"


def connect(app: Sphinx) -> None:
    """Register the directive and this module's events."""
    app.add_directive("explorable", Explorable)
    app.connect("doctree-resolved", still_elsewhere)
    app.connect("html-page-context", load_where_needed)
    app.connect("build-finished", publish)


class Explorable(SphinxDirective):
    """`:::{explorable} [SUFFIX]`, its body the sentences that say what to try."""

    optional_arguments = 1
    has_content = True
    option_spec = {"class": directives.class_option}

    def run(self) -> list[nodes.Node]:
        """The body's paragraphs, then the figure."""
        root = Path(self.env.srcdir)
        path = source(root / self.env.docname, self.arguments[0] if self.arguments else "")
        name, module = identifier(path), project.load(path)
        for each in (path, path.with_suffix(".json"), Path(charts.__file__), Path(__file__)):
            if each.is_file():
                self.env.note_dependency(str(each))
        spec = build(name, module, root)
        body = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, body)
        words, _ = self.state.inline_text(module.CAPTION, self.lineno)
        image = nodes.image(uri=f"/{BUILT}/{name}.*", alt=module.alternative(), classes=["alchemy-figure", "dark-light"])
        figure = nodes.figure(
            "",
            live(
                f'<p class="explorable-title">{escape(module.TITLE)}</p>{controls(name, module.TITLE, spec)}'
                '<div class="explorable-stage">'
            ),
            image,
            live(f'</div><p class="explorable-says" aria-live="polite">{escape(spec["usermeta"]["says"])}</p>'),
            nodes.caption("", "", *words),
            live(table(module.table())),
            classes=["explorable"],
            ids=[f"explorable-{name}"],
        )
        return [*body.children, figure]


def live(html: str) -> nodes.raw:
    """Markup for pages that can run a script."""
    return nodes.raw("", html, format="html", explorable=True)  # a class would wrap it in a <div>


def source(folder: Path, suffix: str = "") -> Path:
    """The module of a chapter's explorable. Raises ProjectError naming the ones that the chapter's folder holds."""
    path = folder / f"explorable{suffix and '_'}{suffix}.py"
    if not path.is_file():
        known = ", ".join(sorted(p.name for p in folder.glob("explorable*.py"))) or "none"
        raise project.ProjectError(f"there is no {path.name} in {folder}; it holds {known}.")
    return path


def identifier(path: Path) -> str:
    """An explorable's name in the site: its chapter's topic, and its suffix where it has one."""
    topic, suffix = path.parent.name.partition("-")[2], path.stem.removeprefix("explorable").replace("_", "-")
    return topic + suffix


def build(name: str, module: ModuleType, root: Path) -> dict[str, Any]:
    """Compile a chart, write its specification and its static figures, and return the specification.

    What was made from the same sources, data and versions is read back.
    """
    path, folder = Path(module.__file__ or ""), root / BUILT
    sources = [path, Path(charts.__file__), *filter(Path.is_file, [path.with_suffix(".json")])]
    key = fingerprint.digest(fingerprint.of_files(sources), metadata.version("altair"), metadata.version("vl-convert-python"))
    made, kept = folder / f"{name}.json", folder / f"{name}.key"
    if kept.is_file() and kept.read_text(encoding="utf-8") == key:
        return json.loads(made.read_text(encoding="utf-8"))
    spec, binds = without_binds(charts.compiled(module.chart()))
    names = [s["name"] for s in spec["signals"]]
    asked = ["says", *(f"{b['signal']}_shown" for b in binds if f"{b['signal']}_shown" in names)]
    shown = charts.signal_texts(spec, asked)
    spec["usermeta"] = {"controls": [b | {"shown": shown.get(f"{b['signal']}_shown")} for b in binds], "says": shown["says"]}
    text = json.dumps(spec, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    if not (made.is_file() and made.read_text(encoding="utf-8") == text):
        (folder / f"{name}.svg").write_text(vlc.vega_to_svg(spec), encoding="utf-8")
        (folder / f"{name}.pdf").write_bytes(vlc.vega_to_pdf(spec))
        made.write_text(text, encoding="utf-8")
    kept.write_text(key, encoding="utf-8")
    return spec


def without_binds(spec: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The specification without Vega's own inputs, and what they were: the page brings labelled ones."""
    signals, binds = [], []
    for signal in spec["signals"]:
        if "bind" in signal:
            binds.append({"signal": signal["name"], "value": signal["value"]} | signal["bind"])
        signals.append({k: v for k, v in signal.items() if k != "bind"})
    return spec | {"signals": signals}, binds


def controls(name: str, title: str, spec: dict[str, Any]) -> str:
    """Labelled inputs, disabled until the script takes over; hidden where scripts do not run."""
    rows = []
    for bind in spec["usermeta"]["controls"]:
        key = f"{name}-{bind['signal']}".replace("_", "-")
        about = f'id="{key}" data-signal="{bind["signal"]}" autocomplete="off" disabled'
        label = f'<label for="{key}">{escape(bind["name"])}</label>'
        if bind["input"] == "select":
            options = "".join(
                f'<option value="{i}"{" selected" if value == bind["value"] else ""}>{escape(str(text))}</option>'
                for i, (value, text) in enumerate(zip(bind["options"], bind["labels"], strict=True))
            )
            values = escape(json.dumps(bind["options"]))
            rows.append(f'<div class="explorable-control">{label}<select {about} data-values="{values}">{options}</select></div>')
        else:
            shown = escape(bind["shown"])
            rows.append(
                f'<div class="explorable-control">{label}<input type="range" {about} min="{bind["min"]}" max="{bind["max"]}" '
                f'step="{bind["step"]}" value="{bind["value"]}" aria-valuetext="{shown}">'
                f'<output for="{key}">{shown}</output></div>'
            )
    reset = '<button type="button" class="explorable-reset" disabled>Reset</button>'
    return f'<div class="explorable-controls" role="group" aria-label="{escape(title)}: controls">{"".join(rows)}{reset}</div>'


def table(found: Any) -> str:
    """The numbers of the figure as first shown, folded away."""
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in found.headers)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in found.rows
    )
    return (
        '<details class="explorable-data"><summary>The numbers as a table</summary>'
        f'<div class="alchemy-scroll" tabindex="0" role="region" '
        f'aria-label="{escape(found.caption)}"><table><caption>{escape(found.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def has_explorable(doctree: nodes.document | None) -> bool:
    """Whether a page holds an explorable."""
    return doctree is not None and any("explorable" in f["classes"] for f in doctree.findall(nodes.figure))


def still_elsewhere(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Leave controls and tables out of books that cannot run a script."""
    if app.builder.name in PAGES:
        return
    for node in [n for n in doctree.findall(nodes.raw) if n.get("explorable")]:
        node.parent.remove(node)


def load_where_needed(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Script and style for the pages that hold an explorable, and for no other."""
    if app.builder.name in PAGES and has_explorable(doctree):
        app.add_js_file(SCRIPT, loading_method="defer")
        app.add_css_file(STYLE)


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Put the specifications where the script asks for them."""
    if exception is not None or app.builder.name not in PAGES:
        return
    target = Path(app.outdir) / "_static" / "explorables"
    for path in sorted(Path(app.srcdir).glob("chapters/*/explorable*.py")):
        made = Path(app.srcdir) / BUILT / f"{identifier(path)}.json"
        if made.is_file():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, target / made.name)
