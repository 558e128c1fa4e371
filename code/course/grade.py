"""Grade a folder of submissions: one confined run each, one result file each, and a rerun does only what is missing."""

from __future__ import annotations

import hashlib
import json
import math
import os
import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course import fingerprint, release, scoring, submission, variants
from course.assignment import CONFIDENCES
from course.course import Course
from course.engines import Limits
from course.items import Item
from course.runner import PATIENCE, TimeUp
from course.sandbox import START, Died, Sandbox
from course.scoring import Key, complaint
from course.submission import Plan, Step, Unreadable

PRINTED, PRINTED_CELL = 2_000_000, 20_000  # characters kept of what a notebook prints, and of one cell
NOT_ATTEMPTED = "not attempted."
DEATHS = 6  # times that one notebook may kill its sandbox; each time the guilty step is left out


@dataclass(frozen=True)
class Job:
    """One student's file. submitted: when it came in, None if nobody noted it."""

    slug: str
    student: str
    path: Path
    submitted: datetime | None = None


@dataclass(frozen=True)
class Graded:
    """How one submission fared. error: what went wrong on the grader's side, "" if nothing. what: "new", "kept", or "again"
    where a result was there and was not current. before, after: automatic points, None where there is no result."""

    job: Job
    error: str = ""
    what: str = "kept"
    before: float | None = None
    after: float | None = None


