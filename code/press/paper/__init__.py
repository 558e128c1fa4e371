"""The book on paper: one PDF and one EPUB from the built site. `python -m press.paper` is the command.

assemble   the site's pages as one book: clean, unfolded, numbered, with links that stay inside it
browser    Chromium, which sets the pages and knows MathJax
pdf        the print, twice, so that the contents can name pages; and what has to be true of it
epub       the same chapters as XHTML with MathML, in an EPUB 3 container
"""
