"""Thirty students of the demonstration course: right, wrong, partial, late, empty and hostile."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .attacks import (
    DELETE,
    EQUAL,
    FILL,
    FORGE,
    FORGED,
    FORKS,
    HIDDEN_MEMORY,
    LINGER,
    LINKS,
    NETWORK,
    OVERWRITE,
    PATCH,
    SNOOP,
)

SLUG = "90-demo"
MEAN = 'p = work["weighted-mean"]["power"]\ndef weighted_mean(x, w):\n    return np.average(x**p, weights=w)'
LARGEST = 'largest = np.linalg.norm(work["largest"]["matrix"], 2)'
BET = 'work.predict("heads", 40, 60, 0.9)'
ESSAY = "I would register the claim first, and then look."
RIGHT = {"weighted-mean-solution": MEAN, "largest-solution": LARGEST, "heads-bet": BET, "essay": ESSAY}

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Pupil:
    """name; what is written where; the expected automatic points; words that must be in the result's messages."""

    name: str
    points: tuple[float, float, float]  # weighted mean (20), largest (20), bet (10)
    answers: dict[str, str] | None = None
    alter: Callable[[Notebook], Notebook | bytes] | None = None
    says: str = ""
    late: float = 0.0  # days


def _with(**cells: str) -> dict[str, str]:
    return RIGHT | {k.replace("_", "-"): v for k, v in cells.items()}


