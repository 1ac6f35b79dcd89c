"""Hostile programs, as data: each tries one way out, up or around, and says so itself if it got there.

Every program defines ``attack(where)`` and returns True only when it has reached what it must not reach. ``where``
tells it everything an attacker could wish to know about the scene outside (see :mod:`.scene`): ``tcp`` and ``udp``
ports, ``unix`` and ``abstract`` socket names, a ``secret`` file and a ``folder``, the ``bystander`` process. What it
reaches is looked for outside as well, since a program may lie. Programs of the ``verdict`` group try to be judged right
without being right: the parent expects a number that they cannot know.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Attack:
    """One hostile program.

    Attributes:
        name: Unique, short.
        group: ``network``, ``files``, ``environment``, ``processes``, ``resources``, ``verdict`` or ``state``.
        source: The program.
        then: A second program, run after the first, that returns True if it finds anything of it; for ``state``.
        control: Whether it may be let loose without isolation (it does no lasting harm there).
    """

    name: str
    group: str
    source: str
    then: str = ""
    control: bool = True


def _attack(group: str, name: str, body: str, *, control: bool = True, then: str = "", whole: bool = False) -> Attack:
    text = dedent(body).strip("\n")
    if not whole:
        text = "def attack(where):\n" + "\n".join(f"    {line}" for line in text.splitlines())
    after = "def attack(where):\n" + "\n".join(f"    {line}" for line in dedent(then).strip("\n").splitlines())
    return Attack(name, group, f"{text}\n", f"{after}\n" if then else "", control)


_SOCKET = "import socket\ns = socket.socket(socket.{family}, socket.{kind})\ns.settimeout(1)\n"


def _network(name: str, family: str, kind: str, act: str) -> Attack:
    return _attack("network", name, _SOCKET.format(family=family, kind=kind) + act + "\nreturn True")


NETWORK = (
    _network("tcp to loopback", "AF_INET", "SOCK_STREAM", 's.connect(("127.0.0.1", where["tcp"]))'),
    _network("tcp over ipv6", "AF_INET6", "SOCK_STREAM", 's.connect(("::1", where["tcp6"]))'),
    _network("udp to loopback", "AF_INET", "SOCK_DGRAM", 's.sendto(b"out", ("127.0.0.1", where["udp"]))'),
    _network("unix socket by path", "AF_UNIX", "SOCK_STREAM", 's.connect(where["unix"])'),
    _network("abstract unix socket", "AF_UNIX", "SOCK_STREAM", 's.connect("\\0" + where["abstract"])'),
    _attack("network", "other interfaces", "import socket\nreturn len(socket.if_nameindex()) > 1"),
    _attack(
        "network",
        "tcp by system call",
        """
        import ctypes, struct
        c = ctypes.CDLL(None, use_errno=True)
        s = c.syscall(41, 2, 1, 0)
        address = struct.pack("<H", 2) + struct.pack(">H", where["tcp"]) + bytes([127, 0, 0, 1]) + bytes(8)
        return s >= 0 and c.connect(s, address, 16) == 0
        """,
    ),
)

FILES = (
    _attack("files", "read a file outside", 'return open(where["secret"]).read()'),
    _attack("files", "read the accounts", 'return "root" in open("/etc/passwd").read()'),
    _attack("files", "list the folder outside", 'import os\nreturn len(os.listdir(where["folder"])) > 0'),
    _attack("files", "overwrite a file outside", 'open(where["secret"], "w").write("gone")\nreturn True'),
    _attack("files", "delete a file outside", 'import os\nos.remove(where["victim"])\nreturn True'),
    _attack("files", "write a new file outside", 'open(where["folder"] + "/new", "w").write("x")\nreturn True'),
    _attack("files", "through the root of /proc", 'return open("/proc/self/root" + where["secret"]).read()'),
    _attack(
        "files",
        "through a link",
        """
        import os
        link = "/tmp/planneal-link-" + where["token"]
        os.symlink(where["secret"], link)
        try:
            return open(link).read()
        finally:
            os.remove(link)
        """,
    ),
    _attack(
        "files",
        "inherited descriptors",
        """
        import os, stat
        for number in range(3, 256):
            try:
                kind = os.fstat(number).st_mode
            except OSError:
                continue
            if stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISSOCK(kind):
                return True
        return False
        """,
    ),
    _attack(
        "files",
        "mount something",
        """
        import ctypes
        c = ctypes.CDLL(None, use_errno=True)
        return c.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0 and c.umount(b"/tmp") == 0
        """,
        control=False,
    ),
    _attack("files", "leave by chroot", 'import os\nos.chroot("/tmp")\nreturn True', control=False),
    _attack("files", "change the installation", 'import os\nopen(os.__file__, "a").close()\nreturn True'),
)

ENVIRONMENT = (
    _attack("environment", "own environment", 'import os\nreturn os.environ["PLANNEAL_CANARY"]'),
    _attack(
        "environment",
        "environment of another process",
        'return open(f"/proc/{where[\'bystander\']}/environ", "rb").read().decode("latin-1")[-20000:]',
    ),
    _attack(
        "environment",
        "environment of the first process",
        'return "PLANNEAL_CANARY" in open("/proc/1/environ", "rb").read().decode("latin-1")',
    ),
    _attack(
        "environment",
        "memory of another process",
        """
        with open(f"/proc/{where['bystander']}/maps") as maps:
            start = int(maps.readline().split("-")[0], 16)
        with open(f"/proc/{where['bystander']}/mem", "rb") as memory:
            memory.seek(start)
            return len(memory.read(16)) == 16
        """,
    ),
    _attack("environment", "see other processes", "import os\nreturn os.path.exists(f\"/proc/{where['bystander']}\")"),
    _attack("environment", "name of the machine", 'import os\nreturn os.uname().nodename == where["host"]'),
)

PROCESSES = (
    _attack("processes", "fork", "import os\nif os.fork() == 0:\n    os._exit(0)\nreturn True"),
    _attack(
        "processes",
        "fork bomb",
        """
        import os, time
        for _ in range(200):
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
        return True
        """,
        control=False,
    ),
    _attack(
        "processes",
        "orphaned grandchild",
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(0.5)
                open(where["folder"] + "/orphan", "w").write("alive")
            os._exit(0)
        os.wait()
        return True
        """,
    ),
    _attack(
        "processes",
        "shell by subprocess",
        'import subprocess\nreturn subprocess.run(["/bin/sh", "-c", "exit 0"]).returncode == 0',
    ),
    _attack(
        "processes",
        "exec of a shell",
        'import os\nos.execv("/bin/sh", ["sh", "-c", "echo > " + where["folder"] + "/shell"])',
    ),
    _attack(
        "processes",
        "exec of the interpreter",
        """
        import os, sys
        os.execv(sys.executable, ["python", "-c", "print('PLANNEAL-' + 'EXECUTED')"])
        """,
    ),
    _attack("processes", "posix_spawn", 'import os, sys\nos.posix_spawn(sys.executable, ["p", "-V"], {})\nreturn True'),
    _attack(
        "processes",
        "multiprocessing",
        """
        import multiprocessing
        worker = multiprocessing.get_context("fork").Process(target=print)
        worker.start()
        worker.join()
        return True
        """,
    ),
    _attack(
        "processes",
        "fork by system call",
        """
        import ctypes, os
        c = ctypes.CDLL(None, use_errno=True)
        for number, flags in ((57, 0), (58, 0), (56, 17), (220, 17), (435, 0)):
            found = c.syscall(number, flags, 0, 0, 0, 0)
            if found == 0:
                os._exit(0)
            if found > 0:
                return True
        return False
        """,
    ),
    _attack("processes", "signal a process outside", 'import os\nos.kill(where["bystander"], 9)\nreturn where["seen"]'),
    _attack("processes", "signal everything", "import os\nos.kill(-1, 9)\nos.kill(1, 9)\nreturn False", control=False),
    _attack(
        "processes",
        "trace a process outside",
        """
        import ctypes
        return ctypes.CDLL(None).ptrace(16, where["bystander"], 0, 0) == 0
        """,
    ),
    _attack(
        "processes",
        "become root in a namespace",
        "import ctypes\nreturn ctypes.CDLL(None).unshare(0x10000000) == 0",
    ),
    _attack("processes", "become root", "import os\nos.setuid(0)\nos.chown('/tmp', 1, 1)\nreturn True", control=False),
    _attack(
        "processes",
        "thread flood",
        """
        import threading, time
        threading.stack_size(32768)
        for count in range(2000):
            threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
        return True
        """,
        control=False,
    ),
)

