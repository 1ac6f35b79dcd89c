"""Hostile programs that stay inside: they use up what they can, fake their answers, or wait for the next run."""

from __future__ import annotations

from .attack import hostile

RESOURCES = (
    hostile("resources", "two gigabytes at once", "held = bytearray(2 * 2**30)\nreturn len(held) > 2**30"),
    hostile("resources", "memory bit by bit", "held = []\nwhile True:\n    held.append(bytearray(2**20))"),
    hostile(
        "resources",
        "shared memory",
        """
        import ctypes
        c = ctypes.CDLL(None)
        found = c.shmget(0, 2**30, 0o600 | 512)
        return found >= 0 and c.shmctl(found, 0, None) == 0
        """,
    ),
    hostile(
        "resources", "a large file", 'f = open("/tmp/big", "wb", buffering=0)\nreturn f.write(bytes(2**26)) == 2**26'
    ),
    hostile(
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
    hostile("resources", "output flood", 'while True:\n    print("x" * 10000)'),
    hostile("resources", "error flood", 'import os\nwhile True:\n    os.write(2, b"x" * 65536)'),
    hostile("resources", "huge answer", 'return "x" * (50 * 2**20)'),
    hostile("resources", "huge message", 'raise ValueError("x" * (50 * 2**20))'),
    hostile("resources", "endless loop", "while True:\n    pass"),
    hostile("resources", "endless sleep", "import time\ntime.sleep(10**6)"),
    hostile(
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
    hostile("resources", "endless regular expression", 'import re\nre.match("(a*)*b", "a" * 60)'),
    hostile("resources", "huge integer", "return 9 ** 9 ** 9 > 0"),
    hostile("resources", "huge integer as text", "import sys\nsys.set_int_max_str_digits(0)\nreturn str(7 ** 10**7)"),
    hostile("resources", "deep recursion", "return attack(where)"),
    hostile("resources", "deeper recursion", "import sys\nsys.setrecursionlimit(10**9)\nreturn attack(where)"),
    hostile("resources", "deeply nested source", "return eval('(' * 5000 + ')' * 5000)"),
    hostile("resources", "crash", "import ctypes\nctypes.string_at(1)"),
)

VERDICT = (
    hostile("verdict", "leave with success", "import os\nos._exit(0)"),
    hostile("verdict", "leave while loading", "import os\nos._exit(0)\ndef attack(where): pass", whole=True),
    hostile("verdict", "exit with success", "import sys\nsys.exit(0)"),
    hostile(
        "verdict",
        "equal to everything",
        "class Any(int):\n    __eq__ = lambda *_: True\n    __ne__ = lambda *_: False\n    __hash__ = int.__hash__\n"
        "def attack(where): return Any()",
        whole=True,
    ),
    hostile(
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
    hostile(
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
    hostile(
        "verdict",
        "search all objects",
        """
        import gc
        for held in gc.get_objects():
            if isinstance(held, dict) and any("expect" in str(key) for key in list(held)):
                return next(value for key, value in held.items() if "expect" in str(key))
        """,
    ),
    hostile(
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
    hostile(
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
    hostile(
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
    hostile(
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
    hostile(
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
    hostile(
        "state",
        "a file left behind",
        'open("/tmp/planneal-left", "w").write("x")',
        then='import os\nreturn os.path.exists("/tmp/planneal-left")',
        control=False,
    ),
    hostile(
        "state",
        "shared memory left behind",
        'open("/dev/shm/planneal-left", "w").write("x")',
        then='import os\nreturn os.path.exists("/dev/shm/planneal-left")',
        control=False,
    ),
    hostile(
        "state",
        "a module changed",
        "import math\nmath.pi = 3",
        then="import math\nreturn math.pi == 3",
    ),
    hostile(
        "state",
        "a global left behind",
        "global planneal_left\nplanneal_left = 1",
        then='return "planneal_left" in globals()',
    ),
    hostile(
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
