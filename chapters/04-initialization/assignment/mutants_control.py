"""Right and wrong controls of assignment 04."""
# ruff: noqa: E501 - each mutant is a source in a string

from course.items import Suite, changed

CONTROL = '''
from itertools import combinations, permutations

mine = work["control"]


def area(trained, scores):
    wins = pairs = 0
    for s in scores[trained]:
        wins += np.sum(s > scores[~trained]) + 0.5 * np.sum(s == scores[~trained])
        pairs += np.sum(~trained)
    return wins / pairs


def deals(n):
    if mine["control"] == "every order":
        yield from permutations(range(n))
    elif mine["control"] == "rotations":
        for k in range(n):
            yield np.roll(range(n), k)
    else:
        for i, j in combinations(range(n), 2):
            order = list(range(n))
            order[i], order[j] = order[j], order[i]
            yield order


def control(trained, depths, scales):
    trained = np.asarray(trained) > 0
    own = area(trained, -depths / scales[:, None])
    others = np.array([area(trained, -depths / scales[list(o)][:, None]) for o in deals(len(scales))])
    return np.array([own, others.mean(), np.mean(others >= own - 1e-12)])
'''

CONTROL_RANKS = '''
from itertools import permutations
from scipy.stats import rankdata

mine = work["control"]


def control(trained, depths, scales):
    n, yes = len(scales), np.asarray(trained, bool).ravel()

    def area(s):
        ranks = rankdata(np.round((-np.asarray(depths) / s[:, None]).ravel(), 9))
        k = yes.sum()
        return (ranks[yes].sum() - k * (k + 1) / 2) / (k * (len(yes) - k))

    moved = lambda o: np.sum(np.arange(n) != np.array(o))
    chosen = list(permutations(range(n)))
    if mine["control"] == "swaps":
        chosen = [o for o in chosen if moved(o) == 2]
    if mine["control"] == "rotations":
        chosen = [o for o in chosen if len({(b - a) % n for a, b in enumerate(o)}) == 1]
    values = np.array([area(np.asarray(scales)[list(o)]) for o in chosen])
    own = area(np.asarray(scales))
    return [own, values.mean(), (values > own - 1e-9).sum() / len(values)]
'''

SUITES = {
    "initialization/control": Suite(
        right={"pairs": CONTROL, "ranks": CONTROL_RANKS},
        wrong={
            "a tie counts nothing": changed(CONTROL, ("0.5 * np.sum(s ==", "0.0 * np.sum(s ==")),
            "a tie is a win": changed(CONTROL, ("0.5 * np.sum(s ==", "1.0 * np.sum(s ==")),
            "the sign of the score": changed(CONTROL, ("-depths / scales", "depths / scales")),
            "depths dealt out instead of scales": changed(
                CONTROL,
                (
                    "-depths / scales[list(o)][:, None]) for o in deals(len(scales))",
                    "-depths[list(o)] / scales[:, None]) for o in deals(len(depths))",
                ),
            ),
            "depth times scale": changed(CONTROL, ("-depths / scales", "-depths * scales")),
            "one half assumed for the control": changed(CONTROL, ("others.mean()", "0.5")),
            "strictly better only, one added": changed(
                CONTROL, ("np.mean(others >= own - 1e-12)", "(np.sum(others > own + 1e-12) + 1) / (len(others) + 2)")
            ),
            "ten random deals": changed(
                CONTROL,
                (
                    "for o in deals(len(scales))",
                    "for o in (np.random.default_rng(k).permutation(len(scales)) for k in range(10))",
                ),
            ),
            "labels of each depth dealt out": changed(
                CONTROL,
                (
                    "area(trained, -depths / scales[list(o)][:, None])",
                    "area(trained[:, ::-1], -depths / scales[list(o)][:, None])",
                ),
            ),
            "the visible map's answer": "def control(trained, depths, scales):\n    return np.array([0.8, 0.6, 0.05])\n",
        },
    ),
}
