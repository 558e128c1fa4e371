"""The runner of mutation tests, on the demonstration."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from course import course as courses
from course import mutation
from course.items import Score

DEMO = courses.load(folders=(Path(__file__).parent / "demo",))


def test_the_demonstrations_suites_hold() -> None:
    """The runner itself: on a small course that needs no chapter."""
    found = [o for slug, item in mutation.cases(DEMO) for o in mutation.outcomes(DEMO, slug, item, DEMO.suites(slug)[item.id])]
    made = mutation.summary(found)
    assert made["failures"] == []
    assert (made["killed"], made["mutants"], made["passed"], made["right"]) == (10, 10, 4, 4)


def test_a_mutant_that_is_not_caught_is_reported() -> None:
    """A grader without teeth: everything passes, so nothing is killed."""
    item = replace(DEMO.items("90-demo")[0], compare=lambda *_: Score(1.0, "right."))
    found = mutation.outcomes(DEMO, "90-demo", item, DEMO.suites("90-demo")[item.id], students=("ada",))
    made = mutation.summary(found)
    assert made["killed"] == 0 and made["mutants"] == 5 and len(made["failures"]) == 5


def test_a_solution_that_hangs_is_stopped() -> None:
    item = replace(DEMO.items("90-demo")[0], seconds=0.3)
    score = mutation.run(DEMO, "90-demo", item, "def weighted_mean(x, w):\n    while True: pass", "ada")
    assert score.share == 0 and "longer" in score.message


def test_a_busy_machine_kills_no_mutant_and_stops_no_right_solution(busy: None) -> None:
    """Less processor time than it may take, and more on the clock."""
    slow = (
        "import time\ndef weighted_mean(x, w):\n    end = time.process_time() + 0.05\n"
        "    while time.process_time() < end: pass\n    return np.average(x**work['weighted-mean']['power'], weights=w)"
    )
    begun = time.monotonic()
    score = mutation.run(DEMO, "90-demo", replace(DEMO.items("90-demo")[0], seconds=0.5), slow, "ada")
    assert time.monotonic() - begun > 0.5, "the machine was not busy"
    assert score.share == 1, score.message


def test_a_solution_that_sleeps_is_stopped_by_the_clock() -> None:
    item = replace(DEMO.items("90-demo")[0], seconds=0.05)
    score = mutation.run(DEMO, "90-demo", item, "import time\ndef weighted_mean(x, w):\n    time.sleep(100)", "ada")
    assert score.share == 0 and "longer" in score.message
