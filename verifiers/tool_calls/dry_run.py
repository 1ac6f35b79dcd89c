"""The dry run: execute a plan's calls on a fresh state, each within a time limit, and say where it breaks. Stage 2.

Tools are the caller's own code, run in this process on a state that a factory makes anew for every run; the plan only
chooses which are called, with arguments that their schemas allow. A tool that raises is a witness. One that gives no
result in time makes the verifier abstain, for slowness is not a fact about the plan.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import re
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from pydantic_core import PydanticSerializationError, to_jsonable_python

from ...planner.calls import Array, CallExpression, Join, Object, Reference, Scalar, Value
from ...planner.errors import ConfigError, VerifierError
from ...planner.plan import Plan
from ...planner.task import Task
from ...planner.verdicts import Verdict
from ...planner.verifier import Judgement, Verifier
from ...planner.witnesses import BadArgument, Malformed, ToolError, UnknownTool, UnresolvedReference, Witness
from ..memo import PlanMemo
from .rules import CallLimits
from .schemas import brief
from .static import OPEN_SCORE, ToolCallVerifier
from .steps import CallSequence, Step
from .toolbox import Runner, Tool, Toolbox

MAX_HANGING = 4
"""Most tools that may still hang in threads of their own before the verifier runs no more."""
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


class _Lost(Exception):  # noqa: N818 - never leaves this module
    """A reference that leads nowhere in the results at hand."""

    def __init__(self, reference: Reference, reason: str) -> None:
        self.reference = reference
        self.reason = reason
        super().__init__(reason)


def resolve(value: Value, results: Mapping[str, Any]) -> Any:
    """A value with its references replaced by (copies of) results.

    Raises:
        _Lost: A reference leads nowhere.
    """
    if isinstance(value, Scalar):
        return value.value
    if isinstance(value, Array):
        return [resolve(inner, results) for inner in value.items]
    if isinstance(value, Object):
        return {name: resolve(inner, results) for name, inner in value.fields}
    if isinstance(value, Join):
        return "".join(part if isinstance(part, str) else _said(resolve(part, results)) for part in value.parts)
    if value.step not in results:
        raise _Lost(value, f"{value.step} is no earlier call")  # why not is outside of the scope
    found = results[value.step]
    for segment in value.path:
        if isinstance(segment, int):
            if not isinstance(found, list) or segment >= len(found):
                raise _Lost(value, f"no position {segment} in {brief(repr(found), 80)}")
        elif not isinstance(found, dict) or segment not in found:
            raise _Lost(value, f"no field {segment} in {brief(repr(found), 80)}")
        found = found[segment]
    return copy.deepcopy(found)


def _said(value: Any) -> str:
    """A result as it stands in joined text: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Ran(NamedTuple):
    """What became of one call.

    Attributes:
        witness: What broke, or None.
        doubt: Why it was not executed, else empty.
    """

    witness: Witness | None = None
    doubt: str = ""

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""
        if self.witness is not None:
            return Verdict.failed(self.witness)
        return Verdict.unknown(self.doubt, score=OPEN_SCORE) if self.doubt else Verdict.ok()


