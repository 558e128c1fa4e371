"""Copy the per-seed values of three verdicts out of the chapters' last runs, for the lottery of seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alchemy import project

VERDICTS = ("alchemy/truncated-beta2-is-harmless", "alchemy/shuffled-labels-at-chance", "initialization/finite-width")
SOURCES = [project.page("01-alchemy"), project.page("04-initialization")]
MOST = 500  # seeds kept of a verdict


def record(results: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The verdicts with their values, to five significant digits. Raises ProjectError for one that no run found."""
    found = {
        row["claim"]["id"]: {
            "id": row["claim"]["id"],
            "chapter": run["slug"],
            "device": run["device"],
            "says": row["claim"]["says"],
            "measure": row["claim"]["measure"],
            "holds": row["claim"]["holds"],
            "word": row["verdict"]["word"],
            "seeds": len(row["verdict"]["values"]),
            "values": [float(f"{value:.5g}") for value in row["verdict"]["values"][:MOST]],
        }
        for run in results().values()
        for row in run["claims"]
        if row["claim"]["id"] in VERDICTS
    }
    if missing := set(VERDICTS) - set(found):
        raise project.ProjectError(f"no run has judged {', '.join(sorted(missing))}; run chapters 01 and 04 first.")
    return {"verdicts": [found[name] for name in VERDICTS]}
