"""The instructor's command: release, grade, feedback, export, status.

python -m course release --roster coursework/roster.csv
python -m course grade --submitted coursework/submitted --workers 2
python -m course feedback
python -m course export
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from tqdm import tqdm

from course import course as courses
from course import variants
from course.course import Course, CourseError
from course.engines import Limits, NoSandbox, engine

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

Slugs = Annotated[list[str] | None, typer.Argument(help="Assignments such as 01-alchemy; all if none.")]
Roster = Annotated[Path, typer.Option(help="CSV with the columns student,name,email.")]
Named = Annotated[str, typer.Option("--students", help="Names instead of a roster: ada,bob.")]
Overlay = Annotated[Path | None, typer.Option(help="Folder whose NN-slug/ and course.toml replace or add.")]
Out = Annotated[Path, typer.Option(help="Where everything is written.")]
Root = Annotated[Path | None, typer.Option(hidden=True)]  # in place of the repository, for tests

ROSTER, SUBMITTED, OUT = courses.COURSEWORK / "roster.csv", courses.COURSEWORK / "submitted", Path("_build/coursework")


@dataclass(frozen=True)
class Session:
    """What each command works on."""

    course: Course
    slugs: list[str]
    people: list[Any]


def _fail(message: object) -> typer.Exit:
    typer.secho(f"coursework: {message}", fg="red", err=True)
    return typer.Exit(1)


def _session(slugs: list[str] | None, roster: Path, named: str, overlay: Path | None, root: Path | None) -> Session:
    """The course and the class; ends with a message where either is not in order."""
    try:
        from course import release
    except ModuleNotFoundError as error:
        raise _fail(f"{error}; the coursework has an environment of its own: run `make coursework`.") from error
    try:
        course = courses.load(overlay, (root,) if root else courses.FOLDERS)
        for slug in slugs or []:
            course.source(slug)
        found = slugs or course.slugs()
        if not found:
            raise CourseError(f"there is no assignment in {' or '.join(map(str, course.folders))}.")
        courses.check(course)
        people = release.students(roster, named)
        names = {student.id for student in people}
        strangers = sorted({s for s in (n.partition("/")[0] for n in course.settings.get("extensions", {})) if s not in names})
        if strangers and not named:
            typer.secho(f"course.toml, [extensions]: {', '.join(strangers)} not on the roster.", fg="yellow", err=True)
        return Session(course, found, people)
    except CourseError as error:
        raise _fail(error) from error


def _secret(*, create: bool) -> bytes:
    new = create and not os.environ.get(variants.VARIABLE, "").strip() and not variants.SECRET_FILE.exists()
    try:
        made = variants.secret(create=create)
    except (variants.SecretError, OSError) as error:
        raise _fail(error) from error
    if new:
        typer.secho(
            f"The course secret is made: {variants.SECRET_FILE}. Back it up where no student can read: what is "
            "released now can be graded with this secret only.",
            fg="yellow",
            err=True,
        )
    return made


def _took(seconds: dict[str, float]) -> str:
    """What a submission took: the median and the worst, and whose that was."""
    slowest = max(seconds, key=seconds.__getitem__)
    return f"seconds per submission: median {median(seconds.values()):.1f}, worst {seconds[slowest]:.1f} ({slowest})"


def _fared(fates: list[Any]) -> str:
    """How many are new, kept, changed; and by how much each changed."""
    done = [fate for fate in fates if not fate.error]
    moved = {f"{f.job.student}/{f.job.slug}": f.after - f.before for f in done if f.what == "again" and f.after != f.before}
    same = sum(fate.what == "again" for fate in done) - len(moved)
    new, kept = (sum(fate.what == what for fate in done) for what in ("new", "kept"))
    counted = f"{new} new, {kept} kept, {len(moved)} changed"
    counted += f", {same} graded again with the same points" if same else ""
    return counted + "".join(f"\n  {name}: {by:+g} points" for name, by in sorted(moved.items()))


@app.command()
def release(
    slugs: Slugs = None, roster: Roster = ROSTER, named: Named = "", overlay: Overlay = None, out: Out = OUT, root: Root = None
) -> None:
    """Write each student's notebooks to OUT/release/STUDENT/."""
    session = _session(slugs, roster, named, overlay, root)
    from course import release as releases

    total, folder = len(session.slugs) * len(session.people), out / "release"
    try:
        written = list(
            tqdm(
                releases.write(session.course, session.slugs, session.people, _secret(create=True), folder),
                total=total,
                desc="release",
                disable=None,
            )
        )
    except CourseError as error:
        raise _fail(error) from error
    typer.echo(f"{len(written)} notebooks for {len(session.people)} students in {folder}")


