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
from functools import lru_cache
from pathlib import Path
from typing import Any

from course import seccomp, watch
from course.variants import VARIABLE
from course.wire import cleaned, crowded

COURSE = Path(__file__).resolve().parent
# All of ours that is inside: the library, and of this package what a notebook imports and what runs it.
INSIDE = {COURSE.parent / "alchemy": "/course/alchemy",
          **{COURSE / f"{name}.py": f"/course/course/{name}.py" for name in ("__init__", "assignment", "runner", "wire")}}
RUN = ("-B", "-m", "course.runner")
REPLY_BYTES = 48 * 2**20  # 32 MiB of numbers as text, and what stands around them
GRACE = 5.0     # seconds that the inside gets to stop by itself
START = 60.0    # seconds to start Python
# Where memory runs out, the sandbox ends first. A grader with CAP_SYS_RESOURCE sets it so that the inside cannot lower it.
FIRST_TO_GO = '{ echo 1000 > /proc/self/oom_score_adj; } 2> /dev/null; exec "$@"'
UIDS = 61_000   # where the grader is root, its workers become users from here on, see `user`


class NoSandbox(RuntimeError):
    """No way to confine a student's code works on this machine."""


class Died(RuntimeError):
    """The sandbox ended or was ended during a request; the message says how, in words for the student."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use. output_kb: kept of what one cell prints."""

    cell_seconds: float = 60
    total_seconds: float = 240
    memory_mb: int = 4096
    processes: int = 128
    file_mb: int = 64
    output_kb: int = 64


def _system() -> list[str]:
    """The parts of the system that Python needs, read-only: nothing of /etc but the linker's tables, no home."""
    parts: list[str] = ["--ro-bind", "/usr", "/usr"]
    for name in ("/lib", "/lib64", "/lib32", "/bin", "/sbin"):
        path = Path(name)
        if path.is_symlink():
            parts += ["--symlink", os.readlink(path), name]
        elif path.is_dir():
            parts += ["--ro-bind", name, name]
    for name in ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"):
        parts += ["--ro-bind-try", name, name]
    for prefix in dict.fromkeys((Path(sys.base_prefix), Path(sys.base_prefix).resolve(), Path(sys.prefix))):
        if not prefix.is_relative_to("/usr"):
            for parent in reversed(prefix.parents[:-1]):  # bwrap would make them for their owner only
                if parent != Path("/tmp"):
                    parts += ["--perms", "0755", "--dir", str(parent)]
            parts += ["--ro-bind", str(prefix), str(prefix)]
    return parts


def environment() -> dict[str, str]:
    """The whole environment inside: one thread each, no accelerator, no secret."""
    return {
        "PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "PYTHONPATH": "/course",
        "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg", "MPLCONFIGDIR": "/tmp", "JAX_PLATFORMS": "cpu",
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "ALCHEMY_SCALE": "smoke", "ALCHEMY_SEED": "0",
    }


def bubblewrap(limits: Limits, *inside: str) -> list[str]:
    """The bwrap command line for a command inside."""
    root = os.geteuid() == 0
    # Root takes no user namespace: mapped root would stay root outside, where RLIMIT_NPROC does not bind it. The
    # runner becomes another user before it runs a line of the student's.
    spaces = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    rights = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else ["--unshare-user"]
    shelf = str(limits.file_mb * 2**20)
    command = ["bwrap", *spaces, *rights, "--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"]
    for name, value in environment().items():
        command += ["--setenv", name, value]
    # First: an environment that lies under /tmp is then mounted into it.
    command += ["--perms", "1777", "--size", shelf, "--tmpfs", "/tmp", *_system()]
    command += ["--perms", "0755", "--dir", "/course", "--perms", "0755", "--dir", "/course/course"]
    for outside, place in INSIDE.items():
        command += ["--ro-bind", str(outside), place]
    command += ["--proc", "/proc", "--dev", "/dev",
                "--perms", "1777", "--size", shelf, "--tmpfs", "/dev/shm",
                # what is mapped of /dev/zero is memory that no process need hold
                "--dev-bind", "/dev/null", "/dev/zero", "--remount-ro", "/dev", "--remount-ro", "/",
                "--chdir", "/tmp"]
    return [*command, *inside]


