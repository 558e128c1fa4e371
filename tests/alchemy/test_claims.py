"""Claims: registration, the rule that judges, what is refused, and the committed ledger."""

from __future__ import annotations

import json

import numpy as np
import pytest
from alchemy import stats
from alchemy.claims import (
    Claim,
    ClaimError,
    Ledger,
    Region,
    at_least,
    at_most,
    between,
    compare,
    interval_from,
    interval_text,
    number,
    words,
)

ANYTHING = dict(side="rigor", kind="experiment", says="It grows.", measure="growth, one value a seed", seeds=12)


def made(id: str = "topic/grows", **changes) -> Claim:
    return Claim(id, **(ANYTHING | {"holds": at_least(0)} | changes))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("laptop")


def spread(centre: float, n: int = 12) -> np.ndarray:
    """n values around `centre`; their mean's interval is about centre +- 0.3."""
    return centre + np.linspace(-0.8, 0.8, n)


# Regions and numbers


@pytest.mark.parametrize(
    ("region", "low", "high", "word"),
    [
        (between(0, 1), 0.2, 0.8, "held"),
        (between(0, 1), 0.0, 1.0, "held"),  # the border belongs to the region
        (between(0, 1), 1.0, 2.0, "undecided"),  # and one shared point is enough not to be outside
        (between(0, 1), -1.0, 0.0, "undecided"),
        (between(0, 1), 1.0000001, 2.0, "failed"),
        (between(0, 1), -2.0, -1.0, "failed"),
        (between(0, 1), -1.0, 0.5, "undecided"),
        (between(0, 1), -1.0, 2.0, "undecided"),  # wider than the region
        (between(0, 1), -np.inf, np.inf, "undecided"),
        (at_least(1), 1.0, np.inf, "held"),
        (at_least(1), -np.inf, 0.5, "failed"),
        (at_least(1), 0.5, 1e300, "undecided"),
        (at_most(1), -np.inf, 1.0, "held"),
        (at_most(1), 1.5, np.inf, "failed"),
        (at_most(1), -np.inf, 1.5, "undecided"),
    ],
)
def test_inside_is_held_outside_failed_across_undecided(region, low, high, word):
    middle = np.clip(0.0, low, high)
    assert made(holds=region).decide(stats.Interval(middle, low, high, 12)) == word


@pytest.mark.parametrize(("values", "word"), [([0, 1, 2], "held"), ([1, 2, -0.001], "failed"), ([-3, -1, -2], "failed")])
def test_every_fails_by_one_value_outside(ledger, values, word):
    claim = ledger.register(made(statistic="every", seeds=3))
    assert claim.judge(values).word == word


@pytest.mark.parametrize(
    "make",
    [
        lambda: between(1, 0),
        lambda: between(1, 1),
        lambda: between(np.nan, 1),
        lambda: Region(-np.inf, np.inf),
        lambda: at_least(np.nan),
        lambda: at_least(np.inf),
    ],
)
def test_regions_that_cannot_decide_are_refused(make):
    with pytest.raises(ClaimError, match="region"):
        make()


def test_regions_say_themselves():
    assert [str(r) for r in (between(0.95, 1.1), at_least(2), at_most(-0.5))] == [
        "between 0.95 and 1.1",
        "at least 2",
        "at most -0.5",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.12345, "0.123"),
        (123.456, "123"),
        (12345.6, "12346"),
        (0.000123, "1.23e-04"),
        (123456.0, "1.23e+05"),
        (-0.05, "-0.05"),
        (np.inf, "∞"),
        (-np.inf, "-∞"),
        (np.float32(0.5), "0.5"),
        (100, "100"),
    ],
)
def test_numbers_as_a_person_writes_them(value, text):
    assert number(value) == text


def test_interval_text_keeps_enough_digits_to_tell_the_ends_apart():
    assert interval_text(stats.Interval(1.0001, 1.00005, 1.00015, 9)) == "1.0001 [1.00005, 1.00015]"
    assert interval_text(stats.Interval(1.02, 0.99, 1.05, 9)) == "1.02 [0.99, 1.05]"
    assert interval_text(stats.Interval(0, 0, 0, 9)) == "0 [0, 0]"
    assert interval_text(stats.Interval(1, -np.inf, np.inf, 5)) == "1 [-∞, ∞]"


