"""What a sandbox as a whole uses, seen from outside. Each process has limits of its own; these bind their sum."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

TICK = 0.2  # seconds between two looks
FILES = 20_000  # files in the sandbox's folders: an empty one takes the system's memory too
FOLDERS = ("tmp", "dev/shm")


def _stats(first: int) -> Iterator[list[str]]:
    """The fields of /proc/PID/stat, as proc(5) numbers them from 0, of every process in the pid namespace of `first`."""
    try:
        space = os.readlink(f"/proc/{first}/ns/pid")
    except OSError:
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit():  # any: numbers begin anew when they are used up
            try:
                if os.readlink(f"/proc/{entry}/ns/pid") == space:
                    head, _, rest = Path(f"/proc/{entry}/stat").read_text(errors="replace").rpartition(")")
                    yield [*head.split(" (", 1), *rest.split()]
            except OSError:
                continue


def resident_mb(first: int) -> float:
    """The resident memory of every process in the pid namespace of `first`, in MiB; 0 where it cannot be read."""
    return sum(int(stat[23]) for stat in _stats(first)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_seconds(first: int) -> float:
    """The processor time of every process in the pid namespace of `first`, those that ended and were waited for included;
    0 where it cannot be read."""
    ticks = sum(sum(map(int, stat[13:17])) for stat in _stats(first))
    return ticks / os.sysconf("SC_CLK_TCK")


def files(first: int) -> int:
    """How many files the sandbox of `first` holds in its two writable folders; 0 where it cannot be read."""
    found = 0
    for folder in FOLDERS:
        try:
            room = os.statvfs(Path("/proc", str(first), "root", folder.lstrip("/")))
            found = max(found, room.f_files - room.f_ffree)
        except OSError:
            continue
    return found


def until(stop: threading.Event, first: int, memory_mb: float, over: Callable[[str], None]) -> None:
    """Look until `stop` is set; call over(why) once if a sum is past its limit."""
    while not stop.wait(TICK):
        if resident_mb(first) > memory_mb:
            return over(f"it used more than {memory_mb:g} MB of memory")
        if files(first) > FILES:
            return over(f"it made more than {FILES} files")
