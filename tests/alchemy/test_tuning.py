"""Tuning: random search that keeps every trial, chooses on validation, and says what a budget is worth."""

from __future__ import annotations

from itertools import combinations

import jax
import numpy as np
import pytest
import scipy.stats as st
from alchemy import training, tuning
from alchemy.tuning import TuningError, linear_range, log_range, search

SPACE = {"rate": log_range(1e-3, 10.0), "beta": linear_range(0.0, 1.0)}


def keys(seeds: int, of: int = 1):
    return jax.random.split(jax.random.key(of), seeds)


def bowl(settings, keys):
    """Best at rate 0.1; the test score tells where a trial stands, so that mix-ups show."""
    return {"valid": np.log(settings["rate"] / 0.1) ** 2, "test": settings["rate"], "beta_seen": settings["beta"]}


def found(seeds: int = 5, trials: int = 8, **options):
    return search(bowl, SPACE, keys=keys(seeds), trials=trials, **options)


# Ranges


@pytest.mark.parametrize("scale", [log_range(1e-4, 3.0), linear_range(-2, 5)])
def test_a_range_and_its_fractions_are_inverse(scale):
    u = np.linspace(0, 1, 7)
    assert scale.fraction(scale.at(u)) == pytest.approx(u)
    assert scale.at([0, 1]) == pytest.approx([scale.low, scale.high])


def test_the_middle_of_a_logarithmic_range_is_its_geometric_mean():
    assert log_range(1e-4, 1.0).at(0.5) == pytest.approx(1e-2)
    assert linear_range(1, 4).at(0.5) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("make", "low", "high", "part"),
    [
        (log_range, 0.0, 1.0, "positive"),
        (log_range, -1, 1, "positive"),
        (linear_range, 2, 1, "lower one first"),
        (linear_range, 1, 1, "1.0 to 1.0"),
        (linear_range, 0, np.inf, "finite"),
        (log_range, np.nan, 1, "nan"),
    ],
)
def test_ranges_that_are_none_are_named(make, low, high, part):
    with pytest.raises(TuningError, match=part):
        make(low, high)


# Draws


def test_trials_are_uniform_in_their_ranges_and_different_for_every_seed():
    out = found(50, 40)
    for name, scale in SPACE.items():
        u = scale.fraction(out.settings[name])
        assert u.shape == (50, 40) and len(np.unique(u)) > 1990
        assert st.kstest(u.ravel(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(np.log(out.settings["rate"]).ravel(), out.settings["beta"].ravel())[0, 1]) < 0.1


def test_the_same_keys_draw_the_same_points_in_another_space():
    other = search(bowl, {"rate": log_range(1.0, 2.0), "beta": linear_range(5, 6)}, keys=keys(3), trials=4)
    same = found(3, 4)
    assert other.space["rate"].fraction(other.settings["rate"]) == pytest.approx(SPACE["rate"].fraction(same.settings["rate"]))
    different = search(bowl, SPACE, keys=keys(3, of=2), trials=4)
    assert not np.allclose(different.settings["rate"], same.settings["rate"])


def test_stratified_draws_have_one_in_each_equal_part_of_every_range():
    out = found(200, 5, stratified=True)
    parts = {name: np.floor(scale.fraction(out.settings[name]) * 5).astype(int) for name, scale in SPACE.items()}
    for name, scale in SPACE.items():
        assert (np.sort(parts[name], axis=1) == np.arange(5)).all()
        assert st.kstest(scale.fraction(out.settings[name]).ravel(), "uniform").pvalue > 1e-3
        inside = scale.fraction(out.settings[name]) * 5 % 1
        assert st.kstest(inside.ravel(), "uniform").pvalue > 1e-3, "random within its part"
    # A trial's parts in two ranges are independent: all 25 pairs are met.
    pairs = np.bincount((parts["rate"] * 5 + parts["beta"]).ravel(), minlength=25)
    assert st.chisquare(pairs).pvalue > 1e-3


def test_stratified_draws_depend_on_the_seed_and_leave_the_default_as_it_was():
    once, twice, plain = found(stratified=True), found(stratified=True), found()
    assert once.settings["rate"] == pytest.approx(twice.settings["rate"])
    assert len(np.unique(once.settings["rate"])) == 40
    u = jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, 0), (2, 8)))(keys(5))
    assert plain.settings["rate"] == pytest.approx(SPACE["rate"].at(u[:, 0]), rel=1e-12), "numbers of other pages rest on it"


def test_every_run_has_its_own_key_and_its_own_setting():
    seen = []

    def fit(settings, run_keys):
        seen.append((settings, np.asarray(jax.random.key_data(run_keys))))
        return {"valid": settings["rate"] * 10 + np.arange(12)}

    out = search(fit, SPACE, keys=keys(3), trials=4)
    settings, data = seen[0]
    assert len(seen) == 1 and len(np.unique(data, axis=0)) == 12
    assert out.scores["valid"] == pytest.approx((settings["rate"] * 10 + np.arange(12)).reshape(3, 4))
    assert out.settings["rate"] == pytest.approx(settings["rate"].reshape(3, 4))


@pytest.mark.parametrize("at_once", [1, 7, 16, 40, 100])
def test_how_many_run_at_once_changes_nothing(at_once):
    sizes = []

    def fit(settings, run_keys):
        sizes.append(len(run_keys))
        return bowl(settings, run_keys) | {"noise": np.asarray(jax.vmap(jax.random.uniform)(run_keys))}

    parts, whole = (search(fit, SPACE, keys=keys(5), trials=8, at_once=n) for n in (at_once, None))
    assert set(sizes[:-1]) == {at_once}, "one shape, one compilation"
    assert parts.scores.keys() == whole.scores.keys()
    for name in whole.scores:
        assert parts.scores[name] == pytest.approx(whole.scores[name])