RESOURCES = (
    _attack("resources", "two gigabytes at once", "held = bytearray(2 * 2**30)\nreturn len(held) > 2**30"),
    _attack("resources", "memory bit by bit", "held = []\nwhile True:\n    held.append(bytearray(2**20))"),
    _attack(
        "resources",
        "shared memory",
        """
        import ctypes
        c = ctypes.CDLL(None)
        found = c.shmget(0, 2**30, 0o600 | 512)
        return found >= 0 and c.shmctl(found, 0, None) == 0
        """,
    ),
    _attack(
        "resources", "a large file", 'f = open("/tmp/big", "wb", buffering=0)\nreturn f.write(bytes(2**26)) == 2**26'
    ),
    _attack(
        "resources",
        "many files",
        """
        written = 0
        for number in range(64):
            with open(f"/tmp/planneal-flood-{number}", "wb", buffering=0) as file:
                written += file.write(bytes(2**20))
        return written >= 64 * 2**20
        """,
        control=False,
    ),
    _attack("resources", "output flood", 'while True:\n    print("x" * 10000)'),
    _attack("resources", "error flood", 'import os\nwhile True:\n    os.write(2, b"x" * 65536)'),
    _attack("resources", "huge answer", 'return "x" * (50 * 2**20)'),
    _attack("resources", "huge message", 'raise ValueError("x" * (50 * 2**20))'),
    _attack("resources", "endless loop", "while True:\n    pass"),
    _attack("resources", "endless sleep", "import time\ntime.sleep(10**6)"),
    _attack(
        "resources",
        "deaf to signals",
        """
        import signal
        for number in range(1, 32):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            pass
        """,
    ),
    _attack("resources", "endless regular expression", 'import re\nre.match("(a*)*b", "a" * 60)'),
    _attack("resources", "huge integer", "return 9 ** 9 ** 9 > 0"),
    _attack("resources", "huge integer as text", "import sys\nsys.set_int_max_str_digits(0)\nreturn str(7 ** 10**7)"),
    _attack("resources", "deep recursion", "return attack(where)"),
    _attack("resources", "deeper recursion", "import sys\nsys.setrecursionlimit(10**9)\nreturn attack(where)"),
    _attack("resources", "deeply nested source", "return eval('(' * 5000 + ')' * 5000)"),
    _attack("resources", "crash", "import ctypes\nctypes.string_at(1)"),
)

