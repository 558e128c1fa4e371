"""Hyperparameters at equal budget: random search over stated ranges, every trial kept, the best chosen on validation.

    space = {"learning_rate": tuning.log_range(1e-4, 1.0), "momentum": tuning.linear_range(0.0, 0.99)}
    found = tuning.search(fit, space, keys=chapter.keys("tuning", cfg.seeds), trials=16)
    found.of_best("test")              # (seeds,): the test score of each seed's winner on validation
    found.best_of("test")              # (seeds, trials): what a budget of 1, 2, ... trials is expected to give

Every seed draws its own trials, so that an interval over seeds holds the luck of tuning as well. Two searches with
the same keys draw the same points of the unit cube and are paired.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log
from typing import SupportsFloat

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped
from numpy.typing import ArrayLike
from scipy.special import gammaln
from tqdm.auto import tqdm

EDGE_SHARE = 0.25  # of seeds whose winner lies at an edge of a range, above which the search says so


class TuningError(ValueError):
    """A search cannot be run as asked, or its scores do not fit."""


@dataclass(frozen=True)
class Range:
    """Where a hyperparameter is drawn from: uniform on [low, high], or uniform in its logarithm."""

    low: float
    high: float
    log: bool

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low < self.high and (self.low > 0 or not self.log)):
            positive = "positive " if self.log else ""
            raise TuningError(f"range is {self.low} to {self.high}; expected {positive}finite numbers, the lower one first.")

    def at(self, u: ArrayLike | SupportsFloat) -> Float[np.ndarray, "..."]:
        """The value at the fraction u of the range, any shape."""
        u = np.asarray(u, np.float64)
        if not self.log:
            return np.asarray(self.low + (self.high - self.low) * u)
        return np.asarray(np.exp(log(self.low) + (log(self.high) - log(self.low)) * u))

    def fraction(self, value: ArrayLike | SupportsFloat) -> Float[np.ndarray, "..."]:
        """Where a value lies in the range: 0 at the low end, 1 at the high one; inverse of `at`."""
        value = np.asarray(value, np.float64)
        if not self.log:
            return np.asarray((value - self.low) / (self.high - self.low))
        return np.asarray((np.log(value) - log(self.low)) / (log(self.high) - log(self.low)))


def linear_range(low: SupportsFloat, high: SupportsFloat) -> Range:
    """Uniform on [low, high]."""
    return Range(float(low), float(high), log=False)


def log_range(low: SupportsFloat, high: SupportsFloat) -> Range:
    """Uniform in the logarithm on [low, high]; 0 < low."""
    return Range(float(low), float(high), log=True)


Settings = dict[str, Shaped[np.ndarray, " runs"]]
Fit = Callable[[Settings, Array], Mapping[str, ArrayLike]]


@dataclass(frozen=True)
class Search:
    """All trials of a search.

    space: the ranges. settings, scores: name -> (seeds, trials). `scores["valid"]` is what the winner is chosen on,
    lower is better; a trial where it is not finite has failed: kept, counted, never chosen.
    """

    space: Mapping[str, Range]
    settings: dict[str, Float[np.ndarray, "seeds trials"]]
    scores: dict[str, Shaped[np.ndarray, "seeds trials"]]

    @property
    def failed(self) -> Bool[np.ndarray, "seeds trials"]:
        """Trials without a finite validation score."""
        return ~np.isfinite(self.scores["valid"])

    @property
    def best(self) -> Int[np.ndarray, " seeds"]:
        """Each seed's winner on validation; -1 where every trial failed."""
        ranked = np.where(self.failed, np.inf, self.scores["valid"])
        return np.where(self.failed.all(axis=1), -1, ranked.argmin(axis=1))

    def of_best(self, name: str) -> Float[np.ndarray, " seeds"]:
        """The winner's score, or its setting, of this name; NaN for a seed without a winner."""
        values = self._named(name).astype(np.float64)
        taken = np.take_along_axis(values, np.maximum(self.best, 0)[:, None], axis=1)[:, 0]
        return np.where(self.best < 0, np.nan, taken)

    @property
    def best_settings(self) -> dict[str, Float[np.ndarray, " seeds"]]:
        """Each seed's winning hyperparameters."""
        return {name: self.of_best(name) for name in self.space}

    def best_of(self, name: str, *, failed: SupportsFloat | None = None) -> Float[np.ndarray, "seeds trials"]:
        """Expected score of the winner among k trials, for k = 1, 2, ... trials.

        Column k - 1 is the average over all subsets of k of a seed's trials of the score that the subset's winner on
        validation has: unbiased for the expectation over fresh trials, unlike the plug-in of Dodge et al. (2019);
        the correction is that of Tang et al. (2020).
        failed: the score of a subset in which every trial failed, such as chance; NaN where it is None and can happen.
        """
        values = self._named(name).astype(np.float64)
        trials = values.shape[1]
        order = np.argsort(np.where(self.failed, np.inf, self.scores["valid"]), axis=1, kind="stable")
        ranked = np.take_along_axis(np.where(self.failed, np.nan if failed is None else float(failed), values), order, axis=1)
        weights = subset_weights(trials)
        # 0 * NaN is NaN: a failed trial matters only to the budgets that may end with it.
        return np.stack([np.sum(np.where(w > 0, ranked * w, 0.0), axis=1) for w in weights], axis=1)

    def at_edge(self, share: SupportsFloat = 0.05) -> dict[str, float]:
        """For each hyperparameter, the share of seeds whose winner lies in the outer `share` of its range, at either end."""
        if not 0 < float(share) < 0.5:
            raise TuningError(f"share is {share}; expected a number between 0 and 0.5, the part of the range at each end.")
        won = self.best >= 0
        where = {name: self.space[name].fraction(self.of_best(name)[won]) for name in self.space}
        return {name: float(np.mean(np.minimum(u, 1 - u) < float(share))) if won.any() else 0.0 for name, u in where.items()}

    def _named(self, name: str) -> np.ndarray:
        found = self.scores.get(name, self.settings.get(name))
        if found is None:
            raise TuningError(
                f"name is {name!r}; expected a score ({', '.join(self.scores)}) or a hyperparameter ({', '.join(self.settings)})."
            )
        return found


