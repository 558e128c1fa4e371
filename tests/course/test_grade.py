"""What is graded again, and what is said of it; what a teacher is told. Without a sandbox: nothing here runs a student's code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from course import cli, engines, grade, sandbox, scoring, submission
from course import course as courses

DEMO = courses.load(folders=(Path(__file__).parent / "demo",))
SLUG = "90-demo"
KEY = scoring.Key(b"k" * 16, "c", "ada")
LARGEST = {"largest": next(item for item in DEMO.items(SLUG) if item.kind == "value")}
DRAWN = {"largest": {"matrix": [[1.0]]}}


@pytest.fixture
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """graded(points, force=...) -> the fates of ada's and bob's submissions, where grading gives these points."""
    jobs = [grade.Job(SLUG, name, tmp_path / f"{name}.ipynb") for name in ("ada", "bob")]
    for job in jobs:
        job.path.write_text("{}", encoding="utf-8")

    def made(points: float, *, mark: str = "", force: bool = False) -> list[grade.Graded]:
        monkeypatch.setattr(grade.fingerprint, "of", lambda job, *_: f"{job.student} {mark}")
        monkeypatch.setattr(
            grade,
            "one",
            lambda job, *_: {
                "fingerprint": f"{job.student} {mark}",
                "grades": [{"score": points if job.student == "ada" else 3.0}, {"score": None}],
            },
        )
        return sorted(
            grade.grade(jobs, DEMO, b"k" * 16, tmp_path, engines.Limits(), ("none",), force=force),
            key=lambda fate: fate.job.student,
        )

    return made


def test_what_is_current_is_kept_and_what_changed_is_said(graded: Any) -> None:
    first = graded(10)
    assert [fate.what for fate in first] == ["new", "new"] and cli._fared(first) == "2 new, 0 kept, 0 changed"
    assert cli._fared(graded(12)) == "0 new, 2 kept, 0 changed"
    fixed = graded(12.5, mark="the grader was mended")
    assert [(fate.before, fate.after) for fate in fixed] == [(10, 12.5), (3, 3)]
    assert cli._fared(fixed) == ("0 new, 0 kept, 1 changed, 1 graded again with the same points\n  ada/90-demo: +2.5 points")
    forced = graded(11, mark="the grader was mended", force=True)
    assert cli._fared(forced).splitlines()[1:] == ["  ada/90-demo: -1.5 points"]


def test_a_result_that_cannot_be_read_is_graded_anew(graded: Any, tmp_path: Path) -> None:
    graded(10)
    for text in ("[]", "{", '{"fingerprint": 3}'):
        (tmp_path / "results" / SLUG / "ada.json").write_text(text, encoding="utf-8")
        assert [fate.what for fate in graded(10)] == ["new", "kept"]


def test_a_file_that_cannot_be_read_is_told_to_the_teacher(tmp_path: Path) -> None:
    pytest.importorskip("nbgrader", reason="the coursework's environment is not installed")
    (tmp_path / "a.ipynb").write_bytes(b"no notebook")
    made = grade.one(grade.Job(SLUG, "ada", tmp_path / "a.ipynb"), DEMO, b"k" * 16, engines.Limits(), ("none",))
    assert made["attention"][0].startswith("could not be read: the file is no notebook")


class Box:
    """A sandbox in which every request is answered so, and takes so much of the processor."""

    def __init__(self, reply: dict[str, Any] | Exception, seconds: float) -> None:
        self.reply, self.seconds, self.used, self.allowed = reply, seconds, 0.0, []

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def spent(self) -> float:
        return self.used

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        if request.get("name") == "<start>":
            return {}
        self.allowed.append(seconds)
        self.used += self.seconds
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"printed": "", "seconds": 1.0, "error": {"type": "TimeUp", "text": ""}}, "ran out of time"),
        (sandbox.Died("it ran past its time and did not stop"), "was stopped: it ran past its time"),
    ],
)
def test_no_mark_is_lost_by_time_without_a_word_to_the_teacher(
    monkeypatch: pytest.MonkeyPatch,
    reply: dict[str, Any] | Exception,
    told: str,
) -> None:
    plan = submission.Plan([submission.Step("1", "<cell 1>", items=["largest"])], {}, [], {}, {})
    box = Box(reply, 4.0)
    monkeypatch.setattr(grade, "Sandbox", lambda *_: box)
    run = grade.Run(plan, LARGEST, DRAWN, KEY, engines.Limits(total_seconds=10))
    run.go(("none",), 0)
    assert run.scores["largest"][0] == 0 and all(told in note for note in run.attention) and run.attention
    assert run.spent == box.used == 8 and box.allowed == [10, 5.0]


def test_time_for_the_whole_notebook_is_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [submission.Step("1", f"<cell {n}>") for n in range(3)] + [submission.Step("1", "<cell 3>", items=["largest"])]
    box = Box(sandbox.Died("it ended Python"), 5.0)
    monkeypatch.setattr(grade, "Sandbox", lambda *_: box)
    run = grade.Run(submission.Plan(steps, {}, [], {}, {}), LARGEST, DRAWN, KEY, engines.Limits(total_seconds=10))
    run.go(("none",), 0)
    assert "the time for the whole notebook was over" in run.scores["largest"][1]
    assert run.attention[-1] == "the time for the whole notebook was over: no points for largest"
