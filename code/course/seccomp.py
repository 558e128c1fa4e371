"""System calls that a student's code does without: memory that no process owns, new namespaces, looking into others.

Memory limits count what processes hold. A memory file or a System V segment is held by none, and whoever makes a user
namespace may mount a file system without a size. The filter refuses these calls, as the default profile of container
engines does, and shared memory without a file, which counts for nobody once it is let go of; everything that NumPy,
SciPy and JAX call goes through.
"""

from __future__ import annotations

import errno
import os
import platform
import struct

# The numbers of the calls differ between architectures; from 424 on they are the same.
_COMMON = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "mount_setattr": 442,
    "memfd_secret": 447,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
}
REFUSED: dict[str, dict[str, int]] = {
    "x86_64": _COMMON
    | {
        "memfd_create": 319,
        "shmget": 29,
        "msgget": 68,
        "semget": 64,
        "mq_open": 240,
        "unshare": 272,
        "setns": 308,
        "mount": 165,
        "umount2": 166,
        "pivot_root": 155,
        "chroot": 161,
        "ptrace": 101,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "bpf": 321,
        "perf_event_open": 298,
        "userfaultfd": 323,
        "keyctl": 250,
        "add_key": 248,
        "request_key": 249,
        "kexec_load": 246,
        "kcmp": 312,
    },
    "aarch64": _COMMON
    | {
        "memfd_create": 279,
        "shmget": 194,
        "msgget": 186,
        "semget": 190,
        "mq_open": 180,
        "unshare": 97,
        "setns": 268,
        "mount": 40,
        "umount2": 39,
        "pivot_root": 41,
        "chroot": 51,
        "ptrace": 117,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "bpf": 280,
        "perf_event_open": 241,
        "userfaultfd": 282,
        "keyctl": 219,
        "add_key": 217,
        "request_key": 218,
        "kexec_load": 104,
        "kcmp": 272,
    },
}
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}
MMAP = {"x86_64": 9, "aarch64": 222}
SOCKETS = {"x86_64": (41, 53), "aarch64": (198, 199)}  # socket, socketpair
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; others, such as AF_VSOCK, know no network namespace
SHARED, ANONYMOUS = 0x01, 0x20  # of mmap: both together are memory that its makers can let go of and keep
CLONE3 = 435
NAMESPACES = 0x7E020000  # the CLONE_NEW... flags of clone
X32 = 0x40000000  # calls from here on are another interface of x86_64

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # classic BPF
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _FOURTH_ARGUMENT = 0, 4, 16, 40  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


def program(machine: str = "") -> bytes:
    """The filter as bwrap's --seccomp reads it; empty for an architecture whose numbers are not known here."""
    machine = machine or platform.machine()
    if machine not in REFUSED:
        return b""
    refused = sorted(REFUSED[machine].values())
    # (code, jump if true, jump if false, operand); jumps by name until the places are known
    lines: list[tuple[int, str, str, int]] = [
        (_LOAD, "", "", _ARCHITECTURE),
        (_EQUAL, "", "kill", AUDIT[machine]),
        (_LOAD, "", "", _NUMBER),
        (_AT_LEAST, "absent", "", X32),
        (_EQUAL, "absent", "", CLONE3),  # absent: glibc then takes clone
        *((_EQUAL, "refuse", "", number) for number in refused),
        (_EQUAL, "clone", "", CLONE[machine]),
        (_EQUAL, "map", "", MMAP[machine]),
        (_EQUAL, "socket", "", SOCKETS[machine][0]),
        (_EQUAL, "socket", "allow", SOCKETS[machine][1]),
    ]
    parts: dict[str, list[tuple[int, str, str, int]]] = {
        "clone": [(_LOAD, "", "", _FIRST_ARGUMENT), (_ANY_BIT, "refuse", "allow", NAMESPACES)],
        "map": [(_LOAD, "", "", _FOURTH_ARGUMENT), (_ANY_BIT, "", "allow", ANONYMOUS), (_ANY_BIT, "refuse", "allow", SHARED)],
        "socket": [
            (_LOAD, "", "", _FIRST_ARGUMENT),
            *((_EQUAL, "allow", "", family) for family in FAMILIES[:-1]),
            (_EQUAL, "allow", "refuse", FAMILIES[-1]),
        ],
    }
    places = {}
    for name, part in parts.items():
        places[name] = len(lines)
        lines += part
    ends = {"allow": _ALLOW, "refuse": _ERROR | errno.EPERM, "absent": _ERROR | errno.ENOSYS, "kill": _KILL}
    places |= {name: len(lines) + n for n, name in enumerate(ends)}
    made = b""
    for here, (code, yes, no, operand) in enumerate(lines):
        true, false = (places[name] - here - 1 if name else 0 for name in (yes, no))
        made += struct.pack("=HBBI", code, true, false, operand)
    return made + b"".join(struct.pack("=HBBI", _RETURN, 0, 0, value) for value in ends.values())


def descriptor() -> int:
    """A pipe's end that holds the filter, for bwrap; -1 where there is none. The caller closes it."""
    data = program()
    if not data:
        return -1
    read, write = os.pipe()
    os.write(write, data)  # a few hundred bytes: a pipe takes them at once
    os.close(write)
    return read