# Registration


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (dict(id="Topic/x"), ["'Topic/x'", "chapter-slug/claim-slug"]),
        (dict(id="no-slash"), ["'no-slash'"]),
        (dict(side="theory"), ["'theory'", "rigor, practice, neither"]),
        (dict(kind="guess"), ["'guess'", "theorem, experiment"]),
        (dict(statistic="max"), ["'max'", "mean, median, rate, every"]),
        (dict(seeds=0), ["0", ">= 1"]),
        (dict(seeds=2.5), ["2.5", "number of values"]),
        (dict(may_diverge=1.0), ["1.0", "fraction"]),
        (dict(may_diverge=-0.1), ["-0.1", "fraction"]),
        (dict(says="  "), ["says", "sentence"]),
        (dict(measure=""), ["measure", "sentence"]),
    ],
)
def test_a_wrong_registration_names_what_is_wrong(changes, parts):
    with pytest.raises(ClaimError) as caught:
        made(**changes)
    for part in parts:
        assert part in str(caught.value)


def test_a_region_that_is_none_is_named():
    """Readers run without the shape checks of this test run: build the claim past them."""
    claim = object.__new__(Claim)
    for name, value in ({"id": "topic/x", "statistic": "mean", "may_diverge": 0.0} | ANYTHING | {"holds": (0, 1)}).items():
        object.__setattr__(claim, name, value)
    with pytest.raises(ClaimError, match=r"\(0, 1\).*between\(low, high\)"):
        claim.__post_init__()


def test_a_claim_does_not_change_after_registration(ledger):
    ledger.register(made())
    for change in (
        dict(holds=at_least(-1)),
        dict(seeds=13),
        dict(says="It shrinks."),
        dict(statistic="median"),
    ):
        with pytest.raises(ClaimError, match="already registered.*new id"):
            ledger.register(made(**change))


def test_an_identical_registration_opens_a_counted_attempt(ledger):
    claim = ledger.register(made())
    assert claim.judge(spread(-5)).attempt == 1
    again = ledger.register(made())
    assert ledger.open() == ["topic/grows"]  # the old verdict is gone until the new one
    verdict = again.judge(spread(5))
    assert (verdict.attempt, verdict.word) == (2, "held")


# Judging


def test_judging_shows_and_reports_the_verdict():
    shown, said = [], {}
    ledger = Ledger("laptop", show=lambda *x: shown.append(x), report=said.__setitem__)
    verdict = ledger.register(made()).judge(spread(2))
    assert [(c.id, v, led) for c, v, led in shown] == [("topic/grows", verdict, ledger)]
    assert verdict.word == "held" and verdict.values == tuple(spread(2))
    text = said["topic/grows"]
    assert text == f"{said['topic/grows/estimate']} [{said['topic/grows/low']}, {said['topic/grows/high']}]"
    assert float(said["topic/grows/estimate"]) == 2
    assert (said["topic/grows/n"], said["topic/grows/word"], said["topic/grows/diverged"]) == (
        "12",
        "held",
        "0",
    )


def test_infinite_ends_are_reported_too():
    said = {}
    claim = Ledger("laptop", report=said.__setitem__).register(made())
    claim.judge(stats.Interval(3, 1, np.inf, 12))
    assert (said["topic/grows/low"], said["topic/grows/high"]) == ("1", "∞")


def test_judging_twice_is_refused(ledger):
    claim = ledger.register(made())
    claim.judge(spread(2))
    with pytest.raises(ClaimError, match="judged already .held.*counted, attempt"):
        claim.judge(spread(3))
    assert ledger.verdicts[claim.id].values == tuple(spread(2))


def test_unregistered_claims_are_refused(ledger):
    with pytest.raises(ClaimError, match="in no ledger.*before the experiment"):
        made().judge(spread(2))
    with pytest.raises(ClaimError, match="not registered.*none"):
        ledger.judge(made(), spread(2), None)
    ledger.register(made("topic/other"))
    with pytest.raises(ClaimError, match="known: topic/other"):
        ledger.judge(made(), spread(2), None)


@pytest.mark.parametrize(
    ("values", "error", "parts"),
    [
        ([], ClaimError, ["0 value(s)", "12 registered"]),
        (spread(2, 11), ClaimError, ["11 value(s)", "12 registered"]),
        (
            spread(2, 13),
            ClaimError,
            ["13 value(s)", "12 registered", "before the run"],
        ),  # adding seeds is choosing
        (np.ones((12, 3)), ClaimError, ["(12, 3)", "(seeds,)", "Reduce"]),
        (np.append(spread(2, 11), np.nan), stats.SampleError, ["topic/grows", "[11]", "nan", "mask"]),
        (np.append(spread(2, 11), np.inf), stats.SampleError, ["inf"]),
        (spread(2) > 1, stats.SampleError, ["rate"]),
        (stats.Interval(2, 1, 3, 11), ClaimError, ["11 value(s)", "12 registered"]),
        (stats.Interval(2, 1, 3, 12, level=0.9), ClaimError, ["0.9", "0.95"]),
    ],
)
def test_samples_that_cannot_be_judged_leave_the_claim_open(ledger, values, error, parts):
    claim = ledger.register(made())
    with pytest.raises(error) as caught:
        claim.judge(values)
    for part in parts:
        assert part in str(caught.value)
    assert ledger.open() == [claim.id] and not ledger.attempts


