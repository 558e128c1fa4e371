"""Intervals, rates, slopes and families of comparisons, against simulation, exact sums, other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as st
from alchemy import stats
from alchemy.stats import SampleError
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired

SIMULATIONS = 600
# name: (sampler, true mean). All of them are scaled to about the same spread.
SAMPLERS = {
    "normal": (lambda rng, size: rng.normal(size=size), 0.0),
    "uniform": (lambda rng, size: rng.uniform(-1.7, 1.7, size=size), 0.0),
    "heavy tails": (lambda rng, size: rng.standard_t(5, size=size), 0.0),
    "skewed": (lambda rng, size: rng.gamma(4.0, 0.5, size=size), 2.0),  # skewness 1
}


def simulated(name: str, n: int, simulations: int = SIMULATIONS) -> np.ndarray:
    """Intervals of `simulations` samples of n seeds, minus the true mean: shape (simulations, 2)."""
    sampler, truth = SAMPLERS[name]
    rng = np.random.default_rng([n, *name.encode()])
    found = [stats.mean_interval(x) for x in sampler(rng, (simulations, n))]
    return np.array([[i.low, i.high] for i in found]) - truth


@pytest.fixture(scope="module")
def mean_intervals() -> dict[tuple[str, int], np.ndarray]:
    """The intervals that coverage and false verdicts are counted on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "RESAMPLES", 1_499)  # enough for the percentiles of n = 10, and fast
        return {(name, n): simulated(name, n) for name in SAMPLERS for n in (10, 24)}


def surely_below(hits: int, trials: int, rate: float) -> bool:
    """Whether so few hits are a 1 in 1000 event (or rarer) if the true rate were `rate`."""
    return st.binom.cdf(hits, trials, rate) < 1e-3


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("n", [10, 24])
def test_mean_interval_covers_93_to_97_percent(mean_intervals, name, n):
    low, high = mean_intervals[name, n].T
    covered = int(((low <= 0) & (high >= 0)).sum())
    assert not surely_below(covered, SIMULATIONS, 0.93), covered / SIMULATIONS
    assert not surely_below(SIMULATIONS - covered, SIMULATIONS, 0.03), covered / SIMULATIONS


def test_the_coverage_test_would_catch_the_plain_percentile_bootstrap():
    """A negative control: at n = 10 the unwidened bootstrap falls short, and the criterion sees it."""
    rng = np.random.default_rng(1)
    x = rng.standard_t(5, size=(SIMULATIONS, 10))
    means = np.array([rng.choice(row, (800, 10)).mean(axis=1) for row in x])
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert surely_below(int(((low <= 0) & (high >= 0)).sum()), SIMULATIONS, 0.93)


def test_mean_interval_of_very_few_seeds_is_not_narrower_than_the_exact_one():
    """No resample leaves the range of the sample, which covers with probability 1 - 2**(1 - n) at most."""
    rng = np.random.default_rng(2)
    for n in (2, 3, 4, 5, 8):
        x = rng.normal(size=n)
        exact = st.t.interval(0.95, n - 1, loc=x.mean(), scale=st.sem(x))
        found = stats.mean_interval(x)
        assert found.low <= exact[0] + 1e-12 and found.high >= exact[1] - 1e-12


def test_mean_interval_leans_towards_the_long_tail():
    x = np.random.default_rng(3).exponential(size=40)
    found, (_, student) = stats.mean_interval(x), st.t.interval(0.95, 39, loc=x.mean(), scale=st.sem(x))
    assert found.high > student and "BCa" in found.method
    mirrored = stats.mean_interval(-x)
    assert mirrored.low == pytest.approx(-found.high, rel=0.02)


def test_mean_interval_is_repeatable_and_moves_with_the_sample():
    x = np.random.default_rng(4).normal(size=15)
    a, b = stats.mean_interval(x), stats.mean_interval(3 * x + 10)
    assert stats.mean_interval(x) == a
    assert (b.low, b.high) == pytest.approx((3 * a.low + 10, 3 * a.high + 10), rel=1e-9)
    assert stats.mean_interval(x, level=0.99).low < a.low


def test_mean_interval_of_one_odd_value_and_of_a_constant():
    odd = stats.mean_interval([1.0] * 11 + [2.0])
    assert np.isfinite([odd.low, odd.high]).all() and odd.low <= odd.estimate <= odd.high
    same = stats.mean_interval([0.25] * 12)
    assert (same.low, same.high, same.method) == (0.25, 0.25, "constant over seeds")