def subset_weights(trials: int) -> Float[np.ndarray, "trials trials"]:
    """Row k - 1: the chance that the i-th best of `trials` is the best of a random subset of k of them."""
    weights = np.zeros((trials, trials))
    for k in range(1, trials + 1):
        for i in range(trials - k + 1):  # the k - 1 others come from the trials - 1 - i worse ones
            weights[k - 1, i] = exp(_log_choose(trials - 1 - i, k - 1) - _log_choose(trials, k))
    return weights


def _log_choose(n: int, k: int) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def search(
    fit: Fit,
    space: Mapping[str, Range],
    *,
    keys: Array,
    trials: int,
    at_once: int | None = None,
    label: str = "",
    stratified: bool = False,
) -> Search:
    """Random search: `trials` settings for each seed, drawn uniformly from the ranges, all of them run and kept.

    fit: (settings, keys) -> scores. settings: dict name -> (runs,); keys: (runs,), one for each run, different for each
        trial. Scores: a mapping name -> (runs,) with "valid" (lower is better, on validation data only) and whatever
        else is to be kept, such as "test". Write it as one vmapped call (`training.train(..., settings=settings)`).
    space: name -> range. keys: shape (seeds,); the same keys in another search give the same draws.
    at_once: at most this many runs in one call of `fit`, with a progress bar; all of them if None.
    stratified: draw a Latin hypercube (McKay, Beckman and Conover 1979): each range is cut into `trials` equal parts and
        holds one draw in each. With few trials this keeps the luck of the extremes out of a comparison of arms.
    Says on the page when more than a quarter of the winners lie at an edge: the range was too narrow.
    Raises TuningError for an empty space, no trials, or scores that do not fit.
    """
    if not space or trials < 1:
        raise TuningError(f"space has {len(space)} ranges and trials is {trials}; expected at least one of each.")
    seeds = keys.shape[0]
    runs = seeds * trials
    if at_once is not None and at_once < 1:
        raise TuningError(f"at_once is {at_once}; expected a positive number of runs, or None for all {runs}.")
    settings = _draw(space, keys, trials, stratified)
    run_keys = jax.vmap(lambda key: jax.random.split(jax.random.fold_in(key, 1), trials))(keys).reshape(runs)
    flat = {name: values.reshape(runs) for name, values in settings.items()}
    size = at_once or runs
    parts = []
    for start in tqdm(range(0, runs, size), desc=label, disable=runs <= size, leave=False):
        # The last part is filled up with the first runs, so that every call has one shape and `fit` compiles once.
        rows = np.arange(start, start + size) % runs
        found = _checked(fit({name: values[rows] for name, values in flat.items()}, run_keys[rows]), size)
        parts.append({name: values[: min(size, runs - start)] for name, values in found.items()})
    scores = {name: np.concatenate([part[name] for part in parts]).reshape(seeds, trials) for name in parts[0]}
    result = Search(dict(space), settings, scores)
    _warn(result, label)
    return result


def _draw(space: Mapping[str, Range], keys: Array, trials: int, stratified: bool) -> dict[str, Float[np.ndarray, "seeds trials"]]:
    """Settings of all trials. The place in the unit cube depends on the key and the range's position alone."""
    shape = (len(space), trials)
    cube = np.asarray(jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, 0), shape))(keys), np.float64)
    if stratified:  # which part of its range each trial gets: every part once, in an order of its own for each range
        parts = np.broadcast_to(np.arange(trials), shape)
        order = jax.vmap(lambda key: jax.random.permutation(jax.random.fold_in(key, 2), parts, axis=1, independent=True))(keys)
        cube = (np.asarray(order) + cube) / trials
    return {name: scale.at(cube[:, i]) for i, (name, scale) in enumerate(space.items())}


def _checked(scores: Mapping[str, ArrayLike], runs: int) -> dict[str, np.ndarray]:
    if "valid" not in scores:
        raise TuningError(f"fit returned {sorted(scores)}; expected a score 'valid' among them, lower is better.")
    found = {name: np.asarray(values) for name, values in scores.items()}
    for name, values in found.items():
        if values.shape != (runs,):
            raise TuningError(f"score {name!r} has shape {values.shape}; expected one number for each of {runs} runs.")
    return found


def _warn(found: Search, label: str) -> None:
    """Tell on the page what a reader should know of a search before believing its winner."""
    name = f"{label}: " if label else ""
    if found.failed.any():
        print(f"{name}{int(found.failed.sum())} of {found.failed.size} trials failed", file=sys.stdout)
    for parameter, share in found.at_edge().items():
        if share > EDGE_SHARE and len(found.best) > 1:
            scale = found.space[parameter]
            print(f"{name}{share:.0%} of the winners have {parameter} at an edge of {scale.low:g} to {scale.high:g}; widen it")
