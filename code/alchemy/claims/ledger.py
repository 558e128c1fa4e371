"""The ledger of one run: what was registered, bet and found; and the committed words it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alchemy import stats
from alchemy.claims.model import Bet, Claim, Verdict, interval_text
from alchemy.claims.regions import ClaimError, Region
from alchemy.words import NOT_JUDGED, Word, ends, finite


@dataclass
class Ledger:
    """Claims and verdicts of one process, in order of registration.

    references: the intervals of the GPU record by claim id, drawn beside the live result.
    show: called with each new verdict, to display its card; report: called with each value for prose.
    """

    scale: str
    references: Mapping[str, stats.Interval] = field(default_factory=dict)
    show: Callable[[Claim, Verdict, Ledger], None] | None = None
    report: Callable[[str, str], None] | None = None
    claims: dict[str, Claim] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    bets: dict[str, Bet] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)

    def register(self, claim: Claim) -> Claim:
        """Enter a claim. Entering an identical one again opens it for a new, counted, attempt."""
        known = self.claims.get(claim.id)
        if known is not None and known != claim:
            raise ClaimError(
                f"claim {claim.id} is already registered with another text, region or number of seeds. "
                "A claim does not change after registration: restart the kernel, or give the new claim a new id."
            )
        entered = replace(claim, ledger=self)
        self.claims[claim.id] = entered
        # The card carries the attempt, so that a verdict reached by trying again is seen to be one.
        self.verdicts.pop(claim.id, None)
        self.bets.pop(claim.id, None)
        return entered

    def bet(self, claim: Claim, bet: Bet) -> Bet:
        """Keep the reader's bet; refused once the verdict is known."""
        if claim.id in self.verdicts:
            raise ClaimError(f"claim {claim.id} is judged already; a bet comes before the verdict.")
        self.bets[claim.id] = bet
        return bet

    def judge(self, claim: Claim, values: ArrayLike | float | stats.Interval, diverged: ArrayLike | None) -> Verdict:
        """Judge a registered claim once; see Claim.judge."""
        if self.claims.get(claim.id) != claim:
            raise ClaimError(
                f"claim {claim.id} is not registered in this ledger; known: {', '.join(self.claims) or 'none'}. "
                "Register it with claim(...) in a cell before the experiment."
            )
        if claim.id in self.verdicts:
            raise ClaimError(
                f"claim {claim.id} was judged already ({self.verdicts[claim.id].word}). Judging twice would be "
                "choosing a verdict: run the registering cell again to open a new, counted, attempt."
            )
        interval, kept, lost = claim.measured(values, diverged, self.scale)
        smoke = self.scale == "smoke"
        word: Word = NOT_JUDGED if smoke else claim.decide(interval, lost)
        failures = 0 if diverged is None else int(np.sum(diverged))
        note = "smoke: not judged" if smoke else self._note(claim, interval, lost, failures)
        attempt = self.attempts[claim.id] = self.attempts.get(claim.id, 0) + 1
        verdict = Verdict(claim.id, word, interval, kept, lost, self.scale, attempt, note)
        self.verdicts[claim.id] = verdict
        if self.report is not None:
            self._report(verdict)
        if self.show is not None:
            self.show(claim, verdict, self)
        return verdict

    @staticmethod
    def _note(claim: Claim, interval: stats.Interval, lost: int, diverged: int) -> str:
        if lost > claim.may_diverge * (lost + interval.n):
            return f"{lost} diverged run(s), more than registered: undecided"
        if diverged > lost:
            return f"{diverged} diverged run(s), counted as failures"
        if interval.method == "constant over seeds":
            return "every seed gave the same value"
        return ""

    def _report(self, verdict: Verdict) -> None:
        found = verdict.interval
        text = interval_text(found)
        self.report(verdict.id, text)
        estimate, low, high = text.replace("[", "").replace("]", "").replace(",", "").split(" ")
        for name, value in (
            ("estimate", estimate),
            ("low", low),
            ("high", high),
            ("n", str(found.n)),
            ("word", verdict.word),
            ("diverged", str(verdict.diverged)),
        ):
            self.report(f"{verdict.id}/{name}", value)

    def open(self) -> list[str]:
        """Ids of the claims that are registered and not yet judged."""
        return [name for name in self.claims if name not in self.verdicts]

    def rows(self) -> list[dict[str, Any]]:
        """One JSON-ready row a claim: the registration, the verdict, and the reference where there is one."""
        rows = []
        for name, claim in self.claims.items():
            verdict, reference = self.verdicts.get(name), self.references.get(name)
            rows.append(
                {
                    "claim": claim.as_dict(),
                    "verdict": None if verdict is None else finite(verdict.as_dict()),
                    "reference": None if reference is None else finite(reference.__dict__),
                }
            )
        return rows


@dataclass(frozen=True)
class Difference:
    """A claim whose word is not the committed one. `explain()` prints what a reviewer needs."""

    id: str
    committed: str | None
    found: str | None
    row: Mapping[str, Any] | None

    def explain(self) -> str:
        """One line: the claim, both words, the live interval, the region, and the record's interval."""
        if self.found is None:
            return f"{self.id}: committed as {self.committed!r}, but no run judged it."
        claim, verdict, reference = (self.row or {}).get("claim"), (self.row or {}).get("verdict"), None
        text = f"{self.id}: committed {self.committed or 'nothing'}, found {self.found}"
        if claim and verdict:
            region = Region(*ends(*claim["holds"]))
            text += f"; interval {interval_text(interval_from(verdict['interval']))}, region {region}"
            reference = (self.row or {}).get("reference")
        if reference:
            text += f"; GPU record {interval_text(interval_from(reference))}"
        return text


def interval_from(row: Mapping[str, Any]) -> stats.Interval:
    """The Interval of a JSON row (None for an infinite end)."""
    return stats.Interval(
        row["estimate"], *ends(row["low"], row["high"]), row["n"], row.get("method", "given"), row.get("level", stats.LEVEL)
    )


def words(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Claim id -> verdict word, as a chapter's expected words."""
    return {r["claim"]["id"]: r["verdict"]["word"] for r in rows if r["verdict"]}


def compare(committed: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> list[Difference]:
    """Every claim whose verdict word differs from the committed one, or that only one side knows."""
    by_id = {row["claim"]["id"]: row for row in rows}
    found = words(by_id.values())
    return [
        Difference(name, committed.get(name), found.get(name), by_id.get(name))
        for name in sorted(committed | found)
        if committed.get(name) != found.get(name)
    ]
