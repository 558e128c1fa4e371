"""A miniature of the house: the real Makefile, scripts and code around one tiny chapter, in a folder with an awkward name.

Its environment holds one program, `python`. A target that called another one (`bin/jupyter`) would fail here, as it does
after a checkout is moved: the scripts that pip writes name the folder that they were made in.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "a house, naïve"
CHAPTER = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# 01 · Mini

```{code-cell} python
import alchemy
chapter = alchemy.open_chapter("01-mini")
print("\\N{WHITE UP-POINTING TRIANGLE}")
```

```{code-cell} python
chapter.finish()
```
"""
MANIFEST = 'title = "Mini"\npart = "I. Small"\nquestion = "Does it run?"\n'
TOC = """format: jb-book
root: book/intro
parts:
  - caption: I. Small
    chapters: [{file: chapters/01-mini}, {file: book/end}]
"""
FILES = (
    "Makefile pyproject.toml requirements.txt requirements.lock README.md LICENSE CITATION.cff _config.yml .gitattributes "
    ".gitignore code scripts .ci book/_static"
).split()
SITE = {
    "book/intro": """<section id="i"><h1>Small</h1><p>See <a href="../chapters/01-mini.html#s">below</a>.</p>
<!-- paper:begin --><!-- paper:end --></section>""",
    "chapters/01-mini": """<section id="m"><h1>01 · Mini</h1><section id="s"><h2>Sums</h2><p>That
<span class="math notranslate nohighlight">\\(1 + 1 = 2\\)</span>.</p><figure><img class="alchemy-figure" alt="a square"
src="../_images/a.svg"/></figure><details><summary>More</summary><p>Folded.</p></details></section></section>""",
    "book/end": '<section id="e"><h1>End</h1><p>Done.</p></section>',
}


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what a miniature decides for itself."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ALCHEMY_", "MAKE", "MFLAGS", "PIP_", "JUPYTER_"))}
    return kept | {"JAX_PLATFORMS": "cpu"} | more


def script(path: Path, text: str) -> None:
    """An executable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/usr/bin/env bash\n" + text, encoding="utf-8")
    path.chmod(0o755)


def build(parent: Path) -> Path:
    """Make the house in `parent`; returns its folder."""
    house = parent / NAME
    for name in FILES:
        source, target = ROOT / name, house / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target)
    for name, text in {
        "_toc.yml": TOC,
        "book/intro.md": "# Small\n",
        "book/end.md": "# End\n",
        "book/references.bib": "",
        "chapters/01-mini.md": CHAPTER,
        "chapters/01-mini/chapter.toml": MANIFEST,
    }.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(text, encoding="utf-8")
    script(house / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"\n')
    (house / ".venv" / ".installed").touch()
    return house


def site(house: Path) -> Path:
    """A built site of three pages, as far as the paper reads one."""
    built = house / "_build" / "html"
    for name, body in SITE.items():
        page = built / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            '<html><head><meta charset="utf-8"><link rel="stylesheet" href="../_static/alchemy.css"></head><body>'
            f'<article class="bd-article">{body}</article></body></html>',
            encoding="utf-8",
        )
    (built / "_images").mkdir(exist_ok=True)
    (built / "_images" / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><rect width="90" height="90"/></svg>', encoding="utf-8"
    )
    shutil.copytree(house / "book" / "_static", built / "_static", dirs_exist_ok=True)
    (built / "_static" / "pygments.css").write_text("", encoding="utf-8")
    return built


def make(house: Path, *arguments: str, timeout: int = 240, **more: str) -> subprocess.CompletedProcess[str]:
    """`make ARGUMENTS` in the house."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=house,
        env=environment(**more),
        text=True,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
