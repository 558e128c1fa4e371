"""Where submissions come from: a folder of students, or a zip as Gradescope exports it.

    submitted/ada/01-alchemy.ipynb                submitted/ada/timestamp.txt      (when it came in, ISO 8601)
    submitted/ada/01-alchemy/01-alchemy.ipynb     submitted/ada/01-alchemy/timestamp.txt      (nbgrader's own layout)
    export.zip: .../submission_123/*.ipynb and submission_metadata.yml with :submitters: and :created_at:

A zip is never unpacked as it asks: each notebook is read under a limit and written under a name of ours.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from coursework.kit.course import CourseError
from coursework.kit.grade import Job
from coursework.kit.release import Student
from coursework.kit.submission import FILE_BYTES

MEMBERS = 20_000
RATIO = 200                   # a notebook compresses tenfold; what compresses more is made to burst
METADATA_BYTES = 10 * 2**20
DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError)  # or locked with a password
STAMP = 100                   # characters of a timestamp that are read


def folder(path: Path, slugs: list[str], people: list[Student]) -> tuple[list[Job], list[str]]:
    """The submissions in a folder, and notes on what was passed over. Raises CourseError if it is no folder."""
    if not path.is_dir():
        raise CourseError(f"{path} is no folder of submissions; expected STUDENT/ASSIGNMENT.ipynb in it.")
    known, jobs, notes = {s.id for s in people}, [], []
    for home in sorted(path.iterdir()):
        if home.name.startswith(".") or not home.is_dir():
            continue
        if home.is_symlink():
            notes.append(f"{home.name} is a link to another place; passed over.")
            continue
        if home.name not in known:
            notes.append(f"{home.name} is not on the roster; passed over. "
                         "Rename the folder to a student's name, or add the student.")
            continue
        for slug in slugs:
            if (home / slug).is_symlink():
                notes.append(f"{home.name}/{slug} is a link to another place; passed over.")
                continue
            for file, stamp in ((home / f"{slug}.ipynb", home / "timestamp.txt"),
                                (home / slug / f"{slug}.ipynb", home / slug / "timestamp.txt")):
                if file.is_symlink() or file.exists():
                    jobs.append(Job(slug, home.name, file, _moment(stamp, notes)))
                    break
    return jobs, notes


def _moment(path: Path, notes: list[str]) -> datetime | None:
    """The time in a timestamp file; without a zone it is UTC, as nbgrader writes it."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(STAMP).strip()
    moment = parsed(text)
    if moment is None:
        notes.append(f"{path.parent.name}/{path.name} holds {text[:40]!r}; expected a time such as 2026-10-05T21:00:00+02:00.")
    return moment


