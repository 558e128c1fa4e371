"""Figures that a reader can move: one module each, with `chart()`, `alt()`, `says()`, `table()` and CAPTION.

A module's `chart()` is a Vega-Altair chart whose parameters with a `bind` become the page's controls and whose
parameter `says` is the sentence under the figure. book/_ext/alchemy_book/explorables.py writes them into pages.
"""
