"""The book's vocabulary: verdict words, sides, kinds, scales, MIME types, and numbers in JSON.

Imports nothing but the standard library, and nothing of the project: whoever renders, grades or schedules reads the
same words as the laboratory without starting JAX.

Environment
    ALCHEMY_SCALE   smoke | laptop | gpu     (default laptop)
    ALCHEMY_SEED    a non-negative integer   (default 0)
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Literal

# What a verdict can say. A word is told by its sign as well as by its colour.
Judged = Literal["held", "failed", "undecided"]
Word = Literal["held", "failed", "undecided", "not judged"]
JUDGED: tuple[Judged, ...] = ("held", "failed", "undecided")
NOT_JUDGED: Word = "not judged"  # at smoke scale, and before the run
SIGNS: dict[Word, str] = {"held": "✓", "failed": "✗", "undecided": "?", "not judged": "–"}

# Who leads an experiment, and what kind of sentence it tests.
SIDE_SIGNS = {"rigor": "▲", "practice": "●", "neither": "◆"}
SIDES = tuple(SIDE_SIGNS)
KINDS = ("theorem", "experiment")

# What a chapter's last cell publishes of its run; which claims a ledger's table lists (the site draws its own from it);
# what MyST-NB looks for behind {glue:text}.
CHAPTER_MIME = "application/vnd.alchemy.chapter+json"
RUN_MIME = "application/vnd.alchemy.run+json"  # what a page found and cost, for the executor alone
LEDGER_MIME = "application/vnd.alchemy.ledger+json"
GLUE_PREFIX = "application/papermill.record/"

SCALES = ("smoke", "laptop", "gpu")


class ScaleError(ValueError):
    """The scale, the seed or a scale's configuration is not usable."""


def scale(environment: Mapping[str, str] = os.environ) -> str:
    """The scale that ALCHEMY_SCALE names.

    Raises ScaleError if the variable holds anything but smoke, laptop or gpu.
    """
    name = environment.get("ALCHEMY_SCALE", "").strip() or "laptop"
    if name not in SCALES:
        raise ScaleError(
            f"ALCHEMY_SCALE is {name!r}; expected one of {', '.join(SCALES)}. "
            "Set it, for example `ALCHEMY_SCALE=smoke`, or unset it for laptop scale."
        )
    return name


def seed(environment: Mapping[str, str] = os.environ) -> int:
    """The book's seed, from ALCHEMY_SEED: it shifts every random stream of every chapter.

    Raises ScaleError if the variable is not an integer from 0 to 2**31 - 1.
    """
    text = environment.get("ALCHEMY_SEED", "").strip() or "0"
    if not text.isdecimal() or int(text) >= 2**31:
        raise ScaleError(
            f"ALCHEMY_SEED is {text!r}; expected an integer from 0 to {2**31 - 1}. "
            "Set it, for example `ALCHEMY_SEED=7`, or unset it for seed 0."
        )
    return int(text)


def finite(value: Any) -> Any:
    """A copy fit for strict JSON: infinities and not-a-numbers become None, an array library's scalars plain ones."""
    if isinstance(value, Mapping):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if not isinstance(value, float) and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def ends(low: float | None, high: float | None) -> tuple[float, float]:
    """The ends of an interval or a region as read from JSON, where None stands for an infinite one."""
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)
