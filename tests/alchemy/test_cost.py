"""What a page costs: compiling and computing told apart, and budgets that do not depend on the machine."""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import pytest
from alchemy import cost


def test_compiling_is_counted_apart_from_computing() -> None:
    cost.begin()
    time.sleep(0.2)
    before = cost._meter.compiling
    jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x).T)(jnp.ones((7, 7))).block_until_ready()
    found = cost.measured()
    assert cost._meter.compiling > before
    assert 0.2 <= found["seconds"] < 60
    assert 0 < found["compile_seconds"] <= found["seconds"] - 0.2
    assert found["peak_mb"] > 50 and found["yardstick"] > 0


def test_what_compiles_inside_another_compilation_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cost.begin()
    for start, end in ((0.0, 4.0), (1.0, 2.0), (3.0, 5.0), (7.0, 8.0)):  # nested, overlapping, apart
        cost._meter.spans.append((start, end))
    assert cost._meter.compiling == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("seconds", "yardstick", "over"),
    [
        (60.0, cost.REFERENCE, False),
        (61.0, cost.REFERENCE, True),
        (110.0, 2 * cost.REFERENCE, False),
        (35.0, cost.REFERENCE / 2, True),  # a slow machine, and a fast one
    ],
)
def test_a_budget_is_judged_in_yardsticks(seconds: float, yardstick: float, over: bool) -> None:
    assert cost.over_budget({"seconds": seconds, "yardstick": yardstick}, "laptop") == over


def test_the_yardstick_takes_as_long_each_time() -> None:
    first, second = cost.yardstick(), cost.yardstick()
    assert 1 / 5 < first / second < 5  # of a loaded machine; alone they agree within a few per cent
