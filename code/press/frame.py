"""The site's frame: heads of chapters, landing page, map, timeline, sides, citations, folds, large figures, 404, metadata."""

from __future__ import annotations

from sphinx.application import Sphinx

from press import (
    cite,
    conflicts,
    costs,
    folds,
    fronts,
    landing,
    meta,
    missing,
    pictures,
    places,
    prerequisites,
    sides,
    timeline,
)


def connect(app: Sphinx) -> None:
    """Register the parts, the late places first."""
    for part in (fronts, places, landing, prerequisites, timeline, sides, cite, meta, costs, conflicts, folds, pictures, missing):
        part.connect(app)