def test_the_chapters_own_interval_is_judged_by_the_same_rule(ledger):
    claim = ledger.register(made())
    verdict = claim.judge(stats.Interval(2, 1, 3, 12, "Holm", 0.9875))
    assert (verdict.word, verdict.interval.method, verdict.values) == ("held", "Holm", ())


def test_a_theorem_checked_once_is_one_number(ledger):
    claim = ledger.register(made(kind="theorem", statistic="every", seeds=1))
    assert claim.judge(0.5).word == "held"


def test_rates_and_medians(ledger):
    rate = ledger.register(made("topic/rate", statistic="rate", holds=at_least(0.7)))
    assert rate.judge([True] * 12).word == "held"  # 12 of 12: at least 0.735
    strict = ledger.register(made("topic/strict", statistic="rate", holds=at_least(0.8)))
    assert strict.judge([True] * 12).word == "undecided"  # 12 successes cannot show 0.8
    median = ledger.register(made("topic/median", statistic="median"))
    assert median.judge(np.append(spread(2, 11), 1e9)).word == "held"


# Diverged runs


def judged(may_diverge: float, lost: int, centre: float, statistic: str = "mean"):
    claim = Ledger("laptop").register(made(may_diverge=may_diverge, statistic=statistic))
    values, mask = spread(centre), np.arange(12) < lost
    values[mask] = np.nan
    return claim.judge(values, diverged=mask)


@pytest.mark.parametrize(
    ("may_diverge", "lost", "centre", "word"),
    [
        (0.0, 0, 5, "held"),
        (0.0, 1, 5, "undecided"),  # one more than registered: survivors do not speak for the dead
        (0.25, 3, 5, "held"),  # 3 of 12 is the quarter that was allowed
        (0.25, 4, 5, "undecided"),
        (0.0, 1, -5, "undecided"),  # nor against
        (0.25, 3, -5, "failed"),
        (0.25, 3, 0, "undecided"),
    ],
)
def test_diverged_runs_are_counted(may_diverge, lost, centre, word):
    verdict = judged(may_diverge, lost, centre)
    assert (verdict.word, verdict.diverged, verdict.interval.n) == (word, lost, 12 - lost)
    assert verdict.diverged_fraction == lost / 12
    assert len(verdict.values) == 12 - lost
    assert ("more than registered" in verdict.note) == (lost > may_diverge * 12)


def test_more_diverged_runs_than_registered_leave_every_undecided():
    assert judged(0.0, 1, 5, "every").word == "undecided"
    assert judged(0.0, 1, -5, "every").word == "failed"


def test_a_diverged_run_is_a_failure_in_a_rate(ledger):
    claim = ledger.register(made(statistic="rate", holds=at_least(0.5)))
    verdict = claim.judge(np.ones(12, bool), diverged=np.arange(12) < 3)
    assert (verdict.interval.estimate, verdict.interval.n) == (0.75, 12)
    assert "3 diverged run(s), counted as failures" in verdict.note


def test_all_diverged_is_an_error(ledger):
    claim = ledger.register(made(may_diverge=0.9))
    with pytest.raises(ClaimError, match="all 12 runs diverged"):
        claim.judge(np.full(12, np.nan), diverged=np.ones(12, bool))


@pytest.mark.parametrize("mask", [[True], np.zeros((12, 1), bool), np.zeros(11, bool)])
def test_a_mask_of_the_wrong_shape_is_an_error(ledger, mask):
    claim = ledger.register(made())
    with pytest.raises(ClaimError, match="mask has shape"):
        claim.judge(spread(2), diverged=mask)


def test_diverged_runs_beside_a_computed_interval_are_counted(ledger):
    verdict = ledger.register(made()).judge(stats.Interval(2, 1, 3, 10), diverged=np.arange(12) < 2)
    assert (verdict.word, verdict.diverged) == ("undecided", 2)


# Smoke, bets


@pytest.mark.parametrize("statistic", ["mean", "median", "every"])
def test_smoke_runs_through_and_is_not_judged(statistic):
    claim = Ledger("smoke").register(made(statistic=statistic))
    verdict = claim.judge([1.0, 2.0])
    assert (verdict.word, verdict.note) == ("not judged", "smoke: not judged")