def test_mean_interval_of_many_values_stays_within_memory():
    """20,000 values times 9,999 resamples would be 1.6 GB at once."""
    import tracemalloc

    tracemalloc.start()
    stats.mean_interval(np.random.default_rng(5).normal(size=20_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500e6


@pytest.mark.parametrize("n", [6, 7, 8, 10, 11, 12, 15, 20, 33, 50])
def test_median_interval_covers_at_least_95_percent_exactly(n):
    """On 0..n-1 the ends are ranks; P(x_(i) <= median <= x_(j)) is a binomial sum for any continuous law."""
    found = stats.median_interval(np.arange(n, dtype=float))
    i, j = int(found.low), int(found.high)  # ranks from 0
    covered = st.binom.cdf(j, n, 0.5) - st.binom.cdf(i, n, 0.5)
    assert covered >= 0.95
    assert found.estimate == (n - 1) / 2
    # Not needlessly wide: one rank less on both sides falls short.
    assert st.binom.cdf(j - 1, n, 0.5) - st.binom.cdf(i + 1, n, 0.5) < 0.95


@pytest.mark.parametrize("name", ["normal", "skewed"])
def test_median_interval_covers_in_simulation(name):
    sampler, _ = SAMPLERS[name]
    rng = np.random.default_rng(6)
    truth = 0.0 if name == "normal" else st.gamma.median(4.0, scale=0.5)
    found = [stats.median_interval(x) for x in sampler(rng, (SIMULATIONS, 12))]
    covered = sum(i.low <= truth <= i.high for i in found)
    assert not surely_below(covered, SIMULATIONS, 0.95), covered / SIMULATIONS


def test_rate_interval_is_clopper_and_pearsons():
    for n in (5, 12, 40):
        for k in range(n + 1):
            found = stats.rate_interval(np.arange(n) < k)
            assert (found.low, found.high) == pytest.approx(proportion_confint(k, n, method="beta"), abs=1e-9)
            assert found.estimate == k / n


@pytest.mark.parametrize("n", [5, 12, 30])
def test_rate_interval_covers_at_least_95_percent_for_every_rate(n):
    found = [stats.rate_interval(np.arange(n) < k) for k in range(n + 1)]
    for p in np.linspace(0.01, 0.99, 99):
        chance = st.binom.pmf(np.arange(n + 1), n, p)
        assert sum(c for c, i in zip(chance, found, strict=True) if i.low <= p <= i.high) >= 0.95


@pytest.mark.parametrize("distance", [0.0, 0.2])
def test_false_verdicts_are_within_nominal(mean_intervals, distance):
    """Truth outside (inside) the region: "held" ("failed") is false, and at most 2.5 % by promise."""
    for (name, n), ends in mean_intervals.items():
        low, high = ends.T
        # For the skewed sample one side may err more, the two together not: so their sum is judged.
        held_above = int((low >= distance).sum())  # region at_least(truth + distance)
        held_below = int((high <= -distance).sum())  # region at_most(truth - distance)
        assert not surely_below(SIMULATIONS - held_above - held_below, SIMULATIONS, 0.95), (name, n)
        failed_below, failed_above = int((high < -distance).sum()), int((low > distance).sum())
        assert not surely_below(SIMULATIONS - failed_below - failed_above, SIMULATIONS, 0.95), (name, n)


def test_true_effects_are_recognised(mean_intervals):
    """The rule decides: one standard deviation inside the region is held, nearly always with 24 seeds."""
    assert (mean_intervals["normal", 24][:, 0] >= -1).mean() > 0.95
    assert (mean_intervals["normal", 10][:, 0] >= -1).mean() > 0.5


def test_range_interval_is_the_range():
    found = stats.range_interval([3.0, 1.0, 2.0])
    assert (found.low, found.estimate, found.high, found.level) == (1.0, 2.0, 3.0, 1.0)


def test_paired_interval_gains_from_the_pairing():
    rng = np.random.default_rng(7)
    seed_effect = rng.normal(0, 10, size=20)
    a, b = seed_effect + 1 + 0.1 * rng.normal(size=20), seed_effect
    found = stats.paired_interval(a, b)
    assert 0.8 < found.low < found.high < 1.2


def test_slopes_agree_with_linregress():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=9), rng.normal(size=(5, 9))
    assert stats.slopes(x, y) == pytest.approx([st.linregress(x, row).slope for row in y])


def test_slopes_take_jax_arrays_lists_and_diverged_seeds():
    import jax.numpy as jnp

    y = np.array([[0.0, 2.0, 4.0], [0.0, np.nan, 1.0]])
    for x in ([0, 1, 2], jnp.arange(3)):
        found = stats.slopes(x, y)
        assert found[0] == pytest.approx(2) and np.isnan(found[1])


def test_holm_agrees_with_statsmodels():
    rng = np.random.default_rng(9)
    for size in (1, 2, 5, 20):
        p = rng.uniform(size=size) ** 3
        assert stats.holm_adjust(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert stats.holm_adjust([0.01, 0.01, 0.5]) == pytest.approx([0.03, 0.03, 0.5])


def test_a_family_errs_in_five_percent_of_families_and_covers_simultaneously(monkeypatch):
    trials, n, names = 250, 12, ("a", "b", "c", "d")
    monkeypatch.setattr(stats, "RESAMPLES", 5_999)
    rng = np.random.default_rng(10)
    rejected = missed = 0
    for _ in range(trials):
        base = rng.normal(size=n)
        arms = {name: base + rng.normal(size=n) for name in names}
        family = stats.paired_family(base, arms)
        rejected += any(c.p_adjusted <= 0.05 for c in family.values())
        missed += any(not c.difference.low <= 0 <= c.difference.high for c in family.values())
    assert not surely_below(trials - rejected, trials, 0.95), rejected / trials
    assert not surely_below(trials - missed, trials, 0.95), missed / trials


def test_a_family_finds_the_arm_that_differs():
    rng = np.random.default_rng(11)
    base = rng.normal(size=16)
    arms = {"same": base + 0.1 * rng.normal(size=16), "more": base + 1 + 0.1 * rng.normal(size=16)}
    family = stats.paired_family(base, arms)
    assert family["more"].p_adjusted < 0.001 < 0.05 < family["same"].p_adjusted
    assert family["more"].difference.low > 0.8
    assert family["more"].difference.level == pytest.approx(0.975)
    assert stats.paired_family(base, {"base": base})["base"].p_adjusted == 1.0


def test_equivalence_agrees_with_two_one_sided_tests():
    rng = np.random.default_rng(12)
    agreed, said = 0, 0
    for _ in range(120):
        a = rng.normal(size=14)
        b = a + rng.normal(0.2, 1.0, size=14)
        ours = stats.equivalent(a, b, margin=1.0)
        theirs = ttost_paired(a, b, -1.0, 1.0)[0] < 0.025
        assert theirs or not ours  # never laxer than the test
        agreed, said = agreed + (ours == theirs), said + ours
    assert agreed >= 108 and 20 < said < 110


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: stats.mean_interval([]), ["0 value(s)", "at least 2", "Run more seeds"]),
        (lambda: stats.mean_interval([1.0]), ["1 value(s)", "at least 2"]),
        (lambda: stats.mean_interval([[1.0, 2.0]]), ["(1, 2)", "(seeds,)", "Reduce"]),
        (lambda: stats.mean_interval([1.0, np.nan, np.inf]), ["[1, 2]", "nan", "mask"]),
        (lambda: stats.mean_interval([True] * 12), ["booleans", "rate"]),
        (lambda: stats.mean_interval([1.0, 2.0], level=95.0), ["95", "between 0 and 1"]),
        (lambda: stats.median_interval([1.0] * 5), ["5 value(s)", "at least 6"]),
        (lambda: stats.median_interval([True] * 12), ["booleans", "rate"]),
        (lambda: stats.rate_interval([]), ["(0,)", "per seed"]),
        (lambda: stats.rate_interval([0.5, 1.0]), ["0.5", "threshold"]),
        (lambda: stats.rate_interval([np.nan, 1.0]), ["nan", "threshold"]),
        (lambda: stats.range_interval([]), ["0 value(s)"]),
        (lambda: stats.paired_interval([1.0, 2.0], [1.0, 2.0, 3.0]), ["2 and 3", "same seeds"]),
        (lambda: stats.slopes([1.0], [[1.0]]), ["(1,)", "2 points"]),
        (lambda: stats.slopes([1.0, 2.0], [1.0, 2.0]), ["(seeds, points)", "(2,)"]),
        (lambda: stats.slopes([1.0, 1.0], [[1.0, 2.0]]), ["1.0", "two different"]),
        (lambda: stats.slopes([1.0, np.nan], [[1.0, 2.0]]), ["nan", "finite"]),
        (lambda: stats.holm_adjust([0.5, 1.5]), ["1.5", "[0, 1]"]),
        (lambda: stats.holm_adjust([]), ["p-values", "0 value(s)"]),
        (lambda: stats.paired_family([1.0, 2.0], {}), ["no arms"]),
        (lambda: stats.equivalent([1.0, 2.0], [1.0, 2.0], 0), ["0", "positive"]),
        (lambda: stats.Interval(0.0, 1.0, -1.0, 3), ["1.0", "-1.0", "swap"]),
        (lambda: stats.Interval(5.0, 0.0, 1.0, 3), ["5.0", "[0.0, 1.0]", "order"]),
        (lambda: stats.Interval(np.nan, 0.0, 1.0, 3), ["nan", "finite"]),
        (lambda: stats.Interval(0.0, np.nan, 1.0, 3), ["nan", "diverged"]),
    ],
)
def test_errors_name_the_value_the_expectation_and_the_next_step(call, parts):
    with pytest.raises(SampleError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_intervals_take_any_number_and_hold_python_floats():
    import jax.numpy as jnp

    found = stats.Interval(np.float32(1), 0, jnp.float32(2), np.int64(7))
    assert [type(v) for v in (found.estimate, found.low, found.high, found.n)] == [float, float, float, int]
    assert found.inside(0, 2) and not found.inside(0.1, 2) and found.outside(2.1, 3) and not found.outside(2, 3)


def test_the_correction_for_resplits_widens_student_by_the_known_factor():
    x = np.random.default_rng(3).normal(size=16)
    found = stats.resampled_interval(x, train=3000, test=2000)
    half = st.t.ppf(0.975, 15) * x.std(ddof=1) / 4
    assert found.high - found.estimate == pytest.approx(half * np.sqrt(1 + 16 * 2 / 3))
    assert found.estimate - found.low == pytest.approx(found.high - found.estimate)


def test_the_correction_for_resplits_covers_new_data_better_than_the_plain_interval():
    """Resplits of one pool, the score being a difference of means: the truth over pools is 0."""
    rng = np.random.default_rng(4)
    plain, corrected = [], []
    for _ in range(300):
        pool = rng.normal(size=100)
        scores = [pool[rng.permutation(100)[60:]].mean() for _ in range(12)]
        wide, narrow = stats.resampled_interval(scores, train=60, test=40), stats.resampled_interval(scores, 10**9, 1)
        corrected.append(wide.inside(-9, 9) and wide.low <= 0 <= wide.high)
        plain.append(narrow.low <= 0 <= narrow.high)
    assert np.mean(plain) < 0.75 and np.mean(corrected) > np.mean(plain) + 0.1


def test_the_correction_for_resplits_needs_two_parts():
    with pytest.raises(SampleError, match="positive sizes"):
        stats.resampled_interval([1.0, 2.0], train=0, test=5)


# Several arms at once


def test_a_hull_reaches_from_the_lowest_to_the_highest_simultaneous_end():
    rng = np.random.default_rng(0)
    arms = {"a": rng.normal(0, 1, 12), "b": rng.normal(3, 2, 12), "c": rng.normal(1, 0.1, 12)}
    hull = stats.hull_interval(arms)
    each = [stats.mean_interval(x, 1 - 0.05 / 3) for x in arms.values()]
    assert (hull.low, hull.high, hull.n) == (min(f.low for f in each), max(f.high for f in each), 12)
    assert hull.level == 0.95 and "3" in hull.method
    alone = stats.hull_interval({"a": arms["a"]})
    assert (alone.estimate, alone.low, alone.high) == pytest.approx(
        [getattr(stats.mean_interval(arms["a"]), k) for k in ("estimate", "low", "high")]
    )


def test_a_hull_contains_every_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    truth = {"a": 0.0, "b": 0.5, "c": -1.0}
    hits = [
        (found := stats.hull_interval({k: rng.normal(m, 1, 12) for k, m in truth.items()})).low <= -1 and found.high >= 0.5
        for _ in range(300)
    ]
    assert np.mean(hits) >= 0.93


def test_the_hull_of_a_smoke_run_reaches_over_all_values():
    arms = {"a": [1.0, 3.0], "b": [2.0, 7.0]}
    each, hull = stats.simultaneous_intervals(arms, scale="smoke"), stats.hull_interval(arms, scale="smoke")
    assert {name: (f.low, f.high) for name, f in each.items()} == {"a": (1, 3), "b": (2, 7)}
    assert (hull.estimate, hull.low, hull.high) == (3.25, 1, 7)  # the average of the arms' means
    assert stats.hull_interval({"a": [1.0], "b": [2.0]}, scale="smoke").high == 2


@pytest.mark.parametrize(
    ("statistic", "method"),
    [("mean", "mean_interval"), ("median", "median_interval"), ("rate", "rate_interval"), ("every", "range_interval")],
)
def test_one_way_from_a_statistic_to_its_interval(statistic, method):
    values = np.arange(12.0) > 4 if statistic == "rate" else np.random.default_rng(0).normal(size=12)
    assert stats.interval(values, statistic) == getattr(stats, method)(values)
    smoke = stats.interval(values[:2], statistic, scale="smoke")
    assert smoke == (stats.rate_interval if statistic == "rate" else stats.range_interval)(values[:2])


def test_an_unknown_statistic_is_named():
    for scale in ("smoke", "laptop"):
        with pytest.raises(SampleError, match="'mode'; expected one of mean, median, rate, every"):
            stats.interval([1.0, 2.0], "mode", scale=scale)


def test_a_hull_of_nothing_or_of_unequal_arms_is_named():
    with pytest.raises(SampleError, match="no arms"):
        stats.hull_interval({})
    with pytest.raises(SampleError, match="a: 3, b: 4 seeds"):
        stats.hull_interval({"a": [1.0, 2, 3], "b": [1.0, 2, 3, 4]})
