"""Put the built site on paper (make pdf, make epub). usage: python -m press.paper pdf|epub [--site FOLDER] [--out FOLDER]

Nothing is computed and no chapter is executed: the pages of the site are the source. A book that has not changed is kept.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from alchemy import project, words
from alchemy import run as runs

from press import cite, offer
from press.paper import epub, pdf
from press.paper.assemble import Chapter, PaperError, assemble

ROOT = project.root()

THEME = ("pygments.css",)  # from the theme's static files; the book's own style sheets follow


def about() -> dict[str, str]:
    """Title, authors, version, date, and which run computed the numbers, from CITATION.cff and the verdicts."""
    stated, whole = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8")), cite.book(ROOT)
    title, _, subtitle = whole.title.partition(": ")
    when = datetime.date.fromisoformat(whole.date)
    scale, seed = words.scale(), words.seed()
    devices = " and ".join(sorted({found["device"] for found in runs.results(scale, seed).values()}))
    run = f"Every measured number was computed by the run that built it: scale {scale}, seed {seed}"
    return {
        "title": title,
        "subtitle": subtitle[:1].upper() + subtitle[1:],
        "author": " and ".join(whole.authors),
        "version": whole.version,
        "date": f"{when.day} {when:%B %Y}",
        "modified": f"{whole.date}T00:00:00Z",
        "run": f"{run}{', on ' + devices if devices else ''}.",
        "repository": stated["repository-code"],
        "keywords": ", ".join(stated.get("keywords", [])),
        "abstract": " ".join(stated.get("abstract", "").split()),
        "logo": re.sub(r"<\?xml.*?\?>", "", (ROOT / "book/_static/logo.svg").read_text(encoding="utf-8")),
    }


def styles(site: Path) -> list[str]:
    """The style sheets of the print: the site's own, in their order on a page, and print.css last."""
    page = (site / "book" / "intro.html").read_text(encoding="utf-8")
    linked = re.findall(r'href="(?:\.\./)*_static/([\w./-]+\.css)', page)
    own = [name for name in linked if (ROOT / "book/_static" / name).is_file() and name != "print.css"]
    return [*THEME, *dict.fromkeys(own), "print.css"]


def fingerprint(chapters: list[Chapter], facts: dict[str, str], static: Path, sheets: list[str]) -> str:
    """A hash of all that the result depends on."""
    total = hashlib.sha256()
    for chapter in chapters:
        total.update(f"{chapter.part}|{chapter.body}".encode())
        for image in chapter.body.find_all("img"):
            total.update(Path(image["src"]).read_bytes())
    for path in [*(static / name for name in sheets), *sorted(Path(__file__).parent.glob("*.*"))]:
        total.update(path.read_bytes())
    total.update(json.dumps(facts, sort_keys=True).encode())
    return total.hexdigest()


def main() -> int:
    """Make what was asked for, or say that it is there already."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("pdf", "epub"))
    parser.add_argument("--site", type=Path, default=ROOT / "_build/html")
    parser.add_argument("--out", type=Path, default=ROOT / "_build/paper")
    parser.add_argument("--again", action="store_true", help="even if nothing has changed")
    options = parser.parse_args()
    site, out, start = options.site.resolve(), options.out.resolve(), time.perf_counter()

    def say(text: str) -> None:
        print(f"  {time.perf_counter() - start:5.1f} s  {text}", flush=True)

    out.mkdir(parents=True, exist_ok=True)
    target, memory = out / f"{offer.NAME}.{options.kind}", out / "state.json"
    state: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
    try:
        chapters, facts, sheets = assemble(ROOT, site), about(), styles(site)
        say(f"{len(chapters)} chapters of the site, {sum(len(c.headings) for c in chapters)} headings")
        key = fingerprint(chapters, facts, site / "_static", sheets)
        if target.is_file() and state.get(options.kind, {}).get("key") == key and not options.again:
            say("nothing has changed since it was made")
        else:
            draft = target.with_suffix(".part")
            maker = pdf if options.kind == "pdf" else epub
            measured = maker.make(chapters, facts, site / "_static", sheets, draft, out / "work", say)
            draft.replace(target)
            known = {
                "key": key,
                "seconds": round(time.perf_counter() - start, 1),
                "date": f"{datetime.date.today()}",
                "bytes": target.stat().st_size,
            }
            state[options.kind] = measured | known
            memory.write_text(json.dumps(state, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except PaperError as error:
        print(f"{error}\nThe {options.kind} was not made.", file=sys.stderr)
        return 1
    offer.publish(site, out)
    print(f"Open {target}\n{target.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