def _cell(notebook: Notebook, grade_id: str) -> int:
    return next(i for i, c in enumerate(notebook["cells"]) if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def _doubled(notebook: Notebook) -> Notebook:
    at = _cell(notebook, "largest-solution")
    notebook["cells"].insert(at, dict(notebook["cells"][at]))
    return notebook


def _without(*ids: str) -> Callable[[Notebook], Notebook]:
    def alter(notebook: Notebook) -> Notebook:
        for each in ids:
            del notebook["cells"][_cell(notebook, each)]
        return notebook

    return alter


def _locked(notebook: Notebook) -> Notebook:
    notebook["cells"][_cell(notebook, "open")]["source"] = (
        "import numpy as np\nfrom course import assignment\n"
        "work = assignment.open('90-demo', student='x', variant={'weighted-mean': {'power': 1}, 'largest': {'matrix': [[1.0]]},"
        " 'heads': {'seed': 1}})"
    )
    notebook["cells"][_cell(notebook, "weighted-mean")]["source"] = "print('all tests passed')"
    notebook["cells"][_cell(notebook, "weighted-mean")]["metadata"]["nbgrader"]["points"] = 1000
    return notebook


def _copied(notebook: Notebook) -> Notebook:
    """right0's answers, written down as numbers."""
    line = "".join(notebook["cells"][_cell(notebook, "open")]["source"])
    variant = ast.literal_eval(line[line.index("variant=") + 8 :].rstrip()[:-1])
    power, largest = variant["weighted-mean"]["power"], np.linalg.norm(variant["largest"]["matrix"], 2)
    mean = MEAN.replace('work["weighted-mean"]["power"]', str(power))
    notebook["cells"][_cell(notebook, "weighted-mean-solution")]["source"] = mean
    notebook["cells"][_cell(notebook, "largest-solution")]["source"] = f"largest = {largest!r}".replace("np.float64", "")
    return notebook


def _first(code: str) -> Callable[[Notebook], Notebook]:
    def alter(notebook: Notebook) -> Notebook:
        cell = {"cell_type": "code", "metadata": {}, "source": code, "outputs": [], "execution_count": None, "id": "mine"}
        notebook["cells"].insert(_cell(notebook, "open") + 1, cell)
        return notebook

    return alter


def _windows(notebook: Notebook) -> bytes:
    """As an editor on Windows saves it: carriage returns in each cell and between them, and a byte-order mark."""
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    return json.dumps(notebook, indent=1).replace("\n", "\r\n").encode("utf-8-sig")


def _special(text: str, what: str = "essay") -> Callable[[Notebook], Notebook]:
    """A notebook whose cell holds what JSON allows and UTF-8 does not."""

    def alter(notebook: Notebook) -> Notebook:
        notebook["cells"][_cell(notebook, what)]["source"] = [text]
        return notebook

    return alter


CLASS = (
    *(Pupil(f"right{n}", (20, 20, 10), RIGHT) for n in range(5)),
    Pupil(
        "loop-solution",
        (20, 20, 10),
        _with(
            weighted_mean_solution='p = work["weighted-mean"]["power"]\ndef weighted_mean(x, w):\n'
            "    return sum(a**p * b for a, b in zip(x, w)) / sum(w)"
        ),
    ),
    Pupil(
        "wrong-mean", (0, 20, 10), _with(weighted_mean_solution="def weighted_mean(x, w):\n    return x.mean()"), says="off by"
    ),
    Pupil(
        "wrong-both",
        (0, 0, 10),
        _with(weighted_mean_solution="def weighted_mean(x, w):\n    return x", largest_solution="largest = 1.0"),
        says="shape",
    ),
    Pupil("partial", (10, 20, 10), _with(weighted_mean_solution=MEAN + " if len(x) < 6 else 0.0"), says="2 of 4"),
    Pupil(
        "raises",
        (0, 20, 10),
        _with(weighted_mean_solution="def weighted_mean(x, w):\n    return 1 / 0"),
        says="ZeroDivisionError",
    ),
    Pupil("only-bet", (0, 0, 10), {"heads-bet": BET}, says="not attempted"),
    Pupil("no-bet", (20, 20, 0), RIGHT | {"heads-bet": "pass"}, says="no bet"),
    Pupil("late-a-day", (20, 20, 10), RIGHT, late=0.5),
    Pupil("late-a-month", (20, 20, 10), RIGHT, late=30),
    Pupil("in-the-grace", (20, 20, 10), RIGHT, late=10 / 1440),
    Pupil("empty", (0, 0, 0), {}, says="not attempted"),
    Pupil("copier", (0, 0, 10), RIGHT, _copied, says="altered"),  # hands in right0's notebook with right0's answers
    Pupil("windows", (20, 20, 10), RIGHT, _windows),
    Pupil(
        "infinite",
        (20, 0, 10),
        _with(
            largest_solution=(
                "import signal\nfor s in (signal.SIGALRM, signal.SIGPROF): signal.signal(s, signal.SIG_IGN)\nwhile True: pass"
            )
        ),
        says="did not stop",
    ),
    Pupil(
        "ipython",
        (20, 20, 10),
        _with(
            weighted_mean_solution="np.average?\n!pip install \\\n    nothing-of-that\nfiles = !ls\n" + MEAN,
            largest_solution='get_ipython().run_line_magic("matplotlib", "inline")\nif True:\n    %time ' + LARGEST,
            heads_bet="%time " + BET,
        ),
    ),
    Pupil(
        "hanging-function",
        (0, 20, 10),
        _with(weighted_mean_solution="def weighted_mean(x, w):\n    while True: pass"),
        says="out of time",
    ),
    Pupil(
        "memory",
        (20, 0, 10),
        _with(
            largest_solution=(
                "try:\n    x = b'a' * 10**11\nexcept MemoryError:\n    print('refused at once')\n"
                "x = []\nwhile True: x.append(bytearray(10**8))"
            )
        ),
        says="(<cell",
    ),  # memory or the clock, whichever is first
    Pupil(
        "memory-by-forks",
        (20, 0, 10),
        _with(largest_solution=("import os, time\nfor _ in range(6): os.fork()\nx = b'a' * 500_000_000\ntime.sleep(20)")),
        says="memory",
    ),
    Pupil("snoop", (20, 20, 10), RIGHT, _first(SNOOP)),
    Pupil("deleter", (20, 20, 10), RIGHT, _first(DELETE)),
    Pupil("network", (20, 20, 10), RIGHT, _first(NETWORK)),
    Pupil("fork-bomb", (20, 0, 10), _with(largest_solution=FORKS)),
    Pupil("overwriter", (0, 20, 10), _with(weighted_mean_solution="def weighted_mean(x, w):\n    return 0.0"), _first(OVERWRITE)),
    Pupil("exits", (20, 0, 10), _with(largest_solution="import os\nos._exit(0)"), says="ended Python"),
    Pupil("doubled", (20, 0, 10), RIGHT, _doubled, says="2 times"),
    Pupil("missing", (0, 20, 10), RIGHT, _without("weighted-mean-solution", "weighted-mean"), says="missing"),
    Pupil("locked", (20, 20, 10), RIGHT, _locked, says="altered"),
    Pupil("malformed", (0, 0, 0), RIGHT, lambda nb: b'{"cells": [' + b"[" * 100_000, says="no notebook"),
    Pupil("not-cells", (0, 0, 0), RIGHT, lambda nb: b'{"cells": {"a": 1}}', says="no list of cells"),
    Pupil("huge", (0, 0, 0), RIGHT, lambda nb: b" " * (25 * 2**20), says="25 MB"),
    Pupil("forger", (0, 0, 0), RIGHT, _first(FORGE.replace("LINES", repr(FORGED)))),
    Pupil("patcher", (0, 0, 0), RIGHT, _first(PATCH)),
    Pupil("equal", (20, 0, 10), _with(largest_solution=EQUAL), says="Equal"),
    Pupil("lingering", (20, 20, 10), RIGHT, _first(LINGER)),
    Pupil("fills-the-disk", (20, 20, 10), RIGHT, _first("import os" + FILL)),
    Pupil(
        "many-files",
        (20, 0, 10),
        _with(largest_solution=("n = 0\nwhile True:\n    open(f'/tmp/{n}', 'w').close()\n    n += 1")),
        says="20000 files",
    ),
    Pupil("hidden-memory", (20, 20, 10), RIGHT, _first(HIDDEN_MEMORY)),
    Pupil("links", (20, 20, 10), RIGHT, _first(LINKS)),
    Pupil("half-a-character", (20, 20, 10), RIGHT, _special("An essay with \ud800 in it.")),
    Pupil("null-bytes", (20, 0, 10), RIGHT, _special("largest = 1 \x00", "largest-solution"), says="null bytes"),
    Pupil(
        "marked-up",
        (20, 20, 10),
        RIGHT,
        _special("<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1))"),
    ),
    Pupil("deep", (0, 0, 0), RIGHT, lambda nb: b'{"cells": ' + b'{"a":' * 50_000, says="no notebook"),
    Pupil("crowded", (0, 0, 0), RIGHT, lambda nb: nb | {"cells": nb["cells"] * 200}, says="cells; expected at most"),
    Pupil("prints", (20, 20, 10), RIGHT, _first("for _ in range(10**5): print('x' * 100)")),
)


def hand_in(released: Path, pupil: Pupil) -> bytes:
    """The bytes that a pupil submits, from the released notebook."""
    notebook = json.loads(released.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in (pupil.answers or {}):
            cell["source"] = pupil.answers[grade_id]
    made = pupil.alter(notebook) if pupil.alter else notebook
    return made if isinstance(made, bytes) else json.dumps(made).encode()
