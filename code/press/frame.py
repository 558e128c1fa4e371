"""The site's frame: heads of chapters, landing page, map, timeline, sides, citations, and what pages tell machines."""

from __future__ import annotations

from sphinx.application import Sphinx

from press import cite, fronts, landing, meta, places, prerequisites, sides, timeline


def connect(app: Sphinx) -> None:
    """Register the parts, the late places first."""
    for part in (fronts, places, landing, prerequisites, timeline, sides, cite, meta):
        part.connect(app)
