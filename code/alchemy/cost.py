"""What a page costs: seconds of compiling and of computing, peak memory, and a yardstick that tells how fast the machine is.

Quiet machines of one kind differ by nearly two, and a busy one by more. So seconds stand beside the time of a fixed
compiled loop, measured in the same process: a page's cost in yardsticks can be compared between machines and between
runs alone and side by side. The executor calls `begin` before a page's first cell and `publish` after its last.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any

RUN_MIME = "application/vnd.alchemy.run+json"
COMPILING = "/jax/core/compile/backend_compile_duration"
# The loop: training steps as the chapters have them, several small networks side by side.
NETWORKS, WIDTH, EXAMPLES, STEPS, TAKES = 8, 64, 128, 300, 3
BUDGET = {"smoke": 10.0, "laptop": 60.0, "gpu": 60.0}  # seconds a page, alone on two cores of the machine below
REFERENCE = 0.075  # seconds of the yardstick there: two quiet cores of the machine that these pages were written on


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
    """Seconds of the fixed compiled loop, the best of three takes after warm-up: gradient steps of eight small networks."""
    import jax
    import jax.numpy as jnp

    def train(key: jax.Array) -> jax.Array:
        x = jax.random.normal(key, (EXAMPLES, WIDTH), jnp.float32)
        start = jnp.eye(WIDTH, dtype=jnp.float32)
        return jax.lax.fori_loop(0, STEPS, lambda _, w: w - 1e-3 * x.T @ jnp.tanh(x @ w), start)

    run = jax.jit(jax.vmap(train))
    keys = jax.random.split(jax.random.key(0, impl="threefry2x32"), NETWORKS)
    run(keys).block_until_ready()
    takes = []
    for _ in range(TAKES):
        start = time.perf_counter()
        run(keys).block_until_ready()
        takes.append(time.perf_counter() - start)
    return min(takes)


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
