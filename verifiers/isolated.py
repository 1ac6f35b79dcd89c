"""A verifier in a process of its own, with limits on time and memory, for verifiers that may hang, block or swell.

In the run's own process a verifier that awaits can be timed out, but one that blocks (``time.sleep``, a long
computation, a C extension) holds up every chain until it returns, and one that takes all memory takes the run down.
Inside :class:`IsolatedVerifier` it costs the run its own verdict: past a limit the process is killed and the verifier
abstains. This protects against faults, not against malice: the verifier's code can do whatever the user can. Programs
that a language model wrote belong into :mod:`planneal.verifiers.sandbox`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Hashable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from pydantic import ValidationError

from ..planner.errors import ConfigError, VerifierError
from ..planner.ledger import Usage
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import Witness
from .memo import PlanMemo

START_SECONDS = 60.0
"""Most seconds for the process to start and to import what the verifier needs."""
MAX_REPLY = 16 << 20
"""Most bytes of one reply."""


class IsolatedVerifier(Verifier):
    """The same verifier, judged in a child process that is kept warm and killed at its limits.

    Args:
        part: The verifier; it must be picklable, and its class must live in a module that can be imported (not in a
            script or a notebook). One that asks a language model cannot be isolated: its calls would not be counted.
        seconds: Most wall seconds for one answer (scopes of a plan, or a judgement).
        memory: Most bytes of address space that the child may take beyond those of a bare interpreter with planneal.
        strikes: Answers in a row lost to a limit or a crash after which it is asked no more and abstains at once.

    Raises:
        ConfigError: It cannot be pickled, a limit is not positive, or the system has no resource limits.
    """

    def __init__(self, part: Verifier, *, seconds: float = 10.0, memory: int = 1 << 30, strikes: int = 3) -> None:
        if os.name != "posix":
            raise ConfigError("an isolated verifier needs a system with resource limits (Linux or macOS)")
        if not (seconds > 0 and memory > 0 and strikes > 0):
            raise ConfigError("an isolated verifier's limits must be over 0")
        try:
            payload = pickle.dumps(part)
        except Exception as error:  # whatever an object does when it is pickled
            raise ConfigError(f"{part.name} cannot be pickled, so it cannot be isolated: {error}") from error
        self.name, self.version, self.stage = part.name, part.version, part.stage
        self.trust, self.decides = part.trust, part.decides
        self.seconds = seconds
        self._child = _Child(payload, seconds, memory, strikes)
        self._scopes = PlanMemo(self._ask_scopes)

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """A number that the child gives to equal scopes of the verifier, with the child's own number.

        Raises:
            VerifierError: The child gave no answer.
        """
        return self._scopes(task, plan).get(item_id)

    def _ask_scopes(self, task: Task, plan: Plan) -> Mapping[str, tuple[int, int]]:
        life, answer = self._child.ask({"op": "scopes", **_content(task, plan)})
        return {item_id: (life, int(number)) for item_id, number in answer["scopes"].items()}

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """The child's judgement, awaited in a thread so that other chains go on.

        Raises:
            VerifierError: A limit was passed, the child died, the verifier raised, or its answer makes no sense.
        """
        request = {"op": "judge", "ids": list(item_ids), "draw": draw, **_content(task, plan)}
        _, answer = await asyncio.to_thread(self._child.ask, request)
        try:
            verdicts = {item_id: _verdict(data) for item_id, data in answer["verdicts"].items()}
            return Judgement(verdicts, Usage.model_validate(answer["usage"]))
        except (ValidationError, TypeError, KeyError, AttributeError) as error:
            raise VerifierError(f"the isolated verifier's answer makes no sense: {str(error)[:200]}") from error

    async def aclose(self) -> None:
        """Ends the child; a later judgement starts another."""
        await asyncio.to_thread(self._child.close)


def _content(task: Task, plan: Plan) -> dict[str, Any]:
    return {"task": task.model_dump(mode="json"), "plan": plan.model_dump(mode="json")}


def _verdict(data: dict[str, Any]) -> Verdict:
    """A verdict from its JSON form; witnesses whose class this process does not know are left to the reason."""
    known = {f"{kind.__module__}:{kind.__qualname__}": kind for kind in _witness_kinds(Witness)}
    witnesses = tuple(
        known[entry["type"]].model_validate(entry["data"]) for entry in data["witnesses"] if entry["type"] in known
    )
    return Verdict.model_validate({**data, "witnesses": witnesses})


def _witness_kinds(base: type[Witness]) -> list[type[Witness]]:
    return [kind for sub in base.__subclasses__() for kind in (sub, *_witness_kinds(sub))]


class _Child:
    """The child process: started when first asked, killed at its limits, started anew when asked again.

    Args:
        payload: The pickled verifier.
        seconds: Most wall seconds for one answer.
        memory: Most bytes of its own.
        strikes: Lost answers in a row after which it stays dead.
    """

    def __init__(self, payload: bytes, seconds: float, memory: int, strikes: int) -> None:
        self._payload, self._seconds, self._memory, self._strikes = payload, seconds, memory, strikes
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._life = 0
        self._lost = 0
        self._last = ""

    def ask(self, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The number of the child's life and its answer.

        Raises:
            VerifierError: There is none.
        """
        with self._lock:
            if self._lost >= self._strikes:
                raise VerifierError(f"given up after {self._lost} lost answers in a row, the last: {self._last}")
            try:
                connection = self._started()
                connection.send_bytes(json.dumps(request).encode())
                answer = _received(connection, self._seconds)
            except (_Lost, OSError, EOFError) as error:
                raise VerifierError(self._mourned(error)) from error
            self._lost = 0
            if "error" in answer:
                raise VerifierError(str(answer["error"])[:500])
            return self._life, answer

    def _started(self) -> Connection:
        """The connection to the child, which is started if there is none."""
        if self._connection is not None:
            return self._connection
        mine, theirs = socket.socketpair()
        with theirs:
            code = f"from planneal.verifiers.isolated_child import main; main({theirs.fileno()})"
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # so that what it starts dies with it
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._connection = Connection(mine.detach())
        self._life += 1
        self._connection.send_bytes(json.dumps({"memory": self._memory}).encode())
        self._connection.send_bytes(self._payload)
        ready = _received(self._connection, START_SECONDS)
        if "error" in ready:
            raise _Lost(str(ready["error"])[:300])
        return self._connection

    def _mourned(self, error: Exception) -> str:
        """Kills what is left of the child and says what became of it."""
        reason = str(error) if isinstance(error, _Lost) else ""
        process = self._process
        with contextlib.suppress(subprocess.TimeoutExpired):
            if not reason and process is not None:
                process.wait(1.0)
        self._kill()
        if not reason:
            status = process.returncode if process is not None else None
            ended = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
            reason = f"the verifier's process died ({ended})"
        self._lost += 1
        self._last = reason
        return reason

    def _kill(self) -> None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()

    def close(self) -> None:
        """Ends the child."""
        with self._lock:
            self._kill()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self._kill()


class _Lost(Exception):  # noqa: N818 - an answer that never came
    """There is no answer, and the child is of no more use."""


def _received(connection: Connection, seconds: float) -> dict[str, Any]:
    if not connection.poll(seconds):
        raise _Lost(f"no verdict within {seconds:g} s")
    try:
        answer = json.loads(connection.recv_bytes(MAX_REPLY))
    except OSError as error:
        if isinstance(error, ConnectionError):
            raise
        raise _Lost(f"an answer of more than {MAX_REPLY >> 20} MiB") from error
    except ValueError as error:
        raise _Lost(f"an answer that is not JSON: {error}") from error
    if not isinstance(answer, dict):
        raise _Lost("an answer that is no object")
    return answer


__all__ = ["IsolatedVerifier"]
