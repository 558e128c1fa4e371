"""Claims, registered before the run, and the verdicts that a rule gives them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, SupportsFloat, SupportsInt, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from alchemy import stats
from alchemy.claims.layout import card
from alchemy.claims.regions import ClaimError, Region, number
from alchemy.words import KINDS, SIDE_SIGNS, SIDES, Word, finite

STATISTIC_TEXT = {
    "mean": "mean over {n} seeds, 95 % interval",
    "median": "median over {n} seeds, 95 % interval",
    "rate": "fraction of {n} seeds, 95 % interval",
    "every": "all {n} values must lie in the region",
}
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Bet:
    """A reader's interval for the estimate, and how sure they are that it will contain it."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Verdict:
    """What the run found for one claim. `word` follows from `interval` and the claim's region by rule."""

    id: str
    word: Word
    interval: stats.Interval
    values: tuple[float, ...]
    diverged: int
    scale: str
    attempt: int
    note: str = ""

    @property
    def diverged_fraction(self) -> float:
        """Diverged runs over all runs."""
        return self.diverged / max(1, self.diverged + self.interval.n)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.id}: {self.word}, {interval_text(self.interval)}, n = {self.interval.n}"

    def _ipython_display_(self) -> None:
        """Nothing: `judge` has shown the card, and a cell's last line would show it again."""


def interval_text(interval: stats.Interval) -> str:
    """`estimate [low, high]` with enough decimals to tell the ends apart."""
    ends = [v for v in (interval.low, interval.high, interval.estimate) if np.isfinite(v)]
    width, largest = max(ends) - min(ends), max(abs(v) for v in ends)
    digits = 3 if width == 0 or largest == 0 else max(3, int(np.ceil(np.log10(largest / width))) + 2)
    low, high = number(interval.low, digits), number(interval.high, digits)
    return f"{number(interval.estimate, digits)} [{low}, {high}]"


@runtime_checkable
class Keeper(Protocol):
    """What a claim asks of the ledger that holds it."""

    def bet(self, claim: Claim, bet: Bet) -> Bet:
        """Keep a reader's bet."""

    def judge(self, claim: Claim, values: ArrayLike | float | stats.Interval, diverged: ArrayLike | None) -> Verdict:
        """Judge a registered claim, once."""


