"""How the suites write their solutions."""

from __future__ import annotations

from collections.abc import Callable


def answering(setup: str, head: str) -> Callable[[str], str]:
    """A maker of sources: the set-up, then a function with this head, `f(x)`, that returns the expression asked for."""
    return lambda expression: f"{setup}\ndef {head}:\n    return {expression}\n"
