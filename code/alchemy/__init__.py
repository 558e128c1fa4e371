"""The laboratory of *Explorers & Settlers*: claims, statistics, training, curvature, theory, records.

A chapter starts like this:

    import alchemy
    from alchemy import at_least, between, claim
    chapter = alchemy.open_chapter("08-edge-of-stability")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alchemy.chapter import Chapter, claim, open_chapter, report
    from alchemy.claims import at_least, at_most, between

__all__ = ["Chapter", "at_least", "at_most", "between", "claim", "open_chapter", "report"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # At first use: whoever wants `alchemy.words` alone, such as the site, does not wait for JAX.
    if name not in __all__:
        raise AttributeError(f"module 'alchemy' has no attribute {name!r}")
    from alchemy import chapter, claims

    return getattr(claims if name in ("at_least", "at_most", "between") else chapter, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
