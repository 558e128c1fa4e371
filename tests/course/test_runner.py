"""The sandbox's inside, one request at a time: IPython's syntax, and time that is the processor's."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
from course.runner import Runner

LIMITS = {"output_kb": 64}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the runner puts its own there
    return Runner(LIMITS)


def cell(runner: Runner, source: str, seconds: float = 5.0) -> dict[str, Any]:
    return runner.step({"do": "cell", "source": source, "name": "<cell 1>", "seconds": seconds})


@pytest.mark.parametrize(
    ("source", "x"),
    [
        ("import math\nmath.sqrt?\nx = 1", 1),
        ("?print\nx = 1", 1),
        ("!pip install \\\n  nothing-of-that\nx = 1", 1),
        ("get_ipython().run_line_magic('load_ext', 'autoreload')\nget_ipython().system('ls')\nx = 1", 1),
        ("for n in range(3):\n    %time x = n", 2),
        ("if True:\n    !echo 1\n    x = 1", 1),
        ("x = !ls", []),
        ("%time x = 1", 1),
        ("x = %time 1 + 1", 2),
        ("%%time\nx = 1\n%time x += 1", 2),
        ("%%capture said\nx = 1", 1),
        ("%matplotlib inline\nx = 1", 1),
        ("%%bash\nexit 1", None),
        ("    x = 1", 1),
        ("%timeit -n 1 y\nx = 1", 1),
        ("def f(n):\n    %time m = n + 1\n    return n\nx = f(3)", 3),
        ("get_ipython().magic('time x = 1')", 1),
        ("%config InlineBackend.figure_format = 'retina'\nx = 1", 1),
        ("x = '%time'\n", "%time"),
    ],
)
def test_what_runs_in_a_notebook_runs_here(runner: Runner, source: str, x: object) -> None:
    reply = cell(runner, source)
    assert "error" not in reply, reply
    assert runner.module.__dict__.get("x") == x


def test_a_magic_prints_and_an_error_in_it_names_its_line(runner: Runner) -> None:
    assert cell(runner, "%time print(6 * 7)")["printed"] == "42\n"
    assert cell(runner, "6 * 7")["printed"] == "42\n"
    error = cell(runner, "y = 1\n%time y / 0")["error"]
    assert error["type"] == "ZeroDivisionError" and "<cell 1>, line 2" in error["where"][0]
    assert cell(runner, "x = 1 +")["error"]["type"] == "SyntaxError"


def test_a_busy_machine_takes_nobodys_time(runner: Runner, busy: None) -> None:
    burn = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    begun = time.monotonic()
    reply = cell(runner, burn, 0.5)
    assert time.monotonic() - begun > 0.5, "the machine was not busy"
    assert "error" not in reply and 0.2 <= reply["seconds"] < 0.5


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import time\ntime.sleep(100)",
        "while True:\n    try:\n        while True: pass\n    except Exception: pass",
    ],
)
def test_what_never_ends_is_stopped(runner: Runner, source: str) -> None:
    assert cell(runner, source, 0.1)["error"]["type"] == "TimeUp"
    assert "error" not in cell(runner, "x = 1")
