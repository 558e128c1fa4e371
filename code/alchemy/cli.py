"""The `alchemy` command: run chapters, keep what they found, print the ledger, write notebooks."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from alchemy import claims, evidence, manifests, project, records
from alchemy import run as runs
from alchemy import scale as scales
from alchemy.words import JUDGED

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
records_app = typer.Typer(no_args_is_help=True, help="Reference results.")
app.add_typer(records_app, name="records")

ChapterNames = Annotated[list[str] | None, typer.Argument(help="Paths, slugs or numbers; all if none.")]
Scale = Annotated[str | None, typer.Option(help="smoke, laptop or gpu; default ALCHEMY_SCALE, else laptop.")]
Seed = Annotated[int | None, typer.Option(help="Shifts every random stream; default ALCHEMY_SEED, else 0.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Pages side by side; default one a core, at most four.")]
Budget = Annotated[float | None, typer.Option(min=0, help="Seconds for all. What is over is named, and nothing done is lost.")]
Force = Annotated[bool, typer.Option(help="Run again what has run.")]


def _settle(scale: str | None, seed: int | None) -> tuple[str, int]:
    """The scale and seed to use, put into the environment, where everything that runs here finds them."""
    if scale is not None:
        os.environ["ALCHEMY_SCALE"] = scale
    if seed is not None:
        os.environ["ALCHEMY_SEED"] = str(seed)
    return scales.current(), scales.seed()


def _named(names: list[str] | None, known: dict[str, runs.Run]) -> list[runs.Run]:
    """The pages of these names, or all."""
    if not names:
        return list(known.values())
    return [known[name] if name in known else known[project.find(name)] for name in names]


def _leave(outcome: runs.Outcome) -> None:
    """End with what failed, if anything did."""
    if outcome.failed:
        typer.secho(
            f"failed: {', '.join(outcome.failed)}. Finished pages are kept; run the same command again.", fg="red", err=True
        )
        raise typer.Exit(1)


@app.command()
def run(
    chapters: ChapterNames = None,
    scale: Scale = None,
    seed: Seed = None,
    jobs: Jobs = None,
    budget: Budget = None,
    force: Force = False,
) -> None:
    """Run pages side by side, each in a process of its own, and keep what they found in runs/.

    A page that has run under the same fingerprint is kept: interrupted, the same command goes on with the missing ones.
    """
    scale, seed = _settle(scale, seed)
    _leave(runs.execute(_named(chapters, runs.plan(scale, seed)), jobs=jobs, force=force, budget=budget))


@app.command()
def reference(chapters: ChapterNames = None, jobs: Jobs = 1, budget: Budget = None, force: Force = False) -> None:
    """Run chapters at gpu scale, the shortest first, and write each one's record as it comes (wants a GPU)."""
    scale, seed = _settle("gpu", 0)
    wanted = [r for r in _named(chapters, runs.plan(scale, seed)) if project.SLUG.fullmatch(r.slug) and not r.after]
    wanted = [r for r in wanted if force or not _recorded(r.slug)]
    _leave(runs.execute(wanted, jobs=jobs, force=force, budget=budget, shortest_first=True, finished=_keep_record))


def _recorded(slug: str) -> bool:
    """Whether a chapter has a record that still describes the sources."""
    try:
        record = records.load_reference(slug)
    except records.RecordError as error:
        typer.echo(f"{error} Running the chapter again.")
        return False
    return record is not None and not evidence.reasons_stale(record)


def _keep_record(run: runs.Run) -> None:
    found, cost, parts = run.result["summary"], run.result["cost"], run.fingerprint.parts
    records.save(
        records.Record(
            slug=run.slug,
            claims=found["claims"],
            curves=found["curves"],
            reported=found["reported"],
            provenance=records.Provenance(
                device=found["device"],
                time=datetime.now(UTC),
                seconds=cost["seconds"],
                scale=found["scale"],
                seed=found["seed"],
                code=parts["code"],
                versions=parts["versions"],
                settings=parts["settings"],
            ),
        ),
        project.evidence(run.slug, "gpu.json"),
    )


@app.command()
def replicate(
    chapters: ChapterNames = None,
    jobs: Jobs = None,
    seeds: Annotated[str, typer.Option(help="Other seeds than 0, such as 1,2,3.")] = ",".join(map(str, evidence.SEEDS)),
) -> None:
    """Run chapters at laptop scale on other seeds and keep the words of their verdicts in evidence/others.json.

    What has run is kept: interrupted, the same command goes on with the seeds that are missing.
    """
    try:
        wanted = [int(seed) for seed in seeds.split(",")]
    except ValueError:
        raise typer.BadParameter(f"seeds is {seeds!r}; expected whole numbers with commas between, such as 1,2,3.") from None
    plans = {seed: _named(chapters, runs.plan(evidence.SCALE, seed)) for seed in wanted}
    todo = [
        r for seed, plan in plans.items() for r in plan if project.SLUG.fullmatch(r.slug) and evidence.missing(r.slug, [seed])
    ]
    _leave(runs.execute(todo, jobs=jobs, finished=lambda r: evidence.keep(r.slug, r.seed, r.result["summary"]["claims"])))


