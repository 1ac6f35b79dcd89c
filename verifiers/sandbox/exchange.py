"""One conversation with a child over pipes: bounded in time, in bytes and in what may be said.

Everything read here was written by an untrusted program. It is read as it comes, up to a cap, so that a flood costs no
memory, and parsed as strictly as it is simple. Blocking; run it in a thread.
"""

from __future__ import annotations

import os
import selectors
import time
from dataclasses import dataclass
from typing import Literal

from . import values
from .base import CallResult, Cause, Job, Status

Stop = Literal["answered", "closed", "timeout", "output"]


@dataclass
class Pipes:
    """Our ends of a child's pipes, all non-blocking: standard input, output (with error) and the private answers."""

    request: int
    output: int
    answers: int

    def close(self) -> None:
        """Closes those that are open; closing twice is fine."""
        for name in ("request", "output", "answers"):
            descriptor, closed = getattr(self, name), -1
            if descriptor != closed:
                setattr(self, name, closed)
                os.close(descriptor)


@dataclass(frozen=True)
class Heard:
    """What a child said, and why we stopped listening.

    Attributes:
        stop: ``answered``: its last line came; ``closed``: it ended or closed before that; ``timeout``; ``output``: a
            cap was passed.
        lines: Complete lines of answers, the ready line first.
        output: What it printed, cut to the cap.
    """

    stop: Stop
    lines: tuple[bytes, ...]
    output: str


def converse(pipes: Pipes, request: bytes, *, seconds: float, most_bytes: int) -> Heard:
    """Sends the request and listens until the last line, the end, the deadline or a cap.

    Args:
        pipes: Our ends.
        request: Everything that is sent.
        seconds: From now on.
        most_bytes: Cap on the output and, apart, on the answers.
    """
    deadline = time.monotonic() + seconds
    heard = {pipes.output: bytearray(), pipes.answers: bytearray()}
    unsent = memoryview(request)
    stop: Stop = "closed"
    with selectors.DefaultSelector() as selector:
        selector.register(pipes.request, selectors.EVENT_WRITE)
        for descriptor in heard:
            selector.register(descriptor, selectors.EVENT_READ)
        while pipes.answers in selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                stop = "timeout"
                break
            for key, _ in selector.select(left):
                if key.fd == pipes.request:
                    unsent = _sent(pipes.request, unsent)
                    if not unsent:
                        selector.unregister(pipes.request)
                elif not _read(key.fd, heard[key.fd]):
                    selector.unregister(key.fd)
            if any(len(held) > most_bytes for held in heard.values()):
                stop = "output"
                break
            if _is_last(heard[pipes.answers]):
                stop = "answered"
                break
    while len(heard[pipes.output]) <= most_bytes and _read(pipes.output, heard[pipes.output]):
        pass  # what was printed before the last answer is in the pipe already
    if stop == "answered" and len(heard[pipes.output]) > most_bytes:
        stop = "output"
    lines = bytes(heard[pipes.answers]).split(b"\n")[:-1]
    return Heard(stop, tuple(lines), bytes(heard[pipes.output][:most_bytes]).decode(errors="replace"))


def _sent(descriptor: int, unsent: memoryview) -> memoryview:
    try:
        return unsent[os.write(descriptor, unsent[:65_536]) :]
    except BlockingIOError:
        return unsent
    except OSError:  # it closed its end: what it says, if anything, is read all the same
        return unsent[:0]


def _read(descriptor: int, held: bytearray) -> bool:
    """Adds what can be read now; False once there is no more to come (or, at the end, none for now)."""
    try:
        part = os.read(descriptor, 65_536)
    except OSError:
        return False
    held += part
    return bool(part)


def _is_last(held: bytearray) -> bool:
    return held.endswith(b"\n") and held.startswith(b'{"end"', held.rfind(b"\n", 0, len(held) - 1) + 1)


def request(job: Job) -> bytes:
    """What the child is sent: the job without anything that it must not know.

    Raises:
        Unencodable: An argument is not a plain value.
    """
    calls = [
        {"function": call.function, "args": values.encode(tuple(call.args)), "kwargs": values.encode(dict(call.kwargs))}
        for call in job.calls
    ]
    said = {
        "source": job.source,
        "setup": job.setup,
        "tests": job.tests,
        "calls": calls,
        "cpu_seconds": job.limits.cpu_seconds,
        "memory_bytes": job.limits.memory_bytes,
        "file_bytes": job.limits.file_bytes,
    }
    return values.line(said)


@dataclass(frozen=True)
class Answer:
    """What the child's lines say, and nothing if they say nonsense."""

    status: Status
    results: tuple[CallResult, ...]
    reason: str = ""
    cause: Cause = ""


def understood(heard: Heard, job: Job) -> Answer:
    """Reads the lines after the ready line; anything out of place is garbage, never a result.

    Args:
        heard: What was heard.
        job: What was asked.
    """
    answered = heard.stop == "answered"
    lines = list(heard.lines[1:])
    try:
        end = values.parse(lines.pop()) if answered else {}
        results = tuple(_result(values.parse(line)) for line in lines[: len(job.calls)])
    except (values.Garbage, IndexError) as error:
        return Answer("no_verdict", (), f"it answered nonsense: {error}", "garbage")
    if len(lines) > len(job.calls):
        return Answer("no_verdict", (), "it answered more than it was asked", "garbage")
    if heard.stop == "timeout":
        return Answer("no_verdict", results, f"no answer within {job.limits.wall_seconds:g} s", "timeout")
    if heard.stop == "output":
        return Answer("no_verdict", results, f"it wrote more than {job.limits.output_bytes} bytes", "output")
    if not answered:
        return Answer("no_verdict", results, "it ended before it had answered", "exited")
    return _ended(end, results, len(job.calls))


def _ended(end: object, results: tuple[CallResult, ...], calls: int) -> Answer:
    if end == {"end": "memory"}:
        return Answer("no_verdict", results, "it ran out of memory", "memory")
    if end == {"end": "ok"} and len(results) == calls:
        return Answer("ok", results)
    if isinstance(end, dict) and end.get("end") == "raised" and not results:
        return Answer("raised", (), str(end.get("reason"))[:600])
    return Answer("no_verdict", (), "it ended with nonsense", "garbage")


def _result(said: object) -> CallResult:
    if not isinstance(said, dict) or len(said) != 1:
        raise values.Garbage("no result")
    ((status, inner),) = said.items()
    if status == "value":
        return CallResult("value", values.decode(inner))
    if status in ("raised", "unencodable"):
        return CallResult(status, None, str(inner)[:600])
    raise values.Garbage("no result")
