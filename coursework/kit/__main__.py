"""`python -m coursework.kit`."""

from coursework.kit.cli import app

app(prog_name="python -m coursework.kit")
