"""Where a student's code runs: no network, no other process, no file but the system, the environment and the library.

nbgrader executes submissions with the instructor's rights, in a kernel that can read the gradebook and everybody
else's work. Here its execution is replaced: each submission gets a process in namespaces of its own (bubblewrap, or
a container where an image is configured), with limits on time, memory, processes and output, and only answers come
out. The whole group dies with the sandbox.

    with Sandbox(limits) as box:
        reply = box.ask({"do": "cell", "source": "x = 1", "name": "<cell 1>"}, seconds=10)
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from course import seccomp, watch
from course.engines import COURSE, RUN, Limits, bubblewrap, container, environment, user
from course.runner import PATIENCE
from course.variants import VARIABLE
from course.wire import cleaned, crowded

REPLY_BYTES = 48 * 2**20  # 32 MiB of numbers as text, and what stands around them
GRACE = 5.0  # seconds of processor time that the inside gets to stop by itself
START = 60.0  # seconds to start Python
LOOK = 0.5  # seconds on the clock between two looks at the processor time
# Where memory runs out, the sandbox ends first. A grader with CAP_SYS_RESOURCE sets it so that the inside cannot lower it.
FIRST_TO_GO = '{ echo 1000 > /proc/self/oom_score_adj; } 2> /dev/null; exec "$@"'


class Died(RuntimeError):
    """The sandbox ended or was ended during a request; the message says how, in words for the student."""


@dataclass
class Sandbox:
    """One confined process. box.ask(...) -> reply; Died when it cannot answer. Not for two threads at once."""

    limits: Limits = field(default_factory=Limits)
    engine: tuple[str, ...] = ("bwrap",)
    worker: int = 0

    def __enter__(self) -> Sandbox:
        self._deadline = time.monotonic() + PATIENCE * self.limits.total_seconds + START
        self._spent = 0.0
        self._why, self._buffer = "", bytearray()
        (info_read, info_write), rules = os.pipe(), -1
        python = sys.executable if self.engine[0] in ("bwrap", "none") else "python"
        self._folder = None
        if self.engine[0] == "bwrap":
            command = bubblewrap(self.limits, python, *RUN)
            rules = seccomp.descriptor()
            command[1:1] = ["--info-fd", str(info_write), *(["--seccomp", str(rules)] if rules >= 0 else [])]
            command = ["/bin/sh", "-c", FIRST_TO_GO, "sh", *command]
        elif self.engine[0] == "none":
            command = [python, *RUN]
            self._folder = tempfile.mkdtemp(prefix="coursework-")
        else:
            command = container(self.engine[0], self.engine[1], self.limits, python, *RUN)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[d for d in (info_write, rules) if d >= 0] if self.engine[0] == "bwrap" else (),
            cwd=self._folder,
            env=self._outer(),
        )
        for descriptor in (info_write, rules):
            if descriptor >= 0:
                os.close(descriptor)
        self._inside = self._pid(info_read)
        self._watching = threading.Event()
        if self._inside:
            threading.Thread(
                target=watch.until, args=(self._watching, self._inside, self.limits.memory_mb, self._over), daemon=True
            ).start()
        uid = user(os.getpid(), self.worker) if os.geteuid() == 0 and self.engine[0] == "bwrap" else 0
        try:
            self._send({**vars(self.limits), "total_seconds": int(self.limits.total_seconds), "uid": uid})
            self._receive(START)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.set()
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send one request and return the reply. Raises Died when none comes in time or the process is gone."""
        self._send(request | {"seconds": seconds})
        reply = self._receive(seconds + GRACE)
        if not self._inside:
            self._spent += reply["seconds"] or 0.0
        return reply

    def spent(self) -> float:
        """Seconds of processor time so far: of all that runs inside where that can be seen, else as the inside tells it."""
        if self._inside:
            self._spent = max(self._spent, watch.processor_seconds(self._inside))
        return self._spent

    def _send(self, message: dict[str, Any]) -> None:
        """Write a line; a process that does not read it is no reason to wait for ever."""
        data, descriptor = json.dumps(message).encode() + b"\n", self._process.stdin.fileno()
        os.set_blocking(descriptor, False)
        end = time.monotonic() + START
        while data:
            _, ready, _ = select.select([], [descriptor], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise self._dead("it stopped answering")
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._dead("it had ended") from error

    def _receive(self, seconds: float) -> dict[str, Any]:
        end, begun = min(time.monotonic() + PATIENCE * seconds, self._deadline), self.spent()
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, min(LOOK, end - time.monotonic())))
            if not ready:
                if self.spent() - begun > seconds:
                    raise self._dead("it ran past its time and did not stop")
                if time.monotonic() >= end:
                    raise self._dead("it waited past its time and did not stop")
                continue
            block = os.read(descriptor, 1 << 20)
            if not block:
                raise self._dead("it ended Python")
            self._buffer += block
            if len(self._buffer) > REPLY_BYTES:
                raise self._dead("it sent more than a reply may hold")
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        if crowded(line):
            raise self._dead("it sent more than a reply may hold")
        try:
            return cleaned(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise self._dead("its reply cannot be read") from error

    def _dead(self, why: str) -> Died:
        self._kill()
        return Died(self._why or why)

    def _kill(self) -> None:
        """The whole group. Namespaces end with their first process, so nothing inside survives."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._inside:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._inside, signal.SIGKILL)

    def _outer(self) -> dict[str, str]:
        """The environment of the command that makes the sandbox. bwrap stays in it as process 1, and what it was
        started with can be read there: so not ours, which may hold the secret."""
        if self.engine[0] == "none":
            return environment() | {"PYTHONPATH": str(COURSE.parent)}
        if self.engine[0] == "bwrap":
            return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        return {name: value for name, value in os.environ.items() if name != VARIABLE}

    def _pid(self, descriptor: int) -> int:
        """The first process inside, as bwrap tells it; 0 if it does not."""
        with os.fdopen(descriptor, "rb") as file:
            try:
                return int(json.loads(file.read())["child-pid"]) if self.engine[0] == "bwrap" else 0
            except (ValueError, KeyError):
                return 0

    def _over(self, why: str) -> None:
        """The sandbox as a whole used too much."""
        self._why = why
        self._kill()