@records_app.command("check")
def records_check(strict: Annotated[bool, typer.Option(help="A stale record is an error too.")] = False) -> None:
    """List records that are stale or malformed, and chapters that have none."""
    stale, malformed = [], []
    for slug in project.slugs():
        try:
            record = records.load_reference(slug)
        except records.RecordError as error:
            malformed.append(slug)
            typer.echo(f"malformed  {slug}: {error}")
            continue
        if record is None:
            typer.echo(f"none yet   {slug}: write it with `alchemy reference {slug}` on a GPU")
        elif reasons := evidence.reasons_stale(record):
            stale.append(slug)
            typer.echo(f"stale      {slug}: {'; '.join(reasons)}")
        else:
            typer.echo(f"current    {slug}: {record.provenance.device}, {record.provenance.time:%Y-%m-%d}")
    if malformed or (strict and stale):
        raise typer.Exit(1)


@app.command()
def ledger(
    scale: Scale = None,
    seed: Seed = None,
    check: Annotated[bool, typer.Option(help="Fail if a verdict differs from the expected words.")] = False,
    update: Annotated[bool, typer.Option(help="Make the words of these runs the expected ones, chapter by chapter.")] = False,
    drop: Annotated[bool, typer.Option(help="With --update: let claims go that the runs no longer judge.")] = False,
) -> None:
    """Print every claim with its verdict, from the run of each chapter as it is now at this scale and seed."""
    scale, seed = _settle(scale, seed)
    found = runs.results(scale, seed)
    rows = [row for chapter_found in found.values() for row in chapter_found["claims"]]
    if not rows:
        typer.secho(
            f"no verdicts at scale {scale}, seed {seed}, on this machine; run `make book` or `alchemy run` first.",
            fg="red",
            err=True,
        )
        raise typer.Exit(1)
    for row in rows:
        claim, verdict = row["claim"], row["verdict"]
        interval = claims.interval_text(claims.interval_from(verdict["interval"]))
        typer.echo(f"{verdict['word']:10} {claim['side']:8} {claim['kind']:10} {claim['id']:52} {interval}")
    counts = {word: sum(r["verdict"]["word"] == word for r in rows) for word in JUDGED}
    typer.echo(", ".join(f"{n} {word}" for word, n in counts.items()) + f" of {len(rows)} claims in {len(found)} chapters")
    if update:
        _update(found, scale, seed, drop)
    elif check:
        differences = [d for slug, summary in found.items() for d in evidence.differences(slug, summary["claims"])]
        for difference in differences:
            typer.secho(difference.explain(), fg="red", err=True)
        if differences:
            typer.secho("Understand the change; then `make ledger UPDATE=1` accepts it, for a reviewer to see.", err=True)
            raise typer.Exit(1)


def _update(found: dict[str, dict[str, Any]], scale: str, seed: int, drop: bool) -> None:
    if (scale, seed) != (evidence.SCALE, evidence.SEED):
        raise typer.BadParameter(
            f"scale is {scale!r} and seed {seed}; the expected words are those of {evidence.SCALE} scale and seed "
            f"{evidence.SEED}. Run those, then `make ledger UPDATE=1`."
        )
    spent = runs.costs(scale, seed)
    for slug, summary in found.items():
        for change in evidence.accept(slug, summary["claims"], spent[slug]["seconds"], drop=drop):
            typer.echo(f"changed    {change}")
    typer.echo(f"wrote evidence/words.json of {', '.join(found)}")
    if others := sorted(set(project.slugs()) - set(found)):
        typer.echo(f"kept as they were, for they have not run here: {', '.join(others)}")


@app.command()
def notebooks(out: Annotated[Path, typer.Option(help="Folder for the .ipynb files.")] = Path("chapters")) -> None:
    """Write every chapter as a Jupyter notebook, paired with its MyST source."""
    try:
        import jupytext
    except ImportError:
        raise typer.BadParameter("jupytext is not installed here; `pip install -r requirements.txt` brings it.") from None
    out.mkdir(parents=True, exist_ok=True)
    for slug in project.slugs():
        text = manifests.with_head(project.page(slug).read_text(encoding="utf-8"), slug)
        jupytext.write(jupytext.reads(text, fmt="md:myst"), out / f"{slug}.ipynb")
        typer.echo(out / f"{slug}.ipynb")


@app.command()
def manifest(check: Annotated[bool, typer.Option(help="Write nothing; fail where a file is not current.")] = False) -> None:
    """Write the contents and the tables of chapters from the chapters' manifests."""
    found = manifests.stale()
    for path, text in found.items():
        typer.echo(f"{path.relative_to(project.root())} {'is not current; run `alchemy manifest`' if check else 'written'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and found:
        raise typer.Exit(1)


ERRORS = (claims.ClaimError, evidence.EvidenceError, project.ProjectError, records.RecordError, scales.ScaleError)


def main() -> None:
    """The command; the laboratory's own errors are told in a line, others with their traceback."""
    # A log file or an old terminal may lack the verdicts' signs: print a question mark for one, do not die of it.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    os.environ["PYTHONIOENCODING"] = f"{sys.stdout.encoding}:replace"  # for the chapters' processes
    try:
        app()
    except ERRORS as error:
        typer.secho(f"alchemy: {error}", fg="red", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