class DryRunVerifier(Verifier):
    """Judges ``call:`` checks by executing them, in plan order, up to the first that breaks.

    The scope of a call is every call up to it: tools must give the same on equal states, or verdicts from the cache
    are not those of a fresh run.

    Args:
        toolbox: The tools; those that cannot be executed end the run there, undecided.
        fresh: Makes the state that the tools get, anew for every run; None where they need none.
        tool_timeout: Most seconds that one call may take.
        version: Part of every cache key; change it when the tools behave differently.

    Raises:
        ConfigError: No tool can be executed.
    """

    name = "dry_run"
    stage = 2
    trust = "exact"
    decides = frozenset({"call"})

    def __init__(
        self,
        toolbox: Toolbox,
        fresh: Callable[[], Any] | None = None,
        *,
        tool_timeout: float = 5.0,
        version: str = "1",
    ) -> None:
        if not any(tool.run for tool in toolbox.values()):
            raise ConfigError("no tool of the toolbox can be executed; give functions, or `run` to from_specs")
        self._toolbox = toolbox
        self._fresh = fresh or (lambda: None)
        self._tool_timeout = tool_timeout
        self._sequences = PlanMemo(lambda task, plan: CallSequence(plan))
        self._hanging: list[threading.Thread] = []  # threads cannot be killed: they are counted, and the count bounded
        self.version = f"{version}-{hashlib.sha256(toolbox.digest.encode()).hexdigest()[:16]}"

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The calls up to and including this one."""
        steps = self._sequences(task, plan).steps
        place = next((index for index, step in enumerate(steps) if step.id == item_id), None)
        return None if place is None else tuple((step.id, step.text) for step in steps[: place + 1])

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Runs the calls once, as far as asked for, and gives one verdict for each id.

        Raises:
            VerifierError: A tool gave no result in time, or one that its own schema does not allow, or ``fresh`` broke.
        """
        sequence = self._sequences(task, plan)
        last = max(index for index, step in enumerate(sequence.steps) if step.id in item_ids)
        ran = await self._run(sequence, last)
        return Judgement({item_id: ran[item_id].verdict for item_id in item_ids})

    async def _run(self, sequence: CallSequence, last: int) -> dict[str, Ran]:
        try:
            state = self._fresh()
        except Exception as error:
            raise VerifierError(f"no fresh state: {_message(error)}") from error
        results: dict[str, Any] = {}
        ran: dict[str, Ran] = {}
        stopped = ""
        for step in sequence.steps[: last + 1]:
            if stopped:
                ran[step.id] = Ran(doubt=f"not reached: the run stopped at {stopped}")
                continue
            ran[step.id] = await self._one(step, state, results)
            if ran[step.id] != Ran():
                stopped = step.id
        return ran

    async def _one(self, step: Step, state: Any, results: dict[str, Any]) -> Ran:
        call = step.call
        if not isinstance(call, CallExpression):
            return Ran(Malformed(item=step.id, reason=str(call)))
        tool = self._toolbox.get(call.name)
        if tool is None:
            return Ran(UnknownTool(item=step.id, tool=call.name, nearest=self._toolbox.nearest(call.name)))
        try:
            arguments = {name: resolve(value, results) for name, value in call.arguments}
        except _Lost as lost:
            return Ran(UnresolvedReference(item=step.id, reference=str(lost.reference), reason=lost.reason))
        wrong = _refused(step.id, tool, arguments)
        if wrong is not None:
            return Ran(wrong)
        if tool.run is None:
            return Ran(doubt=f"{tool.name} cannot be executed")
        try:
            given = await self._bounded(tool.name, tool.run, state, copy.deepcopy(arguments))
        except ToolFailure as failure:
            shown = f"{tool.name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
            return Ran(ToolError(item=step.id, call=brief(shown), message=failure.message))
        if tool.gives is not None and not tool.gives.accepts(given):
            raise VerifierError(f"{tool.name} gave what its result schema refuses: {tool.gives.complaint(given)}")
        results[step.id] = given
        return Ran()

    async def _bounded(self, name: str, run: Runner, state: Any, arguments: Mapping[str, Any]) -> Any:
        """One call in a thread of its own, given up after the time limit."""
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= MAX_HANGING:
            raise VerifierError(f"{len(self._hanging)} tools still hang; no more are run")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        thread = threading.Thread(target=_work, args=(future, run, state, arguments), daemon=True, name=f"tool {name}")
        thread.start()
        try:
            async with asyncio.timeout(self._tool_timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise VerifierError(f"{name} gave no result within {self._tool_timeout:g} s") from None
        finally:
            if not future.done():  # too late, or the whole run was cancelled
                self._hanging.append(thread)


class ToolFailure(Exception):  # noqa: N818 - never leaves this module
    """What a tool raised.

    Attributes:
        message: In one line, without addresses that differ from run to run.
    """

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


def _work(future: Future[Any], run: Runner, state: Any, arguments: Mapping[str, Any]) -> None:
    try:
        future.set_result(to_jsonable_python(run(state, arguments)))
    except PydanticSerializationError as error:
        future.set_exception(ToolFailure(f"a result that is no JSON: {_message(error)}"))
    except BaseException as error:  # whatever a tool raises, SystemExit and its own TimeoutError included
        future.set_exception(ToolFailure(_message(error)))


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    return brief(_ADDRESS.sub("0x...", f"{type(error).__name__}: {text}" if text else type(error).__name__))


def _refused(item: str, tool: Tool, arguments: Mapping[str, Any]) -> Witness | None:
    """The first argument that the tool's schema does not allow, now that every value is known."""
    if tool.takes.accepts(arguments):
        return None
    for name in tool.required:
        if name not in arguments:
            return BadArgument(item=item, tool=tool.name, argument=name, problem="is missing")
    for name, value in arguments.items():
        wanted = tool.argument(name)
        if wanted is None:
            return BadArgument(item=item, tool=tool.name, argument=brief(name, 60), problem="is unknown")
        if complaint := wanted.complaint(value):
            return BadArgument(item=item, tool=tool.name, argument=name, problem=f"is wrong: {complaint}")
    complaint = tool.takes.complaint(arguments)
    return BadArgument(item=item, tool=tool.name, argument="", problem=f"do not fit together: {complaint}")


def tool_call_verifiers(
    toolbox: Toolbox,
    limits: CallLimits | None = None,
    *,
    execute: bool = False,
    fresh: Callable[[], Any] | None = None,
    tool_timeout: float = 5.0,
) -> tuple[Verifier, ...]:
    """The verifiers of tool calls: the static one, and with ``execute`` the dry run beside it.

    Args:
        toolbox: The tools.
        limits: What every sequence must keep to.
        execute: Whether calls are tried out.
        fresh: Makes the state of a dry run.
        tool_timeout: Most seconds that one call may take in a dry run.
    """
    static = ToolCallVerifier(toolbox, limits, executed=execute)
    return (static, DryRunVerifier(toolbox, fresh, tool_timeout=tool_timeout)) if execute else (static,)


__all__ = ["MAX_HANGING", "DryRunVerifier", "resolve", "tool_call_verifiers"]
