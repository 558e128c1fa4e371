"""Where submissions come from: a folder of students, or a zip as Gradescope exports it.

    submitted/ada/01-alchemy.ipynb                submitted/ada/timestamp.txt      (when it came in, ISO 8601)
    submitted/ada/01-alchemy/01-alchemy.ipynb     submitted/ada/01-alchemy/timestamp.txt      (nbgrader's own layout)
    export.zip: .../submission_123/*.ipynb and submission_metadata.yml with :submitters: and :created_at:

A zip is never unpacked as it asks: each notebook is read under a limit and written under a name of ours.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from course.course import Course, CourseError
from course.grade import Job
from course.release import Student
from course.submission import FILE_BYTES
from course.wire import crowded

MEMBERS = 20_000  # notebooks that are looked at
PER_SUBMISSION = 40  # of them in one submission's folder
RATIO = 200  # a notebook compresses tenfold; what compresses more is made to burst
METADATA_BYTES = 10 * 2**20
DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError)  # or locked with a password
STAMP = 100  # characters of a timestamp that are read


@dataclass(frozen=True)
class Found:
    """One notebook that may be a student's `slug`. rank: the lowest wins; digest: of its bytes; source: where these are."""

    shown: str
    slug: str
    rank: int
    digest: str
    source: Any


def folder(path: Path, slugs: list[str], people: list[Student], known: list[str] | None = None) -> tuple[list[Job], list[str]]:
    """The submissions in a folder, and notes on what was passed over. Raises CourseError if it is no folder.

    A notebook is taken by its file name, else by the name that the release wrote into it. known: all assignments of
    the course, of which nothing is said where they are not among `slugs`.
    """
    if not path.is_dir():
        raise CourseError(f"{path} is no folder of submissions; expected STUDENT/ASSIGNMENT.ipynb in it.")
    names, jobs, notes = {s.id for s in people}, [], []
    for home in sorted(path.iterdir()):
        if home.name.startswith(".") or not home.is_dir():
            continue
        if home.is_symlink():
            notes.append(f"{home.name} is a link to another place; passed over.")
        elif home.name not in names:
            notes.append(
                f"{home.name} is not on the roster; passed over. Rename the folder to a student's name, or add the student."
            )
        else:
            found = [each for file in _notebooks(home, notes) if (each := _filed(home, file, slugs, known or slugs, notes))]
            jobs += [
                Job(slug, home.name, one.source, _moment(one.source.with_name("timestamp.txt"), notes))
                for slug, one in sorted(_chosen(found, home.name, notes).items())
            ]
    return jobs, notes


def _notebooks(home: Path, notes: list[str]) -> list[Path]:
    """A student's notebooks, in the folder itself and one below; nothing of Jupyter's checkpoints and the like."""
    folders = [home]
    for inner in sorted(p for p in home.iterdir() if p.is_dir() and not _hidden(p.name)):
        if inner.is_symlink():
            notes.append(f"{home.name}/{inner.name} is a link to another place; passed over.")
        else:
            folders.append(inner)
    return [file for place in folders for file in sorted(place.glob("*.ipynb")) if not _hidden(file.name)]


def _filed(home: Path, file: Path, slugs: list[str], known: list[str], notes: list[str]) -> Found | None:
    shown, named = f"{home.name}/{file.relative_to(home).as_posix()}", file.stem in known
    plain = not file.is_symlink() and file.is_file() and file.stat().st_size <= FILE_BYTES
    data = file.read_bytes() if plain else b""
    slug = file.stem if named else _claimed(data)
    if slug in slugs:
        return Found(shown, slug, (file.parent != home) if named else 2, _digest(data) if plain else shown, file)
    if slug not in known:
        notes.append(_stray(shown, slugs))
    return None


def _hidden(name: str) -> bool:
    return name == "__MACOSX" or (name.startswith(".") and name != "..")


