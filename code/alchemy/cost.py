"""What a page costs: seconds of compiling and of computing, peak memory, and a yardstick that tells how fast the machine is.

Quiet machines of one kind differ by nearly two, and a busy one by more. So seconds stand beside the time of a fixed
compiled loop, measured in the same process: a page's cost in yardsticks can be compared between machines and between
runs alone and side by side. The executor calls `begin` before a page's first cell and `publish` after its last.
"""

from __future__ import annotations

import functools
import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from alchemy.words import RUN_MIME

COMPILING = "/jax/core/compile/backend_compile_duration"
# The loops: several small networks side by side, which gain nothing from a second core, and a wide one, which does. Their
# sum gains about as much as a page does on average, so that a page alone and a page on one core of two compare.
LOOPS = ((8, 64, 128, 200), (1, 512, 512, 24))  # networks, width, examples, steps
TAKES = 3
BUDGET = {"smoke": 10.0, "laptop": 60.0, "gpu": 60.0}  # seconds a page, alone on two cores of the machine below
REFERENCE = 0.052  # seconds of the yardstick there: two quiet cores of the machine that the first nine pages were timed on


@dataclass
class _Meter:
    """Counts while a page runs. spans: when JAX compiled, from and to."""

    started: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def compiling(self) -> float:
        """Seconds in which something was compiled: what compiles inside or beside another compilation counts once."""
        total, reached = 0.0, float("-inf")
        for start, end in sorted(self.spans):
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return total


_meter = _Meter()


def begin() -> None:
    """Start counting in this process. JAX tells how long it compiles."""
    import jax.monitoring

    def heard(event: str, seconds: float, **_: Any) -> None:
        if event == COMPILING:
            now = time.perf_counter()
            _meter.spans.append((now - seconds, now))

    jax.monitoring.register_event_duration_secs_listener(heard)
    _meter.started = time.perf_counter()
    _meter.spans.clear()


def yardstick() -> float:
    """Seconds of the fixed compiled loops, the best of three takes after warm-up: gradient steps of small and wide networks."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    def train(x: jax.Array, steps: int) -> jax.Array:
        start = jnp.asarray(np.eye(x.shape[-1], dtype=np.float32))
        return jax.lax.fori_loop(0, steps, lambda _, w: w - 1e-3 * x.T @ jnp.tanh(x @ w) / x.shape[0], start)

    total = 0.0
    for networks, width, examples, steps in LOOPS:
        # NumPy's numbers: JAX would compile a program for drawing them.
        x = np.random.default_rng(0).normal(size=(networks, examples, width)).astype(np.float32)
        run = jax.jit(jax.vmap(functools.partial(train, steps=steps)))
        run(x).block_until_ready()
        takes = []
        for _ in range(TAKES):
            start = time.perf_counter()
            run(x).block_until_ready()
            takes.append(time.perf_counter() - start)
        total += min(takes)
    return total


def measured() -> dict[str, float]:
    """Seconds since `begin`, those spent compiling, peak memory of this process in MB, and the yardstick in seconds."""
    seconds, compiling = time.perf_counter() - _meter.started, _meter.compiling
    # Linux counts kilobytes, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return {
        "seconds": round(seconds, 2),
        "compile_seconds": round(min(compiling, seconds), 2),
        "peak_mb": round(peak),
        "yardstick": round(yardstick(), 5),
    }


def publish() -> None:
    """Display what the page found and what it cost, for the executor; the reader never sees this output."""
    from alchemy import chapter

    cost = measured()
    found = chapter.current().summary() if chapter.is_open() else None
    chapter.show({RUN_MIME: {"summary": found, "cost": cost}, "text/plain": ""})


def yardsticks(cost: dict[str, float]) -> float:
    """A page's cost in yardsticks: how many times the fixed loop would have run meanwhile."""
    return cost["seconds"] / cost["yardstick"]


def over_budget(cost: dict[str, float], scale: str) -> bool:
    """Whether a page costs more than it may at this scale, judged in yardsticks and not in seconds."""
    return yardsticks(cost) > BUDGET[scale] / REFERENCE