def container(engine: str, image: str, limits: Limits, *inside: str) -> list[str]:
    """The docker or podman command line; the image brings Python and the environment of requirements.lock."""
    command = [engine, "run", "--rm", "--interactive", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user",
               "61000:61000", "--security-opt", "no-new-privileges", "--pids-limit", str(limits.processes),
               "--memory", f"{limits.memory_mb}m", "--memory-swap", f"{limits.memory_mb}m",
               "--tmpfs", f"/tmp:rw,size={limits.file_mb}m,mode=1777", "--workdir", "/tmp"]
    for outside, place in INSIDE.items():  # --volume takes no path with a colon in it
        command += ["--mount", f"type=bind,src={outside},dst={place},readonly"]
    for name, value in environment().items():
        if name != "PATH":  # the image knows where its Python is
            command += ["--env", f"{name}={value}"]
    return [*command, image, *inside]


def _works(command: list[str]) -> str:
    """Empty if the command ends well, else why not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")[-300:]


@lru_cache(maxsize=8)
def engine(image: str = "", *, confined: bool = True) -> tuple[str, ...]:
    """What confines here: ("docker" or "podman", image), ("bwrap",), or ("none",) only where `confined` is False.

    Raises NoSandbox, with what was tried, where nothing works.
    """
    if not confined:
        return ("none",)
    tried = []
    for name in ("docker", "podman"):
        if image and shutil.which(name):
            if not (why := _works([name, "image", "inspect", image])):
                return (name, image)
            tried.append(f"{name} with the image {image}: {why}")
    if shutil.which("bwrap"):
        if not (why := _works(bubblewrap(Limits(), sys.executable, "-c", "pass"))):
            return ("bwrap",)
        tried.append(f"bubblewrap: {why}")
    else:
        tried.append("bubblewrap: not installed")
    raise NoSandbox(
        f"students' code is not run here: no sandbox works ({'; '.join(tried)}). Install bubblewrap (Debian, Ubuntu: "
        "apt-get install bubblewrap), or name a container image in course.toml ([sandbox] image), or grade on another "
        "machine. --no-sandbox runs the code with your own rights: only for submissions that you wrote yourself."
    )


def user(grader: int, worker: int) -> int:
    """The user that runs a worker's submission. The limit on processes counts by user over the whole machine, so two
    workers, of two graders or of one, must not share it: a fork bomb in one would stop the other."""
    return UIDS + 16 * (grader % 250) + worker % 16


@dataclass
class Sandbox:
    """One confined process. box.ask(...) -> reply; Died when it cannot answer. Not for two threads at once."""

    limits: Limits = field(default_factory=Limits)
    engine: tuple[str, ...] = ("bwrap",)
    worker: int = 0

    def __enter__(self) -> Sandbox:
        self._deadline = time.monotonic() + self.limits.total_seconds + START
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
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            pass_fds=[d for d in (info_write, rules) if d >= 0] if self.engine[0] == "bwrap" else (), cwd=self._folder,
            env=self._outer(),
        )
        for descriptor in (info_write, rules):
            if descriptor >= 0:
                os.close(descriptor)
        self._inside = self._pid(info_read)
        self._watching = threading.Event()
        if self._inside:
            threading.Thread(target=watch.until, args=(self._watching, self._inside, self.limits.memory_mb, self._over),
                             daemon=True).start()
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
        return self._receive(seconds + GRACE)

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
                data = data[os.write(descriptor, data):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._dead("it had ended") from error

    def _receive(self, seconds: float) -> dict[str, Any]:
        end = min(time.monotonic() + seconds, self._deadline)
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                over = "the whole notebook's time is over" if end == self._deadline else "it ran past its time and did not stop"
                raise self._dead(over)
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
