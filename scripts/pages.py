"""Put a built site into the folder of all published versions. usage: python scripts/pages.py SITE PAGES [--version v0.1.0]

Without a version the site becomes the root of PAGES; with one it becomes PAGES/v0.1.0, and the root stays. Other versions
are never touched. PAGES/versions.json lists them, newest first. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path

VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
KEPT = (".git", "versions.json")


def versions(pages: Path) -> list[str]:
    """The versions that have a folder, newest first."""
    found = [p.name for p in pages.iterdir() if p.is_dir() and VERSION.fullmatch(p.name)]
    return sorted(found, key=lambda name: tuple(map(int, VERSION.fullmatch(name).groups())), reverse=True)


def place(site: Path, pages: Path, version: str | None = None) -> None:
    """Copy `site` to the root of `pages`, or to the folder of `version`; raises ValueError for what is no version or no site."""
    if version is not None and not VERSION.fullmatch(version):
        raise ValueError(f"version is {version!r}; expected a release's tag, such as v0.1.0.")
    if not (site / "index.html").is_file():
        raise ValueError(f"{site} holds no index.html; expected a built site. `make book` builds one.")
    pages.mkdir(parents=True, exist_ok=True)
    if version is None:
        kept = {*KEPT, *versions(pages)}
        for path in pages.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(site, pages, dirs_exist_ok=True)
    else:
        shutil.rmtree(pages / version, ignore_errors=True)
        shutil.copytree(site, pages / version)
    listed = [{"version": name, "path": f"{name}/"} for name in versions(pages)]
    (pages / "versions.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    (pages / ".nojekyll").touch()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--version")
    options = parser.parse_args()
    place(options.site, options.pages, options.version)


if __name__ == "__main__":
    main()