def test_smoke_accepts_a_rate_and_still_refuses_what_is_not_finite():
    assert Ledger("smoke").register(made(statistic="rate")).judge([True, False]).word == "not judged"
    with pytest.raises(stats.SampleError, match="not finite"):
        Ledger("smoke").register(made()).judge([1.0, np.nan])


def test_bets_come_before_the_verdict(ledger):
    claim = ledger.register(made())
    bet = claim.predict(1, 3, 0.8)
    assert (bet.low, bet.high, bet.confidence) == (1.0, 3.0, 0.8) and ledger.bets[claim.id] == bet
    claim.judge(spread(2))
    with pytest.raises(ClaimError, match="judged already.*before the verdict"):
        claim.predict(1, 3, 0.9)


@pytest.mark.parametrize(
    ("bet", "part"),
    [((3.0, 1.0, 0.8), "low < high"), ((1.0, 3.0, 1.0), "0.5 to below 1"), ((1.0, 3.0, 0.3), "0.3")],
)
def test_bets_that_mean_nothing_are_refused(ledger, bet, part):
    with pytest.raises(ClaimError, match=part.replace(".", r"\.")):
        ledger.register(made()).predict(*bet)
    with pytest.raises(ClaimError, match="in no ledger"):
        made().predict(1.0, 3.0, 0.8)


# The ledger's rows, and the committed words


@pytest.fixture
def rows() -> list[dict]:
    ledger = Ledger("laptop", {"topic/a": stats.Interval(2, 1.5, np.inf, 100)})
    ledger.register(made("topic/a", seeds=np.int64(12))).judge(spread(2))
    ledger.register(made("topic/b")).judge(stats.Interval(0, -np.inf, 1, 12))
    ledger.register(made("topic/c", holds=between(0, 1)))
    return ledger.rows()


def test_rows_are_strict_json_and_come_back(rows):
    text = json.dumps(rows, allow_nan=False)
    assert json.loads(text) == json.loads(json.dumps(json.loads(text)))
    back = json.loads(text)
    assert [r["claim"]["id"] for r in back] == ["topic/a", "topic/b", "topic/c"]
    assert back[0]["claim"]["holds"] == [0.0, None] and back[2]["claim"]["holds"] == [0.0, 1.0]
    assert back[2]["verdict"] is None
    interval = interval_from(back[1]["verdict"]["interval"])
    assert (interval.low, interval.high, interval.n) == (-np.inf, 1.0, 12)
    assert interval_from(back[0]["reference"]).high == np.inf


def test_compare_names_what_differs_with_the_intervals(rows):
    assert words(rows) == {"topic/a": "held", "topic/b": "undecided"}
    assert compare({"topic/a": "held", "topic/b": "undecided"}, rows) == []
    found = compare({"topic/a": "failed", "topic/gone": "held"}, rows)
    assert [(d.id, d.committed, d.found) for d in found] == [
        ("topic/a", "failed", "held"),
        ("topic/b", None, "undecided"),
        ("topic/gone", "held", None),
    ]
    live = interval_text(interval_from(rows[0]["verdict"]["interval"]))
    explained = found[0].explain()
    for part in ("topic/a", "committed failed", "found held", live, "at least 0", "GPU record 2 [1.5, ∞]"):
        assert part in explained
    assert "committed nothing" in found[1].explain() and "-∞" in found[1].explain()
    assert "no run judged it" in found[2].explain()


def test_a_claim_that_was_registered_and_never_judged_is_missed(rows):
    found = compare({"topic/a": "held", "topic/b": "undecided", "topic/c": "held"}, rows)
    assert [d.id for d in found] == ["topic/c"] and "no run judged it" in found[0].explain()


@pytest.mark.parametrize("statistic", ["mean", "median", "every"])
def test_at_smoke_scale_a_claim_whose_runs_all_diverged_lets_the_chapter_go_on(statistic):
    """Elsewhere it is an error: nothing is left to estimate."""
    made = dict(side="rigor", kind="experiment", says="s", measure="m", holds=at_least(0), seeds=2, statistic=statistic)
    reported = {}
    ledger = Ledger("smoke", report=reported.__setitem__)
    verdict = ledger.register(Claim("topic/lost", **made)).judge([np.nan, np.nan], diverged=[True, True])
    assert verdict.word == "not judged" and verdict.diverged == 2 and verdict.values == ()
    assert reported["topic/lost/word"] == "not judged" and ledger.rows()[0]["verdict"]["interval"]["low"] is None
    with pytest.raises(ClaimError, match="all 2 runs diverged"):
        Ledger("laptop").register(Claim("topic/lost", **made)).judge([np.nan, np.nan], diverged=[True, True])
