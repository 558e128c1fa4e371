"""Record what the explorables show of real runs, with where it comes from.

    python book/explorables/record.py sharpness               trains the arms of chapter 08, minutes
    python book/explorables/record.py lottery NOTEBOOKS       copies per-seed values out of executed chapters

Both write a JSON file beside this one. Nothing in those files is typed by hand.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
CHAPTERS = HERE.parent.parent / "chapters"
CHAPTER_MIME = "application/vnd.alchemy.chapter+json"
ETAS = (0.07, 0.1, 0.13, 0.17, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)  # two that stay below, the chapter's four, wild ones
LAST_CELL = 'start = starts("runs'  # the chapter's cell that trains; ours trains more learning rates from the same starts
VERDICTS = ("alchemy/truncated-beta2-is-harmless", "alchemy/shuffled-labels-at-chance", "initialization/finite-width")
MOST = 500  # seeds kept of a verdict


def sharpness() -> dict[str, Any]:
    """Full-batch runs of chapter 08's network at more learning rates: its own cells, starts and bench."""
    import jax
    from alchemy import records

    path = CHAPTERS / "08-edge-of-stability.md"
    cells = records.code_cells(path.read_text(encoding="utf-8"))
    last = next(i for i, cell in enumerate(cells) if cell.startswith(LAST_CELL))
    world: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells[:last]:
        exec(cell, world)  # noqa: S102 - the chapter's own laboratory, not a copy of it
    exec(cells[last].partition("\n")[0], world)  # noqa: S102 - the same starts
    cfg = world["cfg"]
    tanh = world["network"]("tanh", cfg.width)[1]
    out = world["bench"](tanh, world["start"], [world["Arm"](eta) for eta in ETAS])
    lost = world["exploded"](out)
    arms = []
    for eta, s, loss, gone in zip(ETAS, out["sharpness"], out["loss"], lost, strict=True):
        low, middle, high = (
            np.percentile(s[~gone], [2.5, 50, 97.5], axis=0) if not gone.all() else np.full((3, s.shape[1]), np.nan)
        )
        arms.append(
            {
                "eta": eta,
                "lost": int(gone.sum()),
                "low": digits(low),
                "median": digits(middle),
                "high": digits(high),
                "loss": digits(loss[0][::2], 3),
            }
        )
    about = origin("laptop" if world["chapter"].scale == "laptop" else world["chapter"].scale, cells[: last + 1])
    return about | {
        "chapter": path.stem,
        "seeds": cfg.seeds,
        "every": world["EVERY"],
        "steps": cfg.steps,
        "images": cfg.images,
        "width": cfg.width,
        "jax": jax.__version__,
        "arms": arms,
    }


def lottery(notebooks: Path) -> dict[str, Any]:
    """The per-seed values of a few verdicts, from the executed notebooks of a built site."""
    found: dict[str, Any] = {}
    for path in sorted(notebooks.glob("*.ipynb")):
        outputs = [o for c in json.loads(path.read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", [])]
        for bundle in (o["data"][CHAPTER_MIME] for o in outputs if CHAPTER_MIME in o.get("data", {})):
            for entry in bundle["claims"]:
                claim, verdict = entry["claim"], entry["verdict"]
                if claim["id"] in VERDICTS:
                    found[claim["id"]] = {
                        "id": claim["id"],
                        "chapter": bundle["slug"],
                        "says": claim["says"],
                        "measure": claim["measure"],
                        "holds": claim["holds"],
                        "word": verdict["word"],
                        "scale": bundle["scale"],
                        "seed": bundle["seed"],
                        "device": bundle["device"],
                        "seeds": len(verdict["values"]),
                        "values": digits(verdict["values"][:MOST], 5),
                    }
    if missing := set(VERDICTS) - set(found):
        raise SystemExit(f"no verdict {', '.join(sorted(missing))} in {notebooks}; build the site first and pass its _notebooks.")
    return origin("", []) | {"verdicts": [found[name] for name in VERDICTS]}


def origin(scale: str, cells: list[str]) -> dict[str, Any]:
    """When, on what, and from which code."""
    about = {"recorded": datetime.datetime.now(datetime.UTC).date().isoformat(), "machine": f"{platform.machine()} CPU"}
    return about | ({"scale": scale, "code_sha256": hashlib.sha256("\n".join(cells).encode()).hexdigest()} if cells else {})


def digits(values: Any, n: int = 4) -> list[float | None]:
    """n significant digits; None where a run is not finite."""
    return [float(f"{v:.{n}g}") if np.isfinite(v) else None for v in np.asarray(values, np.float64)]


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what not in ("sharpness", "lottery") or (what == "lottery" and len(sys.argv) != 3):
        raise SystemExit(__doc__)
    record = sharpness() if what == "sharpness" else lottery(Path(sys.argv[2]))
    (HERE / f"{what}.json").write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{what}.json written")