def test_it_goes_through_training_in_one_compiled_scan():
    def fit(settings, run_keys):
        run = training.train(
            lambda key, s: np.float32(1.0), lambda w, key, s: (w - s["rate"] * w, None), run_keys, steps=3, settings=settings
        )
        return {"valid": np.asarray(run.final) ** 2}

    out = search(fit, {"rate": linear_range(0, 1)}, keys=keys(2), trials=3)
    assert out.scores["valid"] == pytest.approx((1 - out.settings["rate"]) ** 6, rel=1e-4)


# Winners


def test_the_winner_has_the_lowest_validation_score_and_brings_its_own_test_score():
    out = found()
    for seed in range(5):
        winner = np.argmin(out.scores["valid"][seed])
        assert out.best[seed] == winner
        assert out.of_best("test")[seed] == out.settings["rate"][seed, winner] == out.best_settings["rate"][seed]
        assert out.of_best("beta_seen")[seed] == out.best_settings["beta"][seed]


def failing(settings, keys):
    """Fails above rate 1, in all trials of the last four runs."""
    valid = np.where(settings["rate"] > 1, np.nan, np.log(settings["rate"] / 0.1) ** 2)
    valid[-4:] = [np.nan, np.inf, -np.inf, np.nan]
    return {"valid": valid, "test": np.where(np.isfinite(valid), settings["rate"], np.nan)}


def test_failed_trials_are_kept_counted_and_never_chosen(capsys):
    out = search(failing, SPACE, keys=keys(6), trials=4, label="adam")
    assert out.failed.shape == (6, 4) and out.failed[-1].all() and out.best[-1] == -1
    assert np.isnan(out.of_best("test")[-1]) and np.isfinite(out.of_best("test")[:-1][~out.failed[:-1].all(1)]).all()
    assert f"adam: {out.failed.sum()} of 24 trials failed" in capsys.readouterr().out


# The worth of a budget


def test_the_worth_of_a_budget_is_the_average_over_all_subsets():
    out = found(3, 6)
    worth = out.best_of("test")
    for seed in range(3):
        for k in range(1, 7):
            winners = [min(subset, key=lambda i: out.scores["valid"][seed, i]) for subset in combinations(range(6), k)]
            assert worth[seed, k - 1] == pytest.approx(out.scores["test"][seed, winners].mean())
    assert worth[:, -1] == pytest.approx(out.of_best("test"))


def test_the_worth_of_a_budget_is_unbiased():
    """The best of 3 of 3 fresh trials, on average, is what the curve from 12 trials says at k = 3."""
    wide, narrow = found(4000, 12).best_of("valid")[:, 2], found(4000, 3).of_best("valid")
    spread = np.hypot(wide.std(), narrow.std()) / np.sqrt(4000)
    assert abs(wide.mean() - narrow.mean()) < 4 * spread


def test_a_budget_that_may_end_with_nothing_is_worth_the_score_of_failure():
    valid = np.array([[np.nan, 1.0, np.nan]])
    out = tuning.Search({}, {}, {"valid": valid, "test": np.array([[np.nan, 0.9, np.nan]])})
    assert out.best_of("test", failed=0.1)[0] == pytest.approx([(0.9 + 0.1 + 0.1) / 3, (0.9 + 0.9 + 0.1) / 3, 0.9])
    assert np.isnan(out.best_of("test")[0, :2]).all() and out.best_of("test")[0, 2] == pytest.approx(0.9)


@pytest.mark.parametrize("trials", [1, 2, 9, 300])
def test_subset_weights_are_probabilities(trials):
    weights = tuning.subset_weights(trials)
    assert weights.sum(axis=1) == pytest.approx(np.ones(trials)) and (weights >= 0).all()


# Edges


def test_winners_at_an_edge_are_told(capsys):
    def more(settings, keys):
        return {"valid": -settings["rate"]}

    out = search(more, {"rate": log_range(0.1, 1.0), "beta": linear_range(0, 1)}, keys=keys(20), trials=60, label="SGD")
    u = out.space["rate"].fraction(out.best_settings["rate"])
    assert out.at_edge()["rate"] == pytest.approx(np.mean(u > 0.95)) and out.at_edge()["rate"] > 0.8
    printed = capsys.readouterr().out
    assert "SGD" in printed and "rate at an edge of 0.1 to 1" in printed and "beta" not in printed
    found(20, 20)
    assert "edge" not in capsys.readouterr().out


# Errors


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (dict(trials=0), ["trials is 0"]),
        (dict(space={}), ["0 ranges"]),
        (dict(at_once=0), ["at_once is 0", "40"]),
        (dict(fit=lambda s, k: {"test": s["rate"]}), ["'test'", "'valid'"]),
        (dict(fit=lambda s, k: {"valid": np.ones(3)}), ["'valid'", r"(3,)", "40 runs"]),
    ],
)
def test_what_does_not_fit_is_named(change, parts):
    with pytest.raises(TuningError) as caught:
        search(**(dict(fit=bowl, space=SPACE, keys=keys(5), trials=8) | change))
    for part in parts:
        assert part in str(caught.value)


def test_unknown_scores_and_shares_are_named():
    with pytest.raises(TuningError, match="'accuracy'; expected a score .valid, test, beta_seen. or a hyperparameter"):
        found().of_best("accuracy")
    for share in (0.0, 0.5):
        with pytest.raises(TuningError, match=f"share is {share}"):
            found().at_edge(share)