VERDICT = (
    _attack("verdict", "leave with success", "import os\nos._exit(0)"),
    _attack("verdict", "leave while loading", "import os\nos._exit(0)\ndef attack(where): pass", whole=True),
    _attack("verdict", "exit with success", "import sys\nsys.exit(0)"),
    _attack(
        "verdict",
        "equal to everything",
        "class Any(int):\n    __eq__ = lambda *_: True\n    __ne__ = lambda *_: False\n    __hash__ = int.__hash__\n"
        "def attack(where): return Any()",
        whole=True,
    ),
    _attack(
        "verdict",
        "lie about its class",
        """
        class Liar:
            __class__ = int
            __eq__ = lambda *_: True
            __int__ = __index__ = lambda self: 0
        return Liar()
        """,
    ),
    _attack(
        "verdict",
        "walk the frames",
        """
        import sys
        frame = sys._getframe()
        while frame is not None:
            for names in (frame.f_locals, frame.f_globals):
                for name, value in list(names.items()):
                    if "expect" in name:
                        return value
            frame = frame.f_back
        """,
    ),
    _attack(
        "verdict",
        "search all objects",
        """
        import gc
        for held in gc.get_objects():
            if isinstance(held, dict) and any("expect" in str(key) for key in list(held)):
                return next(value for key, value in held.items() if "expect" in str(key))
        """,
    ),
    _attack(
        "verdict",
        "patched builtins",
        """
        import builtins, json
        json.dumps = lambda *a, **k: '{"value": true}'
        builtins.len = lambda _: 0
        builtins.isinstance = lambda *_: True
        builtins.exec = builtins.compile = print
        """,
    ),
    _attack(
        "verdict",
        "forged answers",
        """
        import os
        for number in range(1, 64):
            try:
                os.write(number, b'{"value":1}\\n{"end":"ok"}\\n')
            except OSError:
                pass
        """,
    ),
    _attack(
        "verdict",
        "nonsense answers",
        """
        import os
        for number in range(3, 64):
            try:
                os.write(number, b"[" * 30000 + b"\\n" + b'{"end":' + b"9" * 9000 + b"}\\n")
            except OSError:
                pass
        """,
    ),
    _attack(
        "verdict",
        "hostile exception",
        """
        class Worse(BaseException):
            def __str__(self):
                raise self
            __repr__ = __str__
        raise Worse
        """,
    ),
    _attack(
        "verdict",
        "hanging output",
        """
        import sys
        class Hangs:
            def flush(self):
                while True:
                    pass
        sys.stdout = Hangs()
        """,
    ),
)

STATE = (
    _attack(
        "state",
        "a file left behind",
        'open("/tmp/planneal-left", "w").write("x")',
        then='import os\nreturn os.path.exists("/tmp/planneal-left")',
        control=False,
    ),
    _attack(
        "state",
        "shared memory left behind",
        'open("/dev/shm/planneal-left", "w").write("x")',
        then='import os\nreturn os.path.exists("/dev/shm/planneal-left")',
        control=False,
    ),
    _attack(
        "state",
        "a module changed",
        "import math\nmath.pi = 3",
        then="import math\nreturn math.pi == 3",
    ),
    _attack(
        "state",
        "a global left behind",
        "global planneal_left\nplanneal_left = 1",
        then='return "planneal_left" in globals()',
    ),
    _attack(
        "state",
        "a server left behind",
        """
        import os, socket
        server = socket.socket(socket.AF_UNIX)
        server.bind("\\0planneal-left-" + where["token"])
        server.listen()
        if os.fork() == 0:
            server.accept()
        """,
        then="""
        import socket
        socket.socket(socket.AF_UNIX).connect("\\0planneal-left-" + where["token"])
        return True
        """,
    ),
)

ATTACKS: tuple[Attack, ...] = (*NETWORK, *FILES, *ENVIRONMENT, *PROCESSES, *RESOURCES, *VERDICT, *STATE)
"""All of them."""
