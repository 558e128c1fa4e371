"""The `alchemy` command: run chapters without Jupyter, check records, print the ledger, write notebooks."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from alchemy import claims, records, replications
from alchemy import scale as scales
from alchemy.words import JUDGED

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
records_app = typer.Typer(no_args_is_help=True, help="Reference results.")
app.add_typer(records_app, name="records")

ChapterNames = Annotated[list[str] | None, typer.Argument(help="Paths, slugs or numbers; all chapters if none.")]
Scale = Annotated[str | None, typer.Option(help="smoke, laptop or gpu; default ALCHEMY_SCALE, else laptop.")]
Seed = Annotated[int | None, typer.Option(help="Shifts every random stream; default ALCHEMY_SEED, else 0.")]


def _settle(scale: str | None, seed: int | None) -> tuple[str, int]:
    """The scale and seed to use, put into the environment, where the chapters' processes find them."""
    if scale is not None:
        os.environ["ALCHEMY_SCALE"] = scale
    if seed is not None:
        os.environ["ALCHEMY_SEED"] = str(seed)
    return scales.current(), scales.seed()


def _with_claims() -> list[Path]:
    found = sorted((records.root() / "chapters").glob("[0-9][0-9]-*.md"))
    return [p for p in found if "claim(" in "".join(records.code_cells(p.read_text(encoding="utf-8")))]


@app.command()
def run(
    chapters: ChapterNames = None, scale: Scale = None, seed: Seed = None,
    out: Annotated[Path | None, typer.Option(help="Write each record into this folder.")] = None,
    force: Annotated[bool, typer.Option(help="Run again what has a current record in --out.")] = False,
) -> None:
    """Run chapters without Jupyter, each in a process of its own.

    A chapter that has finished is kept: interrupted, the same command goes on with the ones that are missing.
    """
    scale, seed = _settle(scale, seed)
    paths = [records.chapter_path(name) for name in chapters] if chapters else _with_claims()
    failed = []
    for path in paths:
        target = None if out is None else out / f"{path.stem}.json"
        if target is not None and target.is_file() and not force and _same_run(target, scale, seed):
            typer.echo(f"{path.stem}: {target} is current; --force runs it again")
            continue
        begun = time.perf_counter()
        summary = _run_one(path)
        seconds = time.perf_counter() - begun
        if summary is None:
            failed.append(path.stem)
            typer.secho(f"{path.stem}: failed after {seconds:.0f} s", fg="red", err=True)
            continue
        folder = records.verdict_folder(scale, seed)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{path.stem}.json").write_text(json.dumps(summary | {"curves": {}}), encoding="utf-8")
        if target is not None:
            records.save(_record(path, summary, seconds), target)
        typer.echo(f"{path.stem}: scale {scale}, {summary['device']}, {seconds:.0f} s" + (f" -> {target}" if target else ""))
    if failed:
        typer.secho(f"failed: {', '.join(failed)}. Finished chapters are kept; run the same command again.", fg="red", err=True)
        raise typer.Exit(1)


def _run_one(path: Path) -> dict[str, Any] | None:
    """What the chapter found, or None where it failed; its own output passes through."""
    library = str(Path(__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (library, os.environ.get("PYTHONPATH"))))}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "summary.json"
        done = subprocess.run([sys.executable, "-m", "alchemy.execute", str(path), str(result)],
                              env=environment, check=False)
        return json.loads(result.read_text(encoding="utf-8")) if done.returncode == 0 else None


def _record(path: Path, summary: dict[str, Any], seconds: float) -> records.Record:
    return records.Record(
        slug=path.stem, claims=summary["claims"], curves=summary["curves"], reported=summary["reported"],
        provenance=records.Provenance(
            device=summary["device"], time=datetime.now(UTC), seconds=round(seconds, 1), scale=summary["scale"],
            seed=summary["seed"], python=platform.python_version(), packages=records.packages(),
            chapter_hash=records.chapter_hash(path), code_hash=records.code_hash(),
        ),
    )


def _same_run(target: Path, scale: str, seed: int) -> bool:
    """Whether the record at `target` is of this scale and seed and still describes the sources."""
    try:
        record = records.load(target)
    except records.RecordError as error:
        typer.echo(f"{target}: {error} Running the chapter again.")
        return False
    return (record.provenance.scale, record.provenance.seed) == (scale, seed) and records.is_current(record)


