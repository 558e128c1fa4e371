"""One page in a process of its own: its environment, a watch over it, and its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from alchemy.execute import has_jupyter

STILL = 90.0  # seconds without processor time after which a page has stopped for good


def environment(own: Mapping[str, str], cache: Path) -> dict[str, str]:
    """The environment of a page's process: this one's, the library, JAX's compilation cache, and what is the page's own."""
    library = str(Path(__file__).resolve().parents[1])
    return (
        os.environ
        | {
            "PYTHONPATH": os.pathsep.join(filter(None, (library, os.environ.get("PYTHONPATH")))),
            "MPLBACKEND": "agg",
            # Pages write to it side by side; what compiles faster than this is not worth reading back.
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.5",
        }
        | own
    )


def work(page: Path, folder: Path, own: Mapping[str, str], cache: Path, stop: threading.Event) -> str:
    """Execute a page into `folder`; empty, or the end of its log where it failed.

    own: the page's scale, seed and cores, as environment. cache: where JAX keeps what it compiled. stop: ends the page.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "log.txt"
    command = [sys.executable, "-m", "alchemy.execute", str(page), str(folder), *([] if has_jupyter() else ["plain"])]
    for attempt in (1, 2):
        with log.open("a", encoding="utf-8") as output:
            child = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment(own, cache),
                start_new_session=True,
            )
            ended = watch(child, stop)
            if ended != "still":
                break
            # JAX's threads on a CPU can lose a wake-up and wait for each other for good: seen, and rare.
            output.write(f"no processor time for {STILL:.0f} s: ended" + (", started again\n" if attempt == 1 else "\n"))
    shutil.rmtree(folder / "ipython", ignore_errors=True)
    if child.returncode == 0:
        return ""
    rows = [row for row in log.read_text(encoding="utf-8", errors="replace").splitlines() if not row.startswith("·")]
    return "\n".join(f"    {row}" for row in rows)[-4000:] + f"\n    log: {log}"


def watch(child: subprocess.Popen[bytes], stop: threading.Event) -> str:
    """Wait for a page's process: "ended", "stopped" when asked to, or "still" where it does nothing any more."""
    spent, since = -1.0, time.monotonic()
    while True:
        try:
            child.wait(timeout=0.5)
            return "ended"
        except subprocess.TimeoutExpired:
            pass
        now = processor_seconds(child.pid)
        if now is None or now > spent + 0.5:
            spent, since = now or 0.0, time.monotonic()
        if stop.is_set() or time.monotonic() - since > STILL:
            end(child)
            return "stopped" if stop.is_set() else "still"


def processor_seconds(pid: int) -> float | None:
    """Processor seconds of a page's process, of its session and its kernel, or None where the system does not tell."""
    if not Path("/proc/self/stat").is_file():
        return None
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        # After the name: state, parent, group, session ...; user and system time are the twelfth and thirteenth.
        if str(pid) in (fields[1], fields[3]):
            total += (int(fields[11]) + int(fields[12])) / tick
    return total


def end(child: subprocess.Popen[bytes]) -> None:
    """End a page's process; its kernel, which watches its parent, ends with it."""
    child.terminate()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
