"""Limits and the system-call filter that a child puts on itself before it runs a program.

The filter is a classic BPF program for ``seccomp``. It refuses (``EPERM``) new processes, ``exec``, sockets, other
processes' memory, kernel keys, shared memory that no limit counts, new namespaces, mounts and administration; threads
stay (``clone3`` answers ``ENOSYS``, the one error on which the C library falls back to ``clone``). It is the inner
wall: the outer one is the namespaces that bubblewrap made. It also bounds the number of processes where
``RLIMIT_NPROC`` does not, namely for root. The file stands alone: the child reads it by path, without the package.

References: ``man 2 seccomp``; system-call numbers from ``asm/unistd_64.h`` and ``asm-generic/unistd.h``.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
import signal
import struct
import sys
from collections.abc import Mapping

_SHARED = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 442, 447)
"""pidfd_send_signal, io_uring_*, open_tree .. fspick, pidfd_open, pidfd_getfd, mount_setattr, memfd_secret."""

_X86_64 = (
    *(29, 41, 57, 58, 59, 64, 68),  # shmget socket fork vfork execve semget msgget
    *(101, 103, 135, 154, 155, 161, 163, 164, 165, 166),  # ptrace syslog personality modify_ldt pivot_root .. umount2
    *(167, 168, 169, 170, 171, 172, 173, 175, 176, 179),  # swapon .. ioperm init_module delete_module quotactl
    *(
        227,
        237,
        238,
        240,
        246,
        248,
        249,
        250,
        256,
    ),  # clock_settime mbind set_mempolicy mq_open kexec keys migrate_pages
    *(272, 278, 279, 298, 303, 304, 308, 310, 311, 312),  # unshare vmsplice move_pages perf handles setns vm kcmp
    *(313, 319, 320, 321, 322, 323),  # finit_module memfd_create kexec_file_load bpf execveat userfaultfd
)
_AARCH64 = (
    *(39, 40, 41, 51, 60, 75, 89, 92, 97),  # umount2 mount pivot_root chroot quotactl vmsplice acct personality unshare
    *(104, 105, 106, 112, 116, 117, 142),  # kexec init_module delete_module clock_settime syslog ptrace reboot
    *(
        161,
        162,
        170,
        180,
        186,
        190,
        194,
        198,
    ),  # sethostname setdomainname settimeofday mq_open msgget semget shmget socket
    *(217, 218, 219, 221, 224, 225, 235, 237, 238, 239, 241),  # keys execve swapon swapoff mbind .. move_pages perf
    *(264, 265, 268, 270, 271, 272, 273, 279, 280, 281, 282, 294),  # handles setns vm kcmp .. kexec_file_load
)
_TABLES: Mapping[str, tuple[int, int, tuple[int, ...]]] = {
    # machine: audit number, clone, refused calls
    "x86_64": (0xC000003E, 56, _X86_64 + _SHARED),
    "aarch64": (0xC00000B7, 220, _AARCH64 + _SHARED),
}
_CLONE3, _CLONE_THREAD, _X32 = 435, 0x0001_0000, 0x4000_0000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


def program(machine: str) -> bytes:
    """The filter as BPF instructions of eight bytes.

    Args:
        machine: As ``os.uname().machine`` says it.

    Raises:
        OSError: There is no table for this machine.
    """
    if machine not in _TABLES or sys.maxsize < 2**32:
        raise OSError(errno.ENOSYS, f"no system-call filter for {machine}")
    audit, clone, refused = _TABLES[machine]
    eperm, enosys = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    steps = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, eperm),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_JUMP_AT_LEAST, 0, 1, _X32),  # the second table of x86
        (_RETURN, 0, 0, eperm),
        (_JUMP_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, enosys),
    ]
    for number in refused:
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, eperm)]
    steps += [
        (_JUMP_EQUAL, 0, 3, clone),
        (_LOAD, 0, 0, 16),  # the low half of its flags
        (_JUMP_BITS, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, eperm),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def refuse_calls() -> None:
    """Puts the filter on this process, for good.

    Raises:
        OSError: The machine is unknown or the kernel refuses.
    """
    code = program(os.uname().machine)
    held = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong)
    if prctl(_NO_NEW_PRIVILEGES, 1, None, 0, 0) or prctl(_SET_SECCOMP, _FILTER, header, 0, 0):
        code_number = ctypes.get_errno()
        raise OSError(code_number, f"the system-call filter was refused: {os.strerror(code_number)}")


def limit(cpu_seconds: float, memory_bytes: int, file_bytes: int, *, threads: int | None = None) -> None:
    """Sets the resource limits of this process, hard ones, so that they can only be lowered.

    Args:
        cpu_seconds: From now on; rounded up to whole seconds, a second later nothing can put the end off.
        memory_bytes: Address space.
        file_bytes: Largest file.
        threads: Most threads, where this process has a user namespace of its own to count them in; None sets none,
            since they would be counted together with everything that the user runs.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + cpu_seconds)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    limits = [
        ("RLIMIT_CPU", seconds, seconds + 1),
        ("RLIMIT_AS", memory_bytes, memory_bytes),
        ("RLIMIT_FSIZE", file_bytes, file_bytes),
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_NOFILE", 64, 64),
        ("RLIMIT_MSGQUEUE", 0, 0),
        ("RLIMIT_MEMLOCK", 0, 0),
    ]
    if threads is not None and _counts_by_namespace():
        limits.append(("RLIMIT_NPROC", threads, threads))
    for name, soft, hard in limits:
        known = getattr(resource, name, None)
        if known is not None:
            resource.setrlimit(known, (soft, hard))


def _counts_by_namespace() -> bool:
    """Whether the kernel counts ``RLIMIT_NPROC`` in each user namespace (Linux 5.14 and later)."""
    major, minor = (int("".join(c for c in part if c.isdigit()) or 0) for part in os.uname().release.split(".")[:2])
    return (major, minor) >= (5, 14)
