"""What explorables show of real runs: made by a chapter's record.py, kept beside it with where it comes from.

    python -m press.recordings 08        writes chapters/08-edge-of-stability/explorable.json; minutes

A `record[_SUFFIX].py` belongs to the `explorable[_SUFFIX].py` of its folder. It has `record(results)`, which returns what
to keep, and SOURCES, the files besides itself that decide it. Nothing in the JSON is typed by hand, and a test compares
its fingerprint with the sources of today.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from alchemy import fingerprint, project, scale

Results = Callable[[], Mapping[str, Any]]  # slug -> what the chapter's last run found; not asked for where it is not needed


def recorders(folder: Path) -> list[Path]:
    """The modules of a chapter's folder that record."""
    return sorted(folder.glob("record*.py"))


def target(recorder: Path) -> Path:
    """The file that a recorder's record is kept in."""
    return recorder.with_name(recorder.stem.replace("record", "explorable", 1) + ".json")


def today(recorder: Path) -> str:
    """The fingerprint of a recorder and its sources as they are now."""
    return fingerprint.of_files([recorder, *project.load(recorder).SOURCES])


def write(recorder: Path, results: Results) -> Path:
    """Record, and keep it with its provenance."""
    about = {
        "recorded": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()} CPU",
        "jax": metadata.version("jax"),
        "scale": scale.current(),
        "seed": scale.seed(),
        "fingerprint": today(recorder),
    }
    kept = about | project.load(recorder).record(results)
    path = target(recorder)
    path.write_text(json.dumps(kept, separators=(",", ":"), allow_nan=False) + "\n", encoding="utf-8")
    return path


def main(chapters: list[str]) -> None:
    """Record anew for these chapters, at laptop scale on seed 0, as the book is."""
    from alchemy import run  # late: only this needs what runs chapters

    os.environ.update(ALCHEMY_SCALE="laptop", ALCHEMY_SEED="0")
    for slug in map(project.find, chapters):
        for recorder in recorders(project.folder(slug)):
            print(f"{write(recorder, lambda: run.results(scale=scale.current(), seed=scale.seed()))} written")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