@app.command()
def grade(
    slugs: Slugs = None,
    roster: Roster = ROSTER,
    named: Named = "",
    overlay: Overlay = None,
    out: Out = OUT,
    root: Root = None,
    submitted: Annotated[Path, typer.Option(help="Folder STUDENT/ASSIGNMENT.ipynb, or a Gradescope zip.")] = SUBMITTED,
    workers: Annotated[int, typer.Option(min=1, help="Submissions at a time.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Grade again what is graded already.")] = False,
    no_sandbox: Annotated[bool, typer.Option("--no-sandbox", help="Run students' code with your own rights. Do not.")] = False,
) -> None:
    """Grade what is handed in; what is graded already is kept, so an interrupted run goes on where it stopped."""
    session = _session(slugs, roster, named, overlay, root)
    from course import grade as grading
    from course import gradebook, inputs

    secret = _secret(create=False)
    try:
        limits = Limits(**session.course.settings.get("limits", {}))
        image = session.course.settings.get("sandbox", {}).get("image", "")
        confined = engine(image, confined=not no_sandbox)
        notes: list[str] = []
        if submitted.is_file():
            notes = inputs.gradescope(submitted, out / "submitted", session.slugs, session.people)
            submitted = out / "submitted"
        jobs, more = inputs.folder(submitted, session.slugs, session.people, session.course.slugs())
    except (CourseError, NoSandbox) as error:
        raise _fail(error) from error
    if no_sandbox:
        typer.secho("No sandbox: the submissions run with your rights and can read the secret.", fg="red", err=True)
    for note in notes + more + inputs.timeless(jobs, session.course):
        typer.secho(note, fg="yellow", err=True)
    if not jobs:
        raise _fail(
            f"there is no submission in {submitted}; expected STUDENT/ASSIGNMENT.ipynb, such as "
            f"{session.people[0].id}/{session.slugs[0]}.ipynb, or a zip as Gradescope exports it."
        )
    fates = list(
        tqdm(
            grading.grade(jobs, session.course, secret, out, limits, confined, workers, force=force),
            total=len(jobs),
            desc="grade",
            disable=None,
        )
    )
    failed = [f"{fate.job.student}/{fate.job.slug}: {fate.error}" for fate in fates if fate.error]
    results = {f"{f.job.student}/{f.job.slug}": grading.result(out, f.job) for f in fates if not f.error}
    for name, found in sorted(results.items()):
        for note in found.get("attention", []):
            typer.secho(f"{name}: {note}", fg="yellow", err=True)
    for note in gradebook.sync(session.course, out, session.slugs, session.people, secret):
        typer.secho(note, fg="red", err=True)
    where = "without a sandbox" if no_sandbox else f"in {confined[0]}"
    typer.echo(f"{len(jobs) - len(failed)} of {len(jobs)} submissions graded, {where}; results in {out / 'results'}")
    typer.echo(_fared(fates))
    if results:
        typer.echo(_took({name: float(found["seconds"]) for name, found in results.items()}))
    if failed:
        raise _fail(
            "not graded, through no fault of the students':\n  "
            + "\n  ".join(failed)
            + "\nMend this and run the same command: the others are kept."
        )


@app.command()
def feedback(
    slugs: Slugs = None, roster: Roster = ROSTER, named: Named = "", overlay: Overlay = None, out: Out = OUT, root: Root = None
) -> None:
    """Write OUT/feedback/STUDENT/ASSIGNMENT.html, with what readers gave for the essays."""
    session = _session(slugs, roster, named, overlay, root)
    from course import feedback as pages

    stopped: list[str] = []
    try:
        written = list(
            tqdm(pages.write(session.course, out, session.slugs, session.people, stopped.append), desc="feedback", disable=None)
        )
    except CourseError as error:
        raise _fail(error) from error
    for note in stopped:
        typer.secho(note, fg="red", err=True)
    typer.echo(f"{len(written)} pages in {out / 'feedback'}")


@app.command()
def export(
    slugs: Slugs = None, roster: Roster = ROSTER, named: Named = "", overlay: Overlay = None, out: Out = OUT, root: Root = None
) -> None:
    """Write gradebook.csv, canvas.csv and moodle.csv to OUT."""
    session = _session(slugs, roster, named, overlay, root)
    from course import gradebook

    try:
        paths = gradebook.export(session.course, out, session.slugs, session.people)
    except CourseError as error:
        raise _fail(error) from error
    for path in paths:
        typer.echo(path)


@app.command()
def status(
    slugs: Slugs = None, roster: Roster = ROSTER, named: Named = "", overlay: Overlay = None, out: Out = OUT, root: Root = None
) -> None:
    """What is released, graded, and waiting for a reader."""
    session = _session(slugs, roster, named, overlay, root)
    from course import gradebook

    try:
        made = {
            slug: [ln for ln in gradebook.lines(session.course, out, [slug], session.people) if ln.score is not None]
            for slug in session.slugs
        }
    except CourseError as error:
        raise _fail(error) from error
    for slug, lines in made.items():
        released = sum((out / "release" / s.id / f"{slug}.ipynb").is_file() for s in session.people)
        waiting = sum(line.pending > 0 or line.again > 0 for line in lines)
        typer.echo(f"{slug:32} released {released:4}  graded {len(lines):4}  essays waiting {waiting:4}")
    try:
        typer.echo(f"sandbox: {engine(session.course.settings.get('sandbox', {}).get('image', ''))[0]}")
    except NoSandbox as error:
        typer.echo(f"sandbox: none ({error})")
    if os.environ.get(variants.VARIABLE):
        typer.echo(f"secret: the variable {variants.VARIABLE}")
    else:
        typer.echo(f"secret: {variants.SECRET_FILE}" + ("" if variants.SECRET_FILE.exists() else " (not made yet)"))