class Run:
    """One notebook in the sandbox, restarted without the step that killed it.

    Fills `scores`, `bets`, `cells`, and `attention`: what a teacher should look at, since no mark is final by a clock alone.
    """

    def __init__(self, plan: Plan, items: dict[str, Item], drawn: dict[str, dict[str, Any]], key: Key, limits: Limits) -> None:
        self.plan, self.items, self.variant, self.key, self.limits = plan, items, drawn, key, limits
        self.scores: dict[str, tuple[float, str]] = {slug: (0.0, why) for slug, why in plan.lost.items()}
        self.bets: dict[str, dict[str, Any]] = {}
        self.cells: dict[int, dict[str, Any]] = {}
        self.dead: set[tuple[int, str]] = set()
        self.attention: list[str] = []
        self.spent = self.processor = 0.0  # seconds of processor time: of the student's, and with what it takes to start
        self.deadline = time.monotonic() + PATIENCE * limits.total_seconds

    def go(self, engine: tuple[str, ...], worker: int) -> None:
        """Run to the end, or as far as deaths and time allow."""
        why = "the notebook ended Python too often"
        for _ in range(DEATHS):
            left = self.limits.total_seconds - self.spent
            if left <= 1 or time.monotonic() > self.deadline:
                why = "the time for the whole notebook was over"
                break
            try:
                with Sandbox(replace(self.limits, total_seconds=left), engine, worker) as box:
                    try:
                        self._pass(box)
                        return
                    finally:
                        self.processor += box.spent()
            except Died as death:
                if not self.dead:
                    why = f"the notebook could not be started: {death}"
        lost = [slug for slug, item in self.items.items() if item.kind != "essay" and slug not in self.scores]
        for slug in lost:
            self.scores[slug] = (0.0, f"{why}, before this item was reached.")
        if lost:
            self.attention.append(f"{why}: no points for {', '.join(lost)}")

    def _pass(self, box: Sandbox) -> None:
        box.ask({"do": "cell", "source": "import numpy, course.assignment", "name": "<start>"}, START)
        for number, step in enumerate(self.plan.steps):
            if (number, "") not in self.dead:
                self._cell(box, number, step)
            for slug in step.items:
                if slug not in self.scores:
                    self._harvest(box, number, slug)

    def _ask(self, box: Sandbox, place: tuple[int, str], request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Ask, and remember the place of a death so that the next pass leaves it out."""
        before, where = box.spent(), request.get("name") or place[1]
        try:
            reply = box.ask(request, min(seconds, max(1.0, self.limits.total_seconds - self.spent)))
        except Died as death:
            self.dead.add(place)
            self.attention.append(f"{where} was stopped: {death}")
            raise
        finally:
            self.spent += box.spent() - before
        if reply.get("error", {}).get("type") == TimeUp.__name__:
            self.attention.append(f"{where} ran out of time")
        return reply

    def _cell(self, box: Sandbox, number: int, step: Step) -> None:
        request = {"do": "cell", "source": step.source, "name": step.name}
        try:
            reply = self._ask(box, (number, ""), request, self.limits.cell_seconds)
        except Died as death:
            self.cells[number] = {"name": step.name, "grade_id": step.grade_id, "error": f"the cell was stopped: {death}."}
            raise
        error = reply.get("error")
        before = sum(len(cell.get("printed", "")) for n, cell in self.cells.items() if n != number)
        room = max(0, min(PRINTED_CELL, PRINTED - before))
        self.cells[number] = {
            "name": step.name,
            "grade_id": step.grade_id,
            "printed": reply["printed"][:room],
            "error": complaint(error) if error else "",
            "seconds": reply["seconds"],
        }

    def _harvest(self, box: Sandbox, number: int, slug: str) -> None:
        """Take one item's answer and score it; what its cells complained of goes into the message."""
        item = self.items[slug]
        if item.kind == "essay":
            return
        try:
            share, message = self._score(box, number, slug, item)
        except Died as death:
            self.scores[slug] = self._told(slug, 0.0, f"the answer could not be taken: {death}.")
            raise
        self.scores[slug] = self._told(slug, share, message)

    def _score(self, box: Sandbox, number: int, slug: str, item: Item) -> tuple[float, str]:
        place, variant = (number, slug), self.variant[slug]
        if item.kind == "prediction":
            reply = self._ask(box, place, {"do": "bet", "item": slug}, item.seconds)
            return self._bet(slug, item, reply)
        if item.kind == "value":
            reply = self._ask(box, place, {"do": "value", "answer": item.answer}, item.seconds)
            if "error" in reply:
                return 0.0, complaint(reply["error"])
            score = scoring.of_value(item, variant, reply.get("value"))
            return score.share, score.message
        drawn = scoring.probes(item, variant, self.key)
        request = {"do": "call", "answer": item.answer, "probes": scoring.encoded(drawn)}
        reply = self._ask(box, place, request, item.seconds)
        if "error" in reply:
            return 0.0, complaint(reply["error"], hidden=reply["error"]["type"] != "NameError")
        score = scoring.of_function(item, variant, drawn, reply.get("value"))
        return score.share, score.message

    def _bet(self, slug: str, item: Item, reply: dict[str, Any]) -> tuple[float, str]:
        """A bet earns its points by being one. What it was worth is seen over the whole course."""
        try:
            bet = {k: float(reply["value"][k]) for k in ("low", "high", "confidence")}
            if not -math.inf < bet["low"] < bet["high"] < math.inf:
                raise ValueError("no interval")
        except (KeyError, TypeError, ValueError, OverflowError):
            return 0.0, "no bet was locked when this cell was done."
        least, most = CONFIDENCES
        if not least <= bet["confidence"] <= most:  # `predict` refuses it, so somebody went round `predict`
            return 0.0, f"the bet's confidence is {bet['confidence']:g}; only {least:g} to {most:g} counts, so it is no bet."
        result = item.reference(self.variant[slug]) if item.reference else None
        self.bets[slug] = bet | {"result": None if result is None else float(result), "scale": float(item.scale)}
        stated = f"[{bet['low']:g}, {bet['high']:g}] at {bet['confidence']:.0%}"
        return 1.0, f"bet {stated}; it counts for calibration over the course."

    def _told(self, slug: str, share: float, message: str) -> tuple[float, str]:
        """The message, with the first error in the cells between the previous item's end and this one's."""
        ends = [number for number, step in enumerate(self.plan.steps) if step.items]
        mine = next(number for number in ends if slug in self.plan.steps[number].items)
        first = max((number + 1 for number in ends if number < mine), default=0)
        errors = [(self.plan.steps[n].name, self.cells.get(n, {}).get("error")) for n in range(first, mine + 1)]
        errors = [(name, error) for name, error in errors if error]
        if share >= 1 or not errors:
            return share, message
        if any(error == NOT_ATTEMPTED for _, error in errors) and share == 0:
            return share, NOT_ATTEMPTED
        return share, f"{message} ({errors[0][0]}: {errors[0][1]})"


def one(job: Job, course: Course, secret: bytes, limits: Limits, engine: tuple[str, ...], worker: int = 0) -> dict[str, Any]:
    """Grade one submission. Returns the plain result that is written to its file."""
    begun = time.monotonic()
    released = release.notebook(course, job.slug, job.student, secret)
    items = {variants.short(item): item for item in course.items(job.slug)}
    drawn = variants.draw_all(list(items.values()), secret, course.id, job.student)
    cells = [c for c in released["cells"] if release.nbgrader_of(c).get("grade")]
    result: dict[str, Any] = {
        "assignment": job.slug,
        "student": job.student,
        "notes": [],
        "cells": [],
        "submitted": job.submitted.isoformat() if job.submitted else None,
        "bets": {},
        "sources": {},
        "added": [],
        "attention": [],
        "fingerprint": fingerprint.of(job, course, secret, limits),
    }
    scores: dict[str, tuple[float, str]] = {}
    texts: dict[str, str | None] = {}
    try:
        plan = submission.plan(released, submission.read(job.path), list(items.values()))
    except Unreadable as error:
        result["notes"] = [str(error)]
        result["attention"] = [f"could not be read: {error}"]
        scores = {slug: (0.0, "the submission could not be read.") for slug in items}
    else:
        mark = hashlib.sha256(job.path.read_bytes()).hexdigest()
        run = Run(plan, items, drawn, Key(secret, course.id, job.student, mark), limits)
        run.go(engine, worker)
        scores, texts, result["bets"] = run.scores, plan.texts, run.bets
        result |= {
            "notes": plan.notes,
            "cells": [run.cells[n] for n in sorted(run.cells)],
            "sources": plan.sources,
            "added": plan.added,
            "attention": run.attention,
            "processor": round(run.processor, 2),
        }
    result["grades"] = [_grade(cell, items, scores, texts) for cell in cells]
    return result | {"seconds": round(time.monotonic() - begun, 2)}


def _grade(
    cell: dict[str, Any], items: dict[str, Item], scores: dict[str, tuple[float, str]], texts: dict[str, str | None]
) -> dict[str, Any]:
    """One graded cell: its points, or None where a reader must give them."""
    about = release.nbgrader_of(cell)
    grade_id, most = about["grade_id"], float(about["points"])
    slug = release.item_of(grade_id, list(items))
    made = {
        "grade_id": grade_id,
        "max": most,
        "item": items[slug].id if slug else None,
        "kind": items[slug].kind if slug else "essay",
    }
    if made["kind"] == "essay":
        text = texts.get(grade_id)
        return made | {
            "score": 0.0 if text is None else None,
            "text": text,
            "message": "nothing was written." if text is None else "a reader gives these points.",
        }
    share, message = scores.get(slug, (0.0, "the cells of this item were not found."))
    return made | {"score": round(share * most, 4), "message": message}


def result_path(out: Path, job: Job) -> Path:
    """Where a submission's result lies."""
    return out / "results" / job.slug / f"{job.student}.json"


def result(out: Path, job: Job) -> dict[str, Any]:
    """A submission's result as it is there; {} where there is none that can be read."""
    try:
        found = json.loads(result_path(out, job).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def points(found: dict[str, Any]) -> float | None:
    """What a result gives by machine; None for no result."""
    return sum(row["score"] or 0.0 for row in found["grades"]) if "grades" in found else None


def write(path: Path, result: dict[str, Any]) -> None:
    """All or nothing: a grader that is killed leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.write_text(json.dumps(result | {"graded": datetime.now(UTC).isoformat(timespec="seconds")}, indent=1), encoding="utf-8")
    draft.replace(path)


def grade(
    jobs: list[Job],
    course: Course,
    secret: bytes,
    out: Path,
    limits: Limits,
    engine: tuple[str, ...],
    workers: int = 1,
    *,
    force: bool = False,
) -> Iterator[Graded]:
    """Grade what has no current result, or everything by `force`. Yields each submission's fate as it ends."""
    todo = []
    for job in jobs:
        found = result(out, job)
        if not force and found.get("fingerprint") == fingerprint.of(job, course, secret, limits):
            yield Graded(job, "", "kept", points(found), points(found))
        else:
            todo.append((job, points(found)))
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(workers):
        free.put(number)

    def work(job: Job) -> float | None:
        worker = free.get()
        try:
            made = one(job, course, secret, limits, engine, worker)
            write(result_path(out, job), made)
            return points(made)
        finally:
            free.put(worker)

    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(work, job): (job, before) for job, before in todo}
        try:
            for future in as_completed(running):
                (job, before), error = running[future], future.exception()
                said, after = (f"{type(error).__name__}: {error}", before) if error else ("", future.result())
                yield Graded(job, said, "new" if before is None else "again", before, after)
        finally:
            for future in running:
                future.cancel()