def _stray(shown: str, slugs: list[str]) -> str:
    return f"{shown}: no assignment of this course; expected a file named {' or '.join(slugs)}.ipynb. Passed over."


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _chosen(found: list[Found], whose: str, notes: list[str]) -> dict[str, Found]:
    """slug -> the notebook that counts, a note for each other one. Where two have the same right to it, none counts."""
    taken: dict[str, Found] = {}
    for slug in dict.fromkeys(one.slug for one in found):
        mine = [one for one in found if one.slug == slug]
        first = [one for one in mine if one.rank == min(each.rank for each in mine)]
        if len({one.digest for one in first}) > 1:
            notes.append(
                f"{whose}/{slug}: {' and '.join(one.shown for one in first)[:400]} could each be it; none was taken. "
                f"Leave one, named {slug}.ipynb."
            )
            continue
        taken[slug] = first[0]
        notes += [f"{one.shown}: not taken, {first[0].shown} was." for one in mine if one is not first[0]]
    return taken


def timeless(jobs: list[Job], course: Course) -> list[str]:
    """A note for each assignment with a deadline: who handed in without a time that can be read."""
    without: dict[str, list[str]] = {}
    for job in jobs:
        if job.submitted is None and course.due(job.slug) is not None:
            without.setdefault(job.slug, []).append(job.student)
    return [
        f"{slug} has a deadline, and {len(found)} came in without a readable time; they count as in time: "
        f"{', '.join(found)}. A timestamp.txt beside the notebook says when."
        for slug, found in without.items()
    ]


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
        moment = (
            text
            if isinstance(text, datetime)
            else datetime.fromisoformat(re.sub(r" (UTC|Z)$", "+00:00", str(text).strip()).replace(" +", "+"))
        )
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

    A submitter is matched to the roster by sid, email or id, never by the name shown. A notebook is matched to an
    assignment by its file name, else by the name that the release wrote into it. Raises CourseError where
    the zip as a whole cannot be used.
    """
    notes: list[str] = []
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise CourseError(f"{path} cannot be read as a zip ({error}); export the submissions once more.") from error
    with archive:
        listed = archive.infolist()
        whose = _submitters(archive, listed, people, notes)
        homes: dict[str, list[zipfile.ZipInfo]] = {}
        for member in listed:
            parts = PurePosixPath(member.filename).parts
            if not member.is_dir() and member.filename.endswith(".ipynb") and not any(map(_hidden, parts)):
                homes.setdefault(next((part for part in parts if part in whose), ""), []).append(member)
        for home, members in homes.items():
            members.sort(key=lambda m: PurePosixPath(m.filename).stem not in slugs)
            if len(members) > PER_SUBMISSION:
                notes.append(f"{home or 'elsewhere'}: {len(members)} notebooks; {PER_SUBMISSION} of them were looked at.")
                del members[PER_SUBMISSION:]
        if sum(map(len, homes.values())) > MEMBERS:
            raise CourseError(f"{path} lists more than {MEMBERS} notebooks; export the assignments one by one.")
        claims: dict[tuple[str, str], dict[str, Found]] = {}
        for home, members in homes.items():
            found = [one for m in members if (one := _unpacked(archive, m, home in whose, slugs, notes))]
            for slug, one in _chosen(found, home, notes).items():
                for student, _ in whose[home]:
                    claims.setdefault((student, slug), {})[home] = one
        for (student, slug), by_home in claims.items():
            if len(by_home) > 1:
                notes.append(
                    f"{student}/{slug}: {' and '.join(sorted(by_home))[:200]} both claim it; neither was taken. Put the "
                    f"right one into {target / student / slug}.ipynb."
                )
                continue
            ((home, one),) = by_home.items()
            _bring(_read(archive, one.source, FILE_BYTES), dict(whose[home])[student], target / student / slug)
    return notes


def _submitters(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], people: list[Student], notes: list[str]
) -> dict[str, list[tuple[str, datetime | None]]]:
    """submission folder -> its students and when it came in."""
    found = [m for m in members if PurePosixPath(m.filename).name == "submission_metadata.yml"]
    depth = min((len(PurePosixPath(m.filename).parts) for m in found), default=0)  # a student may hand in another, deeper
    found = [m for m in found if len(PurePosixPath(m.filename).parts) == depth]
    if len(found) != 1 or found[0].file_size > METADATA_BYTES:
        raise CourseError(f"the zip has {len(found)} usable submission_metadata.yml; expected one, as Gradescope exports it.")
    try:
        listed = yaml.load(_read(archive, found[0], METADATA_BYTES), _NoAliases)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError, *DAMAGED) as error:
        raise CourseError(f"submission_metadata.yml cannot be read: {error}.") from error
    by_name = {
        name.lower(): s.id
        for s in people
        for name in (s.id, s.get("sid"), s.get("sis_id"), s.get("email"), s.get("login"))
        if name
    }
    whose: dict[str, list[tuple[str, datetime | None]]] = {}
    for name, about in (listed if isinstance(listed, dict) else {}).items():
        about = about if isinstance(about, dict) else {}
        people_of = about.get(":submitters") or about.get("submitters") or []
        for person in people_of if isinstance(people_of, list) else []:
            names = _identities(person)
            matched = {by_name[n] for n in names if n in by_name}
            if len(matched) != 1:
                which = "more than one student" if matched else "no student"
                shown = ", ".join(str(v).lower() for v in person.values()) if isinstance(person, dict) else "nobody"
                notes.append(f"{name}: {which} of the roster is {shown[:80]}; passed over.")
                continue
            student = matched.pop()
            whose.setdefault(str(name), []).append((student, parsed(about.get(":created_at") or about.get("created_at"))))
    return whose


def _identities(person: Any) -> list[str]:
    """What tells who a submitter is. Never the name that is shown: everybody chooses it."""
    found = {str(key).lstrip(":").lower(): value for key, value in person.items()} if isinstance(person, dict) else {}
    return [str(found[key]).strip().lower() for key in ("sid", "email", "id") if found.get(key)]


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    """A member's bytes, never more than the limit, whatever the zip says of its size."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may ask for gigabytes to begin with
        raise ValueError("its compression is not the usual one")
    with archive.open(member) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"more than {limit >> 20} MB")
    return data