@dataclass(frozen=True)
class Claim:
    """One registered sentence with the measurement, the region and the number of seeds that decide it.

    Made by `claim(...)`, which enters it in the chapter's ledger. Show it (last line of a cell) for its card.
    """

    id: str
    side: str
    kind: str
    says: str
    measure: str
    holds: Region
    seeds: SupportsInt
    statistic: str = "mean"
    may_diverge: float | int = 0.0
    source: str | None = None
    refuted_by: str | None = None
    ledger: Keeper | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ClaimError(
                f"claim id {self.id!r} is not of the form 'chapter-slug/claim-slug' "
                "(lower case letters, digits and hyphens, one slash)."
            )
        for name, value, allowed in (
            ("side", self.side, SIDES),
            ("kind", self.kind, KINDS),
            ("statistic", self.statistic, tuple(STATISTIC_TEXT)),
        ):
            if value not in allowed:
                raise ClaimError(f"claim {self.id}: {name} is {value!r}; expected one of {', '.join(allowed)}.")
        if not isinstance(self.holds, Region):
            raise ClaimError(
                f"claim {self.id}: holds is {self.holds!r}; expected between(low, high), at_least(low) or at_most(high)."
            )
        if not (isinstance(self.seeds, int | np.integer) and self.seeds >= 1):
            raise ClaimError(f"claim {self.id}: seeds is {self.seeds!r}; expected the planned number of values, >= 1.")
        if not 0 <= self.may_diverge < 1:
            raise ClaimError(
                f"claim {self.id}: may_diverge is {self.may_diverge!r}; expected the fraction of runs, "
                "0 to below 1, that may diverge without leaving the claim undecided."
            )
        object.__setattr__(self, "seeds", int(self.seeds))
        for name in ("says", "measure"):
            if not getattr(self, name).strip():
                raise ClaimError(f"claim {self.id}: {name} is empty; write the sentence that the run will test.")

    def decide(self, interval: stats.Interval, diverged: int = 0) -> Word:
        """The rule: interval inside the region -> held, outside -> failed, across its border -> undecided.

        A universal claim (statistic "every") is failed by one value outside. Otherwise more diverged runs than
        registered leave it undecided: survivors are a selected sample, for and against.
        """
        region = self.holds
        inside = interval.inside(region.low, region.high)
        if self.statistic == "every" and not inside:
            return "failed"
        if diverged > self.may_diverge * (diverged + interval.n):
            return "undecided"
        if inside:
            return "held"
        return "failed" if interval.outside(region.low, region.high) else "undecided"

    def judge(self, values: ArrayLike | float | stats.Interval, *, diverged: ArrayLike | None = None) -> Verdict:
        """Judge the claim, once, and show its verdict card.

        values: one value per seed, shape (seeds,) (booleans for a rate); or a stats.Interval that the
            chapter computed itself, for example one of a simultaneous family.
        diverged: optional mask, shape (seeds,): True where that seed's run diverged. Its value is left
            out of the estimate and counted on the card; in a rate, a diverged run is a failure.
        Raises ClaimError if the claim was judged before, if the seeds given are not as many as registered
        (at laptop or gpu scale), or if a given interval has a lower level than 95 %;
        stats.SampleError if the sample is empty or not finite.
        """
        if self.ledger is None:
            raise ClaimError(f"claim {self.id} is in no ledger; register it with claim(...) before the experiment.")
        return self.ledger.judge(self, values, diverged)

    def measured(
        self, values: ArrayLike | float | stats.Interval, diverged: ArrayLike | None, scale: str
    ) -> tuple[stats.Interval, tuple[float, ...], int]:
        """The interval, the values it rests on, and the number of diverged runs."""
        if isinstance(values, stats.Interval):
            lost = 0 if diverged is None else int(np.sum(diverged))
            if values.level < stats.LEVEL:
                raise ClaimError(
                    f"claim {self.id}: the interval has level {values.level}; expected {stats.LEVEL} or more, "
                    "as for every claim. Compute it again at that level."
                )
            self._check_seeds(values.n + lost, scale)
            return values, (), lost
        x = np.atleast_1d(np.asarray(values))
        if x.ndim != 1:
            raise ClaimError(
                f"claim {self.id}: the values have shape {x.shape}; expected one value per seed, shape (seeds,). "
                "Reduce the other axes as the registered measure says."
            )
        mask = np.zeros(x.shape[:1], bool) if diverged is None else np.asarray(diverged, bool)
        if mask.shape != x.shape:
            raise ClaimError(
                f"claim {self.id}: the diverged mask has shape {mask.shape} and the values {x.shape}; "
                "expected one of each per seed."
            )
        self._check_seeds(x.size, scale)
        if self.statistic == "rate":
            # A run that blew up did not succeed; leaving it out would make a rate of the survivors.
            x, mask = np.where(mask, False, x), np.zeros_like(mask)
        kept = x[~mask]
        if kept.size == 0 and scale == "smoke":
            # At this scale a run may be too short to arrive anywhere; the notebook still has to run through.
            return stats.Interval(0.0, -np.inf, np.inf, x.size, "every run diverged"), (), int(mask.sum())
        if kept.size == 0:
            raise ClaimError(f"claim {self.id}: all {x.size} runs diverged; nothing is left to estimate.")
        try:
            interval = stats.interval(kept, self.statistic, scale=scale)
        except stats.SampleError as error:
            raise stats.SampleError(f"claim {self.id}: {error}") from None
        return interval, tuple(float(v) for v in kept), int(mask.sum())

    def _check_seeds(self, given: int, scale: str) -> None:
        # More is refused like fewer: adding seeds until a verdict pleases is how false ones are made.
        if given != self.seeds and scale != "smoke":
            raise ClaimError(
                f"claim {self.id}: {given} value(s) for {self.seeds} registered seeds; judge exactly the registered "
                "seeds, diverged ones through the mask, or register another number before the run."
            )

    def predict(self, low: SupportsFloat, high: SupportsFloat, confidence: float) -> Bet:
        """Bet, before the verdict: with this confidence the estimate will lie in [low, high]."""
        if not low < high:
            raise ClaimError(f"bet on {self.id}: [{low}, {high}] is empty; expected low < high.")
        if not 0.5 <= confidence < 1:
            raise ClaimError(f"bet on {self.id}: confidence is {confidence}; expected 0.5 to below 1, for example 0.8.")
        if self.ledger is None:
            raise ClaimError(f"claim {self.id} is in no ledger; register it with claim(...) first.")
        return self.ledger.bet(self, Bet(float(low), float(high), float(confidence)))

    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready copy of the registration."""
        copy = {k: v for k, v in self.__dict__.items() if k not in ("ledger", "holds")}
        return copy | {"seeds": int(self.seeds), "holds": finite([self.holds.low, self.holds.high])}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The card of the claim before its experiment."""
        plan = STATISTIC_TEXT[self.statistic].format(n=self.seeds)
        if self.may_diverge:
            plan += f"; up to {self.may_diverge:.0%} of the runs may diverge"
        facts = [("Holds if", str(self.holds)), ("Measure", self.measure), ("Decided by", plan)]
        facts += [("Source", self.source)] if self.source else []
        facts += [("Refuted by", self.refuted_by)] if self.refuted_by else []
        return card(
            "claim",
            self.id,
            self.says,
            f"{SIDE_SIGNS[self.side]} {self.side} · {self.kind} · registered",
            facts,
            classes=f"side-{self.side}",
        )

    def __str__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]
