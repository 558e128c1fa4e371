"""What confines a student's code: bubblewrap, or a container where an image is configured, and what each lets in.

Of ours the inside sees the library and four modules of this package, read-only: no assignment, no item, no grader.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

COURSE = Path(__file__).resolve().parent
# All of ours that is inside: the library, and of this package what a notebook imports and what runs it.
INSIDE = {
    COURSE.parent / "alchemy": "/course/alchemy",
    **{COURSE / f"{name}.py": f"/course/course/{name}.py" for name in ("__init__", "assignment", "runner", "wire")},
}
RUN = ("-B", "-m", "course.runner")
UIDS = 61_000  # where the grader is root, its workers become users from here on, see `user`


class NoSandbox(RuntimeError):
    """No way to confine a student's code works on this machine."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds are of processor time, so that a busy machine changes no mark; on the clock
    they may be PATIENCE times as many. output_kb: kept of what one cell prints."""

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
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": "/course",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/tmp",
        "JAX_PLATFORMS": "cpu",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "ALCHEMY_SCALE": "smoke",
        "ALCHEMY_SEED": "0",
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
    command += [
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--perms",
        "1777",
        "--size",
        shelf,
        "--tmpfs",
        "/dev/shm",
        # what is mapped of /dev/zero is memory that no process need hold
        "--dev-bind",
        "/dev/null",
        "/dev/zero",
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
        "--chdir",
        "/tmp",
    ]
    return [*command, *inside]


def container(engine: str, image: str, limits: Limits, *inside: str) -> list[str]:
    """The docker or podman command line; the image brings Python and the environment of requirements.lock."""
    command = [
        engine,
        "run",
        "--rm",
        "--interactive",
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--user",
        "61000:61000",
        "--security-opt",
        "no-new-privileges",
        "--pids-limit",
        str(limits.processes),
        "--memory",
        f"{limits.memory_mb}m",
        "--memory-swap",
        f"{limits.memory_mb}m",
        "--tmpfs",
        f"/tmp:rw,size={limits.file_mb}m,mode=1777",
        "--workdir",
        "/tmp",
    ]
    for outside, place in INSIDE.items():  # --volume takes no path with a colon in it
        command += ["--mount", f'type=bind,"src={outside}",dst={place},readonly']  # quoted: a folder's name may hold a comma
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
