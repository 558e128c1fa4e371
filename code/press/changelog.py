"""Verdicts that changed between versions, as CHANGELOG.md. usage: python -m press.changelog [--section VERSION]

A version is a tag `v1.2.3`; its words are the files chapters/*/evidence/words.json, before that layout book/ledger.json.
The version of pyproject.toml, while it has no tag, is compared as it stands in the working tree.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from alchemy import project

TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
WORDS = re.compile(r"chapters/[^/]+/evidence/words\.json")
BEFORE = "book/ledger.json"  # where all words stood before chapters had folders
HEAD = """# Changelog

Verdicts that changed with the version, newest first: what a library, a machine or a repair did to the book's findings.
Written by `python -m press.changelog` from the expected words of every tag.
"""


@dataclass(frozen=True)
class Version:
    """A version and the word of each of its claims. date: ISO 8601, or empty while it is not released."""

    name: str
    date: str
    words: dict[str, str]


def git(root: Path, *arguments: str) -> str:
    """What git says; raises CalledProcessError with its message where it fails."""
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout


def merged(texts: list[str]) -> dict[str, str]:
    """The words of several files as one mapping, by claim; before chapters had folders the file held nothing else."""
    read = [json.loads(text) for text in texts]
    return {claim: word for content in read for claim, word in content.get("words", content).items()}


def released(root: Path) -> list[Version]:
    """Every tagged version, oldest first."""
    found = []
    for tag in sorted(
        (t for t in git(root, "tag", "--list").split() if TAG.fullmatch(t)),
        key=lambda t: tuple(map(int, TAG.fullmatch(t).groups())),
    ):
        files = git(root, "ls-tree", "-r", "-z", "--name-only", tag, "--", "chapters", BEFORE).split("\0")
        chosen = [name for name in files if WORDS.fullmatch(name)] or [name for name in files if name == BEFORE]
        words = merged([git(root, "show", f"{tag}:{name}") for name in chosen])
        found.append(Version(tag[1:], git(root, "log", "-1", "--format=%cs", tag).strip(), words))
    return found


def upcoming(root: Path) -> Version:
    """The version that pyproject.toml names, as the working tree has it."""
    name = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    files = sorted(root.glob("chapters/*/evidence/words.json")) or [p for p in [root / BEFORE] if p.is_file()]
    return Version(name, "", merged([path.read_text(encoding="utf-8") for path in files]))


def tally(words: list[str]) -> str:
    """`2 held, 1 failed`."""
    counts = Counter(words)
    order = sorted(counts, key=lambda word: (["held", "failed", "undecided"] + sorted(counts)).index(word))
    return ", ".join(f"{counts[word]} {word}" for word in order)


def section(version: Version, before: Version | None) -> str:
    """A version's section: each verdict that changed or went, and the new claims counted by topic."""
    old = before.words if before else {}
    lines = [
        f"- `{claim}`: {old[claim]} → {word}" for claim, word in sorted(version.words.items()) if old.get(claim, word) != word
    ]
    changed = len(lines)
    lines += [f"- `{claim}` ({old[claim]}) is no longer registered" for claim in sorted(old.keys() - version.words.keys())]
    gone = len(lines) - changed
    topics: dict[str, list[str]] = {}
    for claim in sorted(version.words.keys() - old.keys()):
        topics.setdefault(claim.partition("/")[0], []).append(version.words[claim])
    lines += [f"- new in `{topic}`: {tally(words)}" for topic, words in topics.items()]
    new = sum(map(len, topics.values()))
    said = (
        f"{changed} verdicts changed against {before.name}, {new} claims are new, {gone} are gone; {len(version.words)} in all."
        if before
        else f"The first version, with {len(version.words)} claims: {tally(list(version.words.values()))}."
    )
    return "\n".join(
        [f"## {version.name} ({version.date or 'not released yet'})", "", said, *([""] if lines else []), *lines, ""]
    )


def sections(root: Path) -> dict[str, str]:
    """Version -> its section, newest first."""
    versions, coming = released(root), upcoming(root)
    if coming.name not in {version.name for version in versions}:
        versions.append(coming)
    return {v.name: section(v, before) for before, v in reversed(list(zip([None, *versions], versions, strict=False)))}


def main() -> int:
    """Write CHANGELOG.md, or print one version's section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--section", metavar="VERSION", help="print this version's section and write nothing")
    asked, root = parser.parse_args().section, project.root()
    try:
        found = sections(root)
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"The versions could not be read: {getattr(error, 'stderr', None) or error}\nThe changelog is made in a git "
            "checkout with its tags (`git fetch --tags`).",
            file=sys.stderr,
        )
        return 1
    if asked is None:
        (root / "CHANGELOG.md").write_text("\n".join([HEAD, *found.values()]), encoding="utf-8")
    elif asked.removeprefix("v") in found:
        print(found[asked.removeprefix("v")], end="")
    else:
        print(f"no version {asked!r}; expected one of {', '.join(found)}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