def _unpacked(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, listed: bool, slugs: list[str], notes: list[str]
) -> Found | None:
    """One notebook of a zip and whose assignment it is, or a note. listed: whether its folder is in the metadata."""
    path, shown = PurePosixPath(member.filename), member.filename[:100]
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or stat.S_ISLNK(member.external_attr >> 16):
        notes.append(f"{shown}: refused, its name leads out of the zip.")
        return None
    if not listed:
        notes.append(f"{shown}: its folder is not in submission_metadata.yml; passed over.")
        return None
    if member.file_size > FILE_BYTES or member.file_size > RATIO * max(member.compress_size, 1024):
        notes.append(f"{shown}: refused, {member.file_size / 2**20:.0f} MB unpacked from {member.compress_size / 2**20:.2f}.")
        return None
    try:
        data = _read(archive, member, FILE_BYTES)
    except (ValueError, *DAMAGED) as error:
        notes.append(f"{shown}: cannot be unpacked ({error}).")
        return None
    named = path.stem in slugs
    slug = path.stem if named else _claimed(data)
    if slug not in slugs:
        notes.append(_stray(shown, slugs))
        return None
    return Found(shown, slug, 0 if named else 2, _digest(data), member)


def _bring(data: bytes, moment: datetime | None, home: Path) -> None:
    """A notebook of a zip into nbgrader's layout, with its time where there is one."""
    home.mkdir(parents=True, exist_ok=True)
    (home / f"{home.name}.ipynb").write_bytes(data)
    (home / "timestamp.txt").unlink(missing_ok=True)
    if moment:
        (home / "timestamp.txt").write_text(f"{moment.isoformat()}\n", encoding="utf-8")


def _claimed(data: bytes) -> str | None:
    """The assignment that the release wrote into a notebook."""
    if crowded(data):
        return None
    try:
        claimed = json.loads(data)["metadata"]["coursework"]["assignment"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return claimed if isinstance(claimed, str) else None
