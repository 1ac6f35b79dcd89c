"""``pydantic-monty``: a Python subset in an interpreter of its own, without any access to the host.

The one file that knows the package (``>=1.4,<2``; its API moves between minor versions). Programs run in worker
processes that the package keeps warm; a run costs a fraction of a millisecond.

Monty is not CPython, and where the two differ a program must be neither failed nor passed for it. So:

* what could *hide* a difference is not run at all (:func:`unsuitable`): ``try`` could catch what monty lacks, and lazy
  iterators (``map``, generator expressions, ...) are lists in monty, which is seen unless they are consumed in place;
* an exception is taken for the program's own only if it is one of :data:`OWN`, which missing features do not raise;
* values are encoded inside, since monty hands much of what is not plain over as a string.

All else is ``unsupported``: ask a backend that has CPython.
"""

from __future__ import annotations

import ast
import asyncio
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...planner.errors import SandboxUnavailable
from . import values
from .base import Call, CallResult, Capabilities, Cause, Job, Outcome, Sandbox, Status

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty, AsyncMontySession, CollectString

OWN = frozenset({"AssertionError", "IndexError", "KeyError", "OverflowError", "ValueError", "ZeroDivisionError"})
"""Exceptions that are taken for the program's own."""

_LAZY = frozenset({"enumerate", "filter", "map", "reversed", "zip"})
_EAGER = frozenset({"all", "any", "dict", "enumerate", "filter", "frozenset", "list", "map", "max", "min"}) | frozenset(
    {"set", "sorted", "sum", "tuple", "zip"}
)
_TELLING = frozenset({"__name__", "delattr", "dir", "getattr", "hasattr", "iter", "suppress", "vars"})
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MOST_CHARACTERS = 100_000
_PRELUDE = """
import json as __planneal_json

def __planneal_plain(v, depth=0, *, type=type, isinstance=isinstance, int=int, float=float, bool=bool, str=str, hex=hex,
                     list=list, tuple=tuple, set=set, frozenset=frozenset, dict=dict, bytes=bytes, complex=complex,
                     repr=repr, ValueError=ValueError):
    kind = type(v)
    if depth > 100:
        raise ValueError("nested too deeply")
    if v is None or kind is bool or kind is str:
        return v
    if kind is int:
        return v if -(2**63) < v < 2**63 else {"int": hex(v)}
    if kind is float:
        return v if v - v == 0 else {"float": repr(v)}
    if kind is bytes:
        return {"bytes": v.hex()}
    if kind is complex:
        return {"complex": [__planneal_plain(v.real, depth + 1), __planneal_plain(v.imag, depth + 1)]}
    if isinstance(v, list):
        return [__planneal_plain(part, depth + 1) for part in v]
    for base, name in ((tuple, "tuple"), (set, "set"), (frozenset, "frozenset")):
        if isinstance(v, base):
            return {name: [__planneal_plain(part, depth + 1) for part in v]}
    if isinstance(v, dict):
        return {"dict": [[__planneal_plain(k, depth + 1), __planneal_plain(w, depth + 1)] for k, w in v.items()]}
    raise ValueError(str(kind))

def __planneal_told(v, most, *, str=str, len=len, ValueError=ValueError):
    try:
        told = __planneal_json.dumps({"value": __planneal_plain(v)})
        return told if len(told) <= most else most
    except ValueError as error:
        return __planneal_json.dumps({"unencodable": str(error)})
"""


