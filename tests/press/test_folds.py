"""Which cells fold by themselves, and what their folds say."""

from __future__ import annotations

from pathlib import Path

import pytest
from press import folds

ROOT = Path(__file__).resolve().parents[2]
CASES = [
    ("import json\nfrom x import y", False, True, "Code: imports"),
    ("import alchemy\nchapter = alchemy.open_chapter('a')", True, True, "Code: imports"),
    ("import alchemy\nchapter = alchemy.open_chapter('a')", False, False, "Code: imports"),
    ("cfg = chapter.choose(smoke=dict(n=1))\nL = cfg.n\ncfg", False, True, "Code: settings"),
    ("def f():\n    return 1\n\nclass A:\n    pass", False, True, "Code: f, A"),
    ("RATE, ARMS = 0.1, ('a', 'b')\ndef f(): ...", False, True, "Code: f"),
    ("def a(): ...\ndef b(): ...\ndef c(): ...\ndef d(): ...\ndef e(): ...", False, True, "Code: a, b, c and 2 more"),
    ("def f(): ...\nresult = f()", False, False, "Code: f"),
    ("one = claim('a/b', side='rigor')\none", False, True, "Code: registration of one"),
    ("one = claim('a/b')\none.judge([1.0])", False, False, "Code"),
    ("RATE = 0.1", False, False, "Code"),
    ("x = np.arange(3)\nx.sum()", True, False, "Code"),
    ("%matplotlib inline\nimport json", True, True, "Code: imports"),
    ("not python at all", True, False, "Code"),
    ("", True, False, "Code"),
]


@pytest.mark.parametrize(("source", "first", "folded", "label"), CASES)
def test_a_cell_is_known_by_its_syntax_tree(source: str, first: bool, folded: bool, label: str) -> None:
    assert folds.helps(source, first) is folded
    assert folds.label(source) == label
