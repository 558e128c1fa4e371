"""The filter of system calls."""

from __future__ import annotations

import errno
import struct

import pytest
from course import seccomp


def run_filter(program: bytes, machine: str, number: int, argument: int = 0, architecture: int = 0) -> int:
    """What the kernel would answer: classic BPF, as far as the filter uses it."""
    lines = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    data = {0: number, 4: architecture or seccomp.AUDIT[machine], 16: argument, 40: argument}
    place = held = 0
    while True:
        code, yes, no, operand = lines[place]
        if code == 0x06:
            return operand
        if code == 0x20:
            held, place = data[operand], place + 1
        else:
            true = {0x15: held == operand, 0x35: held >= operand, 0x45: bool(held & operand)}[code]
            place += 1 + (yes if true else no)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_refuses_what_it_lists_and_lets_the_rest_through(machine: str) -> None:
    program = seccomp.program(machine)
    allow, refuse, absent, kill = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS, 0x80000000
    for number in range(600):
        refused = {*seccomp.REFUSED[machine].values(), *seccomp.SOCKETS[machine]}  # of no family
        wanted = refuse if number in refused else absent if number == seccomp.CLONE3 else allow
        assert run_filter(program, machine, number) == wanted, number
    assert run_filter(program, machine, seccomp.CLONE[machine], 0x10000000) == refuse  # a user namespace
    assert run_filter(program, machine, seccomp.CLONE[machine], 0x003D0F00) == allow  # a thread, as glibc makes it
    for number in seccomp.SOCKETS[machine]:
        found = {family for family in range(50) if run_filter(program, machine, number, family) == allow}
        assert found == {1, 2, 10}  # AF_UNIX, AF_INET, AF_INET6: neither AF_VSOCK nor AF_NETLINK
    for flags, wanted in ((0x22, allow), (0x01, allow), (0x21, refuse), (0x8021, refuse), (0x23, refuse), (0x4022, allow)):
        assert run_filter(program, machine, seccomp.MMAP[machine], flags) == wanted, hex(flags)
    assert run_filter(program, machine, seccomp.X32 + 1) == absent
    assert run_filter(program, machine, 1, architecture=0x40000003) == kill  # 32-bit calls have other numbers
    assert seccomp.program("riscv64") == b""
