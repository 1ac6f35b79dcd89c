"""Hostile programs, as data: each tries one way out, up or around, and says so itself if it got there.

Every program defines ``attack(where)`` and returns True only when it has reached what it must not reach. ``where``
tells it everything an attacker could wish to know about the scene outside (see :mod:`.scene`): ``tcp`` and ``udp``
ports, ``unix`` and ``abstract`` socket names, a ``secret`` file and a ``folder``, the ``bystander`` process. What it
reaches is looked for outside as well, since a program may lie. Programs of the ``verdict`` group try to be judged right
without being right: the parent expects a number that they cannot know.
"""

from __future__ import annotations

from .attack import Attack, hostile
from .attacks_within import RESOURCES, STATE, VERDICT

_SOCKET = "import socket\ns = socket.socket(socket.{family}, socket.{kind})\ns.settimeout(1)\n"


def _network(name: str, family: str, kind: str, act: str) -> Attack:
    return hostile("network", name, _SOCKET.format(family=family, kind=kind) + act + "\nreturn True")


NETWORK = (
    _network("tcp to loopback", "AF_INET", "SOCK_STREAM", 's.connect(("127.0.0.1", where["tcp"]))'),
    _network("tcp over ipv6", "AF_INET6", "SOCK_STREAM", 's.connect(("::1", where["tcp6"]))'),
    _network("udp to loopback", "AF_INET", "SOCK_DGRAM", 's.sendto(b"out", ("127.0.0.1", where["udp"]))'),
    _network("unix socket by path", "AF_UNIX", "SOCK_STREAM", 's.connect(where["unix"])'),
    _network("abstract unix socket", "AF_UNIX", "SOCK_STREAM", 's.connect("\\0" + where["abstract"])'),
    hostile("network", "other interfaces", "import socket\nreturn len(socket.if_nameindex()) > 1"),
    hostile(
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
    hostile("files", "read a file outside", 'return open(where["secret"]).read()'),
    hostile("files", "read the accounts", 'return "root" in open("/etc/passwd").read()'),
    hostile("files", "list the folder outside", 'import os\nreturn len(os.listdir(where["folder"])) > 0'),
    hostile("files", "overwrite a file outside", 'open(where["secret"], "w").write("gone")\nreturn True'),
    hostile("files", "delete a file outside", 'import os\nos.remove(where["victim"])\nreturn True'),
    hostile("files", "write a new file outside", 'open(where["folder"] + "/new", "w").write("x")\nreturn True'),
    hostile("files", "through the root of /proc", 'return open("/proc/self/root" + where["secret"]).read()'),
    hostile(
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
    hostile(
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
    hostile(
        "files",
        "mount something",
        """
        import ctypes
        c = ctypes.CDLL(None, use_errno=True)
        return c.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0 and c.umount(b"/tmp") == 0
        """,
        control=False,
    ),
    hostile("files", "leave by chroot", 'import os\nos.chroot("/tmp")\nreturn True', control=False),
    hostile("files", "change the installation", 'import os\nopen(os.__file__, "a").close()\nreturn True'),
)

ENVIRONMENT = (
    hostile("environment", "own environment", 'import os\nreturn os.environ["PLANNEAL_CANARY"]'),
    hostile(
        "environment",
        "environment of another process",
        'return open(f"/proc/{where[\'bystander\']}/environ", "rb").read().decode("latin-1")[-20000:]',
    ),
    hostile(
        "environment",
        "environment of the first process",
        'return "PLANNEAL_CANARY" in open("/proc/1/environ", "rb").read().decode("latin-1")',
    ),
    hostile(
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
    hostile("environment", "see other processes", "import os\nreturn os.path.exists(f\"/proc/{where['bystander']}\")"),
    hostile("environment", "name of the machine", 'import os\nreturn os.uname().nodename == where["host"]'),
)

PROCESSES = (
    hostile("processes", "fork", "import os\nif os.fork() == 0:\n    os._exit(0)\nreturn True"),
    hostile(
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
    hostile(
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
    hostile(
        "processes",
        "shell by subprocess",
        'import subprocess\nreturn subprocess.run(["/bin/sh", "-c", "exit 0"]).returncode == 0',
    ),
    hostile(
        "processes",
        "exec of a shell",
        'import os\nos.execv("/bin/sh", ["sh", "-c", "echo > " + where["folder"] + "/shell"])',
    ),
    hostile(
        "processes",
        "exec of the interpreter",
        """
        import os, sys
        os.execv(sys.executable, ["python", "-c", "print('PLANNEAL-' + 'EXECUTED')"])
        """,
    ),
    hostile("processes", "posix_spawn", 'import os, sys\nos.posix_spawn(sys.executable, ["p", "-V"], {})\nreturn True'),
    hostile(
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
    hostile(
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
    hostile("processes", "signal a process outside", 'import os\nos.kill(where["bystander"], 9)\nreturn where["seen"]'),
    hostile("processes", "signal everything", "import os\nos.kill(-1, 9)\nos.kill(1, 9)\nreturn False", control=False),
    hostile(
        "processes",
        "trace a process outside",
        """
        import ctypes
        return ctypes.CDLL(None).ptrace(16, where["bystander"], 0, 0) == 0
        """,
    ),
    hostile(
        "processes",
        "become root in a namespace",
        "import ctypes\nreturn ctypes.CDLL(None).unshare(0x10000000) == 0",
    ),
    hostile("processes", "become root", "import os\nos.setuid(0)\nos.chown('/tmp', 1, 1)\nreturn True", control=False),
    hostile(
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

ATTACKS: tuple[Attack, ...] = (*NETWORK, *FILES, *ENVIRONMENT, *PROCESSES, *RESOURCES, *VERDICT, *STATE)
"""All of them."""
