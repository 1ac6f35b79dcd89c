"""The filter's program, interpreted here call by call, for machines that are not at hand too."""

import struct

import pytest
from planneal.verifiers.sandbox.confine import program

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x00050001, 0x00050026
CALLS = {
    "x86_64": {"refused": (29, 41, 57, 58, 59, 101, 165, 250, 272, 310, 321, 322, 425), "clone": 56},
    "aarch64": {"refused": (40, 97, 117, 194, 198, 219, 221, 270, 280, 281, 425), "clone": 220},
}
KEPT = {  # read, write, mmap, futex, exit_group, socketpair, clock_gettime, tgkill
    "x86_64": (0, 1, 9, 202, 231, 53, 228, 234),
    "aarch64": (63, 64, 222, 98, 94, 199, 113, 131),
}


def verdict(machine, number, flags=0, audit=None):
    """What the kernel's interpreter would answer."""
    code = program(machine)
    steps = [struct.unpack_from("HBBI", code, at) for at in range(0, len(code), 8)]
    data = {0: number, 4: AUDIT[machine] if audit is None else audit, 16: flags}
    at, held = 0, 0
    while True:
        kind, yes, no, value = steps[at]
        at += 1
        if kind == 0x06:
            return value
        if kind == 0x20:
            held = data[value]
        else:
            taken = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind]
            at += yes if taken else no


@pytest.mark.parametrize("machine", AUDIT)
def test_what_is_refused_and_what_stays(machine):
    for number in CALLS[machine]["refused"]:
        assert verdict(machine, number) == EPERM
    for number in KEPT[machine]:
        assert verdict(machine, number) == ALLOW


@pytest.mark.parametrize("machine", AUDIT)
def test_threads_stay_and_processes_do_not(machine):
    clone = CALLS[machine]["clone"]
    assert verdict(machine, clone, flags=17) == EPERM
    assert verdict(machine, clone, flags=0x10000000) == EPERM  # a user namespace
    assert verdict(machine, clone, flags=0x3D0F00) == ALLOW  # as pthread_create asks
    assert verdict(machine, 435) == ENOSYS  # any other error would break threads


@pytest.mark.parametrize("machine", AUDIT)
def test_another_table_of_calls_is_refused_whole(machine):
    other = next(AUDIT[name] for name in AUDIT if name != machine)
    assert verdict(machine, 0, audit=other) == EPERM
    assert verdict(machine, 0x40000000) == EPERM


def test_an_unknown_machine_has_no_filter():
    with pytest.raises(OSError, match="mips"):
        program("mips")