@app.command()
def replicate(
    chapters: ChapterNames = None,
    seeds: Annotated[str, typer.Option(help="Other seeds than 0, such as 1,2,3.")] = ",".join(map(str, replications.SEEDS)),
    take: Annotated[list[Path] | None, typer.Option(help="Take the words from these laptop-scale records; run nothing.")] = None,
) -> None:
    """Run chapters at laptop scale on other seeds and keep the words of their verdicts in book/replications.json.

    What has run is kept: interrupted, the same command goes on with the seeds that are missing.
    """
    if take:
        for path in take:
            replications.keep(records.load(path))
            typer.echo(f"kept {path}")
        return
    try:
        wanted = [int(seed) for seed in seeds.split(",")]
    except ValueError:
        raise typer.BadParameter(f"seeds is {seeds!r}; expected whole numbers with commas between, such as 1,2,3.") from None
    failed = []
    for path in [records.chapter_path(name) for name in chapters] if chapters else _with_claims():
        for seed in replications.missing(path.stem, wanted):
            _settle(replications.SCALE, seed)
            begun = time.perf_counter()
            summary = _run_one(path)
            if summary is None:
                failed.append(f"{path.stem} on seed {seed}")
                continue
            seconds = time.perf_counter() - begun
            replications.keep(_record(path, summary, seconds))
            typer.echo(f"{path.stem}: seed {seed}, {seconds:.0f} s")
    if failed:
        typer.secho(f"failed: {', '.join(failed)}. The others are kept; run the same command again.", fg="red", err=True)
        raise typer.Exit(1)


@records_app.command("check")
def records_check(
    folder: Annotated[Path | None, typer.Argument(help="Default: book/records.")] = None,
    strict: Annotated[bool, typer.Option(help="A stale record is an error too.")] = False,
) -> None:
    """List records that are stale or malformed, and chapters that have none."""
    folder = records.root() / "book" / "records" if folder is None else folder
    stale, malformed = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            record = records.load(path)
        except records.RecordError as error:
            malformed.append(path.stem)
            typer.echo(f"malformed  {path.stem}: {error}")
            continue
        if reasons := records.reasons_stale(record):
            stale.append(path.stem)
            typer.echo(f"stale      {path.stem}: {'; '.join(reasons)}")
        else:
            typer.echo(f"current    {path.stem}: {record.provenance.device}, {record.provenance.time:%Y-%m-%d}")
    for path in _with_claims():
        if not (folder / f"{path.stem}.json").is_file():
            typer.echo(f"none yet   {path.stem}: write it with `alchemy run {path.stem} --scale gpu --out book/records/`")
    if malformed or (strict and stale):
        raise typer.Exit(1)


@app.command()
def ledger(
    scale: Scale = None, seed: Seed = None,
    check: Annotated[bool, typer.Option(help="Fail if a verdict differs from book/ledger.json.")] = False,
    update: Annotated[bool, typer.Option(help="Write the verdicts of this run into book/ledger.json.")] = False,
) -> None:
    """Print every claim with its verdict, from the last run of each chapter at this scale and seed."""
    scale, seed = _settle(scale, seed)
    path = records.root() / "book" / "ledger.json"
    found = records.load_verdicts(scale, seed)
    rows = [row for chapter in found.values() for row in chapter["claims"]]
    if not rows:
        typer.secho(f"no verdicts at scale {scale}, seed {seed}, on this machine; run `make book` or `alchemy run` first.",
                    fg="red", err=True)
        raise typer.Exit(1)
    for row in rows:
        claim, verdict = row["claim"], row["verdict"]
        interval = claims.interval_text(claims.interval_from(verdict["interval"]))
        typer.echo(f"{verdict['word']:10} {claim['side']:8} {claim['kind']:10} {claim['id']:52} {interval}")
    counts = {word: sum(r["verdict"]["word"] == word for r in rows) for word in JUDGED}
    typer.echo(", ".join(f"{n} {word}" for word, n in counts.items()) + f" of {len(rows)} claims in {len(found)} chapters")
    if update:
        _update(path, rows, scale, seed)
    elif check:
        differences = claims.compare(claims.read_committed(path), rows)
        for difference in differences:
            typer.secho(difference.explain(), fg="red", err=True)
        if differences:
            typer.secho("Understand the change; then `make ledger UPDATE=1` accepts it, for a reviewer to see.", err=True)
            raise typer.Exit(1)


def _update(path: Path, rows: list[dict[str, Any]], scale: str, seed: int) -> None:
    if (scale, seed) != ("laptop", 0):
        raise typer.BadParameter(
            f"scale is {scale!r} and seed {seed}; the committed ledger holds the verdicts of laptop scale and seed 0. "
            "Build those, then `make ledger UPDATE=1`."
        )
    path.write_text(json.dumps(dict(sorted(claims.words(rows).items())), indent=2) + "\n", encoding="utf-8")
    typer.echo(f"wrote {path.relative_to(records.root())}")


@app.command()
def notebooks(out: Annotated[Path, typer.Option(help="Folder for the .ipynb files.")] = Path("chapters")) -> None:
    """Write every chapter as a Jupyter notebook, paired with its MyST source."""
    try:
        import jupytext
    except ImportError:
        raise typer.BadParameter("jupytext is not installed here; `pip install -r requirements.txt` brings it.") from None
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted((records.root() / "chapters").glob("[0-9][0-9]-*.md")):
        jupytext.write(jupytext.read(path), out / f"{path.stem}.ipynb")
        typer.echo(out / f"{path.stem}.ipynb")


def main() -> None:
    """The command; the laboratory's own errors are told in a line, others with their traceback."""
    try:
        app()
    except (claims.ClaimError, records.RecordError, scales.ScaleError) as error:
        typer.secho(f"alchemy: {error}", fg="red", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
