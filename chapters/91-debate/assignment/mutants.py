"""Mutation suite of the final debate. Each source runs after the assignment's set-up."""

from course.items import Suite

SHIFTS = '''
from itertools import product
from scipy import stats
v = work["shift"]
odds, one = v["scale"] == "log odds", v["tail"] == "towards the motion"

def moves(b, a, odds=odds):
    b, a = np.clip(b, 0.02, 0.98), np.clip(a, 0.02, 0.98)
    return np.log(a / (1 - a) * (1 - b) / b) if odds else a - b

def test(d, one=one, strict=False, flips=None):
    s = np.array(list(product([1, -1], repeat=len(d)))) @ d if flips is None else flips
    x, top = (s, d.sum()) if one else (np.abs(s), abs(d.sum()))
    return [d.mean(), np.mean(x > top + 1e-9 if strict else x >= top - 1e-9)]
'''


def _shift(body: str) -> str:
    return SHIFTS + f"\ndef shift(before, after):\n    return {body}\n"


SUITES = {
    "debate/shift": Suite(
        right={
            "products": _shift("test(moves(before, after))"),
            "bits": SHIFTS
            + '''
def shift(before, after):
    d = moves(before, after)
    signs = 1 - 2 * ((np.arange(2 ** len(d))[:, None] >> np.arange(len(d))) & 1)
    return np.array(test(d, flips=signs @ d))
''',
        },
        wrong={
            "the other tail": _shift("test(moves(before, after), one=not one)"),
            "the other scale": _shift("test(moves(before, after, not odds))"),
            "the sign": _shift("test(-moves(before, after))"),
            "itself not counted": _shift("test(moves(before, after), strict=True)"),
            "t test": _shift("[moves(before, after).mean(), stats.ttest_1samp(moves(before, after), 0).pvalue]"),
            "sum for mean": _shift("[moves(before, after).sum(), test(moves(before, after))[1]]"),
            "not paired": _shift("[moves(before, after).mean(), stats.mannwhitneyu(after, before).pvalue]"),
            "the visible audience": _shift('test(moves(v["before"], v["after"]))'),
        },
    ),
}
