"""The child's side of :mod:`~planneal.verifiers.isolated`: reads requests, asks the verifier, writes answers.

The verifier comes pickled from the parent that started this process; answers go back as JSON, so that the parent
unpickles nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import pickle
import resource
from collections.abc import Hashable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Verifier
from ..planner.witnesses import GOAL

MOST_SCOPES = 100_000
"""Scopes that are numbered before the table is begun anew."""


def main(descriptor: int) -> None:
    """Serves until the parent closes the connection."""
    with Connection(descriptor) as connection:
        limits = json.loads(connection.recv_bytes())
        try:
            confine(int(limits["memory"]))
            service = Service(pickle.loads(connection.recv_bytes()))  # noqa: S301 - the parent's own bytes
        except BaseException as error:  # whatever importing and unpickling do
            _send(connection, {"error": f"it cannot be started in a process of its own: {_told(error)}"})
            return
        _send(connection, {"ready": True})
        while True:
            try:
                request = json.loads(connection.recv_bytes())
            except (EOFError, OSError):
                return
            try:
                answer = service.answer(request)
            except BaseException as error:  # SystemExit and MemoryError included: each is an answer
                answer = {"error": _told(error)}
            _send(connection, answer)


def confine(memory: int) -> None:
    """Limits the address space to what is taken now and this many bytes more; no core dumps.

    Raises:
        OSError: The limits cannot be set; then nothing is judged.
    """
    status = Path("/proc/self/statm")
    taken = int(status.read_text().split()[0]) * resource.getpagesize() if status.exists() else 0
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Service:
    """Answers requests about one verifier.

    Args:
        verifier: The verifier.
    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._numbers: dict[Hashable, int] = {}
        self._next = itertools.count()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The scopes of a plan's items as numbers, or a judgement."""
        task, plan = Task.model_validate(request["task"]), Plan.model_validate(request["plan"])
        if request["op"] == "scopes":
            return {"scopes": self.scopes(task, plan)}
        judgement = asyncio.run(self._verifier.judge(task, plan, request["ids"], request["draw"]))
        verdicts = {str(item_id): _packed(verdict) for item_id, verdict in judgement.verdicts.items()}
        return {"verdicts": verdicts, "usage": judgement.usage.model_dump(mode="json")}

    def scopes(self, task: Task, plan: Plan) -> dict[str, int]:
        """A number for each scope, the same for equal ones."""
        if len(self._numbers) > MOST_SCOPES:
            self._numbers.clear()
        found: dict[str, int] = {}
        for item_id in (*plan.by_id, GOAL):
            scope = self._verifier.scope(task, plan, item_id)
            if scope is not None:
                key = (item_id, scope)
                if key not in self._numbers:
                    self._numbers[key] = next(self._next)
                found[item_id] = self._numbers[key]
        return found


def _packed(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON, each witness with the name of its class."""
    witnesses = [
        {"type": f"{type(witness).__module__}:{type(witness).__qualname__}", "data": witness.model_dump(mode="json")}
        for witness in verdict.witnesses
    ]
    score, variance = float(verdict.score), float(verdict.variance)
    return {
        "outcome": verdict.outcome,
        "score": score,
        "variance": variance,
        "reason": verdict.reason,
        "witnesses": witnesses,
    }


def _send(connection: Connection, answer: Mapping[str, Any]) -> None:
    connection.send_bytes(json.dumps(answer).encode())


def _told(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return f"{name}: it needs more memory than it may have"
    return f"{name}: {str(error)[:300]}"


__all__ = ["Service", "confine", "main"]