class _Stopped(Exception):  # noqa: N818
    """The run is over before its end; carries the outcome's status, reason and cause."""

    def __init__(self, status: Status, reason: str, cause: Cause = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.cause = status, reason, cause


class MontySandbox(Sandbox):
    """Runs jobs in pydantic-monty.

    Args:
        workers: Most worker processes; None is one for each processor.
        clock: Seconds, for what a run took.
    """

    name = "monty"

    def __init__(self, *, workers: int | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self._workers = workers
        self._clock = clock
        self._pool: AsyncMonty | None = None
        self._closed = False

    def capabilities(self) -> Capabilities:
        """Everything, by the language: there is nothing in it that reaches the host."""
        return Capabilities(
            self.name, filesystem=True, network=True, processes=True, memory=True, cpu=True, level="language"
        )

    async def run(self, job: Job) -> Outcome:
        """Runs the job, or says what monty lacks for it.

        Raises:
            SandboxUnavailable: pydantic-monty is not installed, or its workers do not start.
        """
        pool = await self._started()
        import pydantic_monty

        begun = self._clock()
        printed = pydantic_monty.CollectString(max_bytes=job.limits.output_bytes)
        results: list[CallResult] = []
        status, reason, cause = "ok", "", ""
        try:
            _check(job)
            async with pool.checkout(limits=_limits(job), assert_message_annotations=False) as session:
                try:
                    async with asyncio.timeout(job.limits.wall_seconds):
                        await _run(session, job, printed, results)
                except TimeoutError:
                    told = f"no answer within {job.limits.wall_seconds:g} s"
                    raise _Stopped("no_verdict", told, "timeout") from None
        except _Stopped as stopped:
            status, reason, cause = stopped.status, stopped.reason, stopped.cause
        except pydantic_monty.MontyCrashedError as crashed:
            status, reason, cause = "no_verdict", f"monty's worker ended: {crashed!s:.200}", "killed"
        kept = () if status == "unsupported" else tuple(results)
        seconds = self._clock() - begun
        return Outcome(status, kept, reason, cause, printed.output, seconds, self.name)  # type: ignore[arg-type]

    async def warm(self) -> None:
        """Starts the first worker."""
        await self._started()

    async def aclose(self) -> None:
        """Ends the workers; nothing can be run after it."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.__aexit__(None, None, None)

    async def _started(self) -> AsyncMonty:
        if self._closed:
            raise SandboxUnavailable("the monty sandbox is closed")
        if self._pool is None:
            try:
                from pydantic_monty import AsyncMonty
            except ImportError as error:
                raise SandboxUnavailable(f"pip install 'pydantic-monty>=1.4,<2' ({error})") from None
            pool = AsyncMonty(max_processes=self._workers, feed_duration_limit_grace=1.0)
            try:
                await pool.__aenter__()
            except Exception as error:  # whatever keeps it from starting
                raise SandboxUnavailable(f"monty does not start here: {error}") from error
            self._pool = pool
        return self._pool


def _limits(job: Job) -> Any:
    limits = job.limits
    return {
        "max_feed_duration_secs": limits.cpu_seconds,
        "max_memory": limits.memory_bytes,
        "max_total_sleep_secs": limits.wall_seconds,
    }


async def _run(session: AsyncMontySession, job: Job, printed: CollectString, results: list[CallResult]) -> None:
    await _fed(session, _PRELUDE, job, printed)
    for part in (job.source, job.setup, job.tests):
        if part:
            raised = await _fed(session, part, job, printed)
            if isinstance(raised, _Raised):
                raise _Stopped("raised", raised.told)
    for call in job.calls:
        results.append(await _called(session, call, job, printed))


async def _called(session: AsyncMontySession, call: Call, job: Job, printed: CollectString) -> CallResult:
    names = {f"__planneal_{place}": value for place, value in enumerate((*call.args, *call.kwargs.values()))}
    spread = [*names]
    keywords = [f"{key}={name}" for key, name in zip(call.kwargs, spread[len(call.args) :], strict=True)]
    listed = ", ".join([*spread[: len(call.args)], *keywords])
    said = await _fed(
        session, f"__planneal_told({call.function}({listed}), {job.limits.output_bytes})", job, printed, names
    )
    if isinstance(said, _Raised):
        return CallResult("raised", None, said.told)
    if said == job.limits.output_bytes:
        raise _Stopped("no_verdict", f"a value takes more than {job.limits.output_bytes} bytes", "output")
    try:
        read = values.parse(said) if isinstance(said, str) else {}
        if "value" in read:
            return CallResult("value", values.decode(read["value"]))
        return CallResult("unencodable", None, str(read["unencodable"])[:200])
    except (values.Garbage, KeyError, TypeError) as error:
        raise _Stopped("no_verdict", f"it answered nonsense: {error}", "garbage") from None


class _Raised:
    """An exception that is the program's own, told in a line."""

    def __init__(self, told: str) -> None:
        self.told = told[:600]


async def _fed(
    session: AsyncMontySession, code: str, job: Job, printed: CollectString, inputs: dict[str, Any] | None = None
) -> Any:
    """What the code's last expression gave, or the exception that it raised.

    Raises:
        _Stopped: A limit was reached, or monty lacks something.
    """
    from pydantic_monty import MontyCrashedError, MontyError

    try:
        return await session.feed_run(code, inputs=inputs, print_callback=printed)
    except MontyCrashedError:
        raise
    except MontyError as error:
        inner = error.exception()
        name, message = type(inner).__name__, str(inner)
    except (TypeError, ValueError, RecursionError) as error:  # a value does not cross the border
        raise _Stopped("unsupported", f"monty: {type(error).__name__}: {error!s:.200}") from None
    if name == "TimeoutError" and "limit exceeded" in message:
        raise _Stopped("no_verdict", f"it used up its time: {message:.200}", "timeout")
    if name == "MemoryError":
        flood = f"> {job.limits.output_bytes} bytes" in message
        raise _Stopped("no_verdict", message[:200], "output" if flood else "memory")
    if name not in OWN:
        raise _Stopped("unsupported", f"monty: {name}: {message:.200}")
    return _Raised(f"{name}: {message}" if message else name)


def _check(job: Job) -> None:
    for part in (job.source, job.setup, job.tests):
        lacking = unsuitable(part)
        if lacking:
            raise _Stopped("unsupported", lacking)


def unsuitable(source: str) -> str:
    """Why monty could misjudge the program without a sign of it; empty if nothing is known.

    Args:
        source: The program; it is parsed, never run.
    """
    if len(source) > _MOST_CHARACTERS or _SURROGATE.search(source):
        return "monty: the program is too long or holds surrogates"
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"not parsed: {type(error).__name__}"
    consumed = {id(node) for parent in ast.walk(tree) for node in _consumed(parent)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Try | ast.TryStar):
            return "monty: try could hide what monty lacks"
        if isinstance(node, ast.Name | ast.Attribute) and (_name(node) in _TELLING):
            return f"monty: {_name(node)} could tell monty from CPython"
        if isinstance(node, ast.GeneratorExp) and id(node) not in consumed:
            return "monty: a generator that is not consumed in place"
        if isinstance(node, ast.Name) and node.id in _LAZY and id(node) not in consumed:
            return f"monty: {node.id} that is not consumed in place"
    return ""


def _consumed(parent: ast.AST) -> list[ast.AST]:
    """Lazy iterators (generator expressions, and the names that make one) that this node consumes at once."""
    taken: list[ast.AST] = []
    if isinstance(parent, ast.For | ast.comprehension):
        taken = [parent.iter]
    elif isinstance(parent, ast.Starred) or _unpacks(parent):
        taken = [parent.value]  # type: ignore[attr-defined]
    elif isinstance(parent, ast.Call):
        eager = isinstance(parent.func, ast.Name) and parent.func.id in _EAGER
        joins = isinstance(parent.func, ast.Attribute) and parent.func.attr in ("join", "extend", "update")
        taken = list(parent.args) if eager or joins else []
    return [node.func if isinstance(node, ast.Call) else node for node in taken]


def _unpacks(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and all(isinstance(target, ast.Tuple | ast.List) for target in node.targets)


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr
