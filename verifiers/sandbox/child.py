"""The program inside: waits for one job, confines itself, runs it, writes plain values and ends.

Run by path as ``python -I -S child.py FD confine|plain FOLDER...``, with the package out of reach. One line of JSON
comes in on standard input (``source``, ``setup``, ``tests``, ``calls`` and three limits; never an expected value), and
lines of JSON go out on the private descriptor ``FD``: ``{"ready": ...}`` once waiting, one line for each call,
``{"end": ...}`` last. What happens here is under the program's control from its first statement on; nothing that is
written counts for more than the program's own word.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import types
from typing import Any

USUAL = (
    "bisect",
    "collections",
    "copy",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "re",
    "string",
    "typing",
)
"""What programs usually import; loaded while waiting."""
THREADS = 64


def main() -> None:
    """Serves one job."""
    answers, confined = int(sys.argv[1]), sys.argv[2] == "confine"
    sys.path[:] = [*sys.path, *sys.argv[3:]]
    confine, values = _sibling("confine"), _sibling("values")
    for name in USUAL:
        __import__(name)
    if confined:
        confine.refuse_calls()
    _tell(answers, {"ready": os.getpid()})
    job = json.loads(_line(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    calls = [(call["function"], values.decode(call["args"]), values.decode(call["kwargs"])) for call in job["calls"]]
    confine.limit(job["cpu_seconds"], job["memory_bytes"], job["file_bytes"], threads=THREADS if confined else None)
    end = _serve(job, calls, answers, values)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the program may have put anything there
            stream.flush()
    _tell(answers, end)
    os._exit(0)


def _serve(job: dict[str, Any], calls: list[Any], answers: int, values: Any) -> dict[str, str]:
    module = types.ModuleType("program")
    sys.modules["program"] = module
    try:
        for part in ("source", "setup", "tests"):
            if job[part]:
                exec(compile(job[part], f"<{part}>", "exec"), module.__dict__)  # noqa: S102 - this is the sandbox
    except MemoryError:
        return {"end": "memory"}
    except BaseException as error:
        return {"end": "raised", "reason": _told(error)}
    for function, args, kwargs in calls:
        try:
            _tell(answers, _called(module.__dict__, function, args, kwargs, values))
        except MemoryError:
            return {"end": "memory"}
    return {"end": "ok"}


def _called(names: dict[str, Any], function: str, args: Any, kwargs: Any, values: Any) -> dict[str, Any]:
    try:
        if function not in names:
            raise NameError(f"name {function!r} is not defined")
        value = names[function](*args, **kwargs)
    except MemoryError:
        raise
    except BaseException as error:
        return {"raised": _told(error)}
    try:
        return {"value": values.encode(value)}
    except values.Unencodable as error:
        return {"unencodable": str(error)[:200]}
    except MemoryError:
        raise
    except BaseException as error:
        return {"unencodable": type(error).__name__}


def _told(error: BaseException) -> str:
    name = type.__dict__["__name__"].__get__(type(error))
    try:
        said = str(error)
    except BaseException:  # a message can be a program, too
        said = ""
    return f"{name}: {said[:500]}" if said else name


def _tell(answers: int, line: dict[str, Any]) -> None:
    data = memoryview(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    while data:
        data = data[os.write(answers, data) :]


def _line(descriptor: int) -> bytes:
    held = bytearray()
    while not held.endswith(b"\n"):
        part = os.read(descriptor, 65_536)
        if not part:
            os._exit(0)  # nobody has a job for us any more
        held += part
    return bytes(held)


def _sibling(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(__file__), f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
