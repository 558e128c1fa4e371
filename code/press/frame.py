"""The site's frame: landing page, map, timeline, sides, citations, folds, figures that open, 404, what pages tell machines."""

from __future__ import annotations

from sphinx.application import Sphinx

from press import (
    cite,
    conflicts,
    folds,
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
    for part in (places, landing, prerequisites, timeline, sides, cite, meta, conflicts, folds, pictures, missing):
        part.connect(app)
