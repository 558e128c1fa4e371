"""Code that a reader need not meet: imports, settings and helpers are folded, and one switch shows or hides all code.

A cell is known by its syntax tree, not by a tag that somebody has to remember: a page's first cell, a cell that only
imports, one that chooses the settings of a scale, one that only defines, one that only registers claims, whose cards say
the same in words. Each fold says what is in it. The folds are plain
`<details>`; the switch is book/_static/code.js, read before the first paint.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

TEMPLATES = Path(__file__).with_name("templates")
NAMED = 3  # of what a cell defines, a fold names so many and counts the rest
MAGIC = re.compile(r"(?m)^(\s*)[%!].*$")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


def connect(app: Sphinx) -> None:
    """Register this module's events."""
    app.connect("config-inited", offer_switch)
    app.connect("doctree-read", fold)
    app.connect("html-page-context", load)


def offer_switch(app: Sphinx, config: Config) -> None:
    """Let the theme find the switch's template."""
    config.templates_path = [*config.templates_path, str(TEMPLATES)]


def tree(source: str) -> ast.Module | None:
    """A cell's syntax tree, its magics left out; None for what is no Python."""
    try:
        return ast.parse(MAGIC.sub(r"\1pass", source))
    except SyntaxError:
        return None


def constant(statement: ast.stmt) -> bool:
    """Whether a statement names a constant written out."""
    if not isinstance(statement, ast.Assign):
        return False
    try:
        ast.literal_eval(statement.value)
    except ValueError:
        return False
    return True


def helps(source: str, first: bool) -> bool:
    """Whether a cell only prepares what the page is about. first: it is the page's first cell."""
    module = tree(source)
    if module is None or not module.body:
        return False
    body = module.body
    if all(isinstance(s, IMPORTS) for s in body) or (first and any(isinstance(s, IMPORTS) for s in body)):
        return True
    if chooses(module) or registered(module):
        return True
    defines = any(isinstance(s, DEFINITIONS) for s in body)
    return defines and all(isinstance(s, (*DEFINITIONS, *IMPORTS)) or constant(s) for s in body)


def chooses(module: ast.Module) -> bool:
    """Whether a cell asks the chapter for the settings of this scale: `... = chapter.choose(...)`."""
    values = [s.value for s in module.body if isinstance(s, ast.Assign)]
    return any(isinstance(v, ast.Call) and isinstance(v.func, ast.Attribute) and v.func.attr == "choose" for v in values)


def registered(module: ast.Module) -> list[str]:
    """The names of the claims that a cell registers, where it does nothing else: `name = claim(...)`, and shows them."""
    found = []
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="claim"))):
                found.append(name)
            case ast.Expr(value=ast.Name()):
                continue
            case _:
                return []
    return found


def named(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def label(source: str) -> str:
    """What a fold says is in it."""
    module = tree(source)
    if module is None:
        return "Code"
    if chooses(module):
        return "Code: settings"
    if claims := registered(module):
        return f"Code: registration of {named(claims)}"
    if names := [s.name for s in module.body if isinstance(s, DEFINITIONS)]:
        return f"Code: {named(names)}"
    return "Code: imports" if any(isinstance(s, IMPORTS) for s in module.body) else "Code"


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Fold the cells of the page just read that only prepare, and name what every fold holds."""
    cells = [n for n in doctree.findall(nodes.container) if n.get("nb_element") == "cell_code"]
    for number, cell in enumerate(cells):
        if not cell.children or cell.children[0].get("nb_element") != "cell_code_source":
            continue
        source = cell.children[0].astext()
        if not cell.get("hide_mode") and helps(source, number == 0):
            cell["hide_mode"] = "input"
        if cell.get("hide_mode") in ("input", "all"):
            cell["prompt_show"] = cell["prompt_hide"] = label(source)


def load(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """The switch and its script, on pages that show code."""
    has_code = doctree is not None and any(n.get("nb_element") == "cell_code_source" for n in doctree.findall(nodes.container))
    context["alchemy_code"] = has_code
    if has_code:
        # The theme's name for a script that runs before the first paint; hygiene defers all others.
        app.add_js_file("code.js", **{"data-cfasync": "false"})