def parsed(text: Any) -> datetime | None:
    """A moment of this age with its zone, or None."""
    try:
        moment = text if isinstance(text, datetime) else datetime.fromisoformat(
            re.sub(r" (UTC|Z)$", "+00:00", str(text).strip()).replace(" +", "+"))
    except ValueError:
        return None
    if not 2000 <= moment.year < 2200:  # at the calendar's ends another zone is no date
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _NoAliases(yaml.SafeLoader):
    """YAML without references: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("references are not read")
        return super().compose_node(parent, index)


def gradescope(path: Path, target: Path, slugs: list[str], people: list[Student]) -> list[str]:
    """Bring a Gradescope-style zip into a folder of submissions. Returns notes on what was refused.

    A submitter is matched to the roster by id, sid or email. A notebook is matched to an assignment by its file name,
    else by the name that the release wrote into it. Raises CourseError where the zip as a whole cannot be used.
    """
    notes: list[str] = []
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise CourseError(f"{path} cannot be read as a zip ({error}); export the submissions once more.") from error
    with archive:
        members = archive.infolist()
        if len(members) > MEMBERS:
            raise CourseError(f"{path} lists {len(members)} files; expected at most {MEMBERS}.")
        whose = _submitters(archive, members, people, notes)
        for member in members:
            if not member.is_dir() and member.filename.endswith(".ipynb"):
                _bring(archive, member, whose, target, slugs, notes)
    return notes


def _submitters(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], people: list[Student],
                notes: list[str]) -> dict[str, list[tuple[str, datetime | None]]]:
    """submission folder -> its students and when it came in."""
    found = [m for m in members if PurePosixPath(m.filename).name == "submission_metadata.yml"]
    if len(found) != 1 or found[0].file_size > METADATA_BYTES:
        raise CourseError(f"the zip has {len(found)} usable submission_metadata.yml; expected one, as Gradescope exports it.")
    try:
        listed = yaml.load(_read(archive, found[0], METADATA_BYTES), _NoAliases)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError, *DAMAGED) as error:
        raise CourseError(f"submission_metadata.yml cannot be read: {error}.") from error
    by_name = {name.lower(): s.id for s in people
               for name in (s.id, s.get("sid"), s.get("sis_id"), s.get("email"), s.get("login")) if name}
    whose: dict[str, list[tuple[str, datetime | None]]] = {}
    for name, about in (listed if isinstance(listed, dict) else {}).items():
        about = about if isinstance(about, dict) else {}
        people_of = about.get(":submitters") or about.get("submitters") or []
        for person in people_of if isinstance(people_of, list) else []:
            names = [str(v).lower() for v in person.values()] if isinstance(person, dict) else []
            student = next((by_name[n] for n in names if n in by_name), None)
            if student is None:
                notes.append(f"{name}: no student of the roster is {', '.join(names)[:80]}; passed over.")
            else:
                whose.setdefault(str(name), []).append((student, parsed(about.get(":created_at") or about.get("created_at"))))
    return whose


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """A member's bytes, never more than the limit, whatever the zip says of its size."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may ask for gigabytes to begin with
        raise ValueError("its compression is not the usual one")
    with archive.open(member) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"more than {limit >> 20} MB")
    return data


def _bring(archive: zipfile.ZipFile, member: zipfile.ZipInfo, whose: dict[str, list[tuple[str, datetime | None]]],
           target: Path, slugs: list[str], notes: list[str]) -> None:
    """One notebook of the zip into target/STUDENT/SLUG.ipynb, or a note."""
    path, shown = PurePosixPath(member.filename), member.filename[:100]
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or stat.S_ISLNK(member.external_attr >> 16):
        notes.append(f"{shown}: refused, its name leads out of the zip.")
        return
    owners = next((whose[part] for part in path.parts if part in whose), None)
    if owners is None:
        notes.append(f"{shown}: its folder is not in submission_metadata.yml; passed over.")
        return
    if member.file_size > FILE_BYTES or member.file_size > RATIO * max(member.compress_size, 1024):
        notes.append(f"{shown}: refused, {member.file_size / 2**20:.0f} MB unpacked from {member.compress_size / 2**20:.2f}.")
        return
    try:
        data = _read(archive, member, FILE_BYTES)
    except (ValueError, *DAMAGED) as error:
        notes.append(f"{shown}: cannot be unpacked ({error}).")
        return
    slug = _slug(path.stem, data, slugs)
    if slug is None:
        notes.append(f"{shown}: no assignment of this course; expected a file named {' or '.join(slugs)}.ipynb.")
        return
    for student, moment in owners:
        home = target / student / slug
        home.mkdir(parents=True, exist_ok=True)
        (home / f"{slug}.ipynb").write_bytes(data)
        (home / "timestamp.txt").unlink(missing_ok=True)
        if moment is not None:
            (home / "timestamp.txt").write_text(moment.isoformat() + "\n", encoding="utf-8")


def _slug(stem: str, data: bytes, slugs: list[str]) -> str | None:
    if stem in slugs:
        return stem
    try:
        claimed = json.loads(data)["metadata"]["coursework"]["assignment"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return claimed if isinstance(claimed, str) and claimed in slugs else None
