"""What a run keeps of each step of a search, for the metrics of its signal: a small record that is plain JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ...planner.chain import StepInfo
from ...planner.errors import TraceError
from ...planner.events import StepTaken


@dataclass(frozen=True)
class StepEvent:
    """One step.

    Attributes:
        step: Number of the step in its chain.
        operator: What made the proposal, empty where there was none.
        accepted: Whether it became the incumbent.
        decision: ``accepted``, or why not.
        energy_before: Energy of the incumbent; None where it is not known.
        energy_after: Energy of the proposal; None where it was not judged by all verifiers.
        temperature: Temperature of the step.
        depth: Witnesses of its own that the proposal resolved before it was judged.
        tokens: Prompt and completion tokens that the step cost.
        chain: Number of the chain.
    """

    step: int
    operator: str
    accepted: bool
    decision: str
    energy_before: float | None
    energy_after: float | None
    temperature: float
    depth: int
    tokens: int
    chain: int = 0

    @classmethod
    def of(cls, info: StepInfo | StepTaken, *, step: int = 0, chain: int = 0) -> Self:
        """The record of a step, from what the kernel or what a trace says of it.

        Args:
            info: The step. A kernel's says the difference of the energies only; the incumbent's energy is then that
                of the proposal less the difference, and unknown where the proposal was not fully judged.
            step: Its number, where ``info`` does not say.
            chain: The chain, where ``info`` does not say.
        """
        if isinstance(info, StepTaken):
            return cls._taken(info)
        after = info.new.energy.total if info.new is not None and math.isfinite(info.delta) else None
        return cls(
            step=step,
            operator=info.proposal.operator if info.proposal else "",
            accepted=info.accepted,
            decision=info.decision,
            energy_before=None if after is None else round(after - info.delta, 12),
            energy_after=after,
            temperature=info.temperature,
            depth=info.proposal.depth if info.proposal else 0,
            tokens=info.usage.tokens,
            chain=chain,
        )

    @classmethod
    def _taken(cls, event: StepTaken) -> Self:
        judged = event.after is not None and event.delta is not None
        return cls(
            step=event.step,
            operator=event.operator,
            accepted=event.decision == "accepted",
            decision=event.decision,
            energy_before=_finite(event.before.get("total")),
            energy_after=_finite(event.after.get("total")) if judged and event.after else None,
            temperature=event.temperature,
            depth=max(0, len(event.edit.splitlines()) - 1),  # a compound edit is one line per part
            tokens=event.usage.tokens,
            chain=event.chain,
        )

    @property
    def drop(self) -> float | None:
        """Energy before less energy after; above 0 is an improvement. None where either is not known."""
        if self.energy_before is None or self.energy_after is None:
            return None
        return self.energy_before - self.energy_after

    def to_json(self) -> dict[str, Any]:
        """A plain JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """The record of a JSON object; the inverse of :meth:`to_json`.

        Raises:
            TraceError: It is not such an object.
        """
        known = {field.name: str(field.type) for field in fields(cls)}
        missing = known.keys() - found.keys() - {"chain"}
        if missing or not found.keys() <= known.keys():
            odd = ", ".join(sorted(missing | (found.keys() - known.keys())))
            raise TraceError(f"this is no step event: {odd} is missing or unknown")
        for name, value in found.items():
            if not _fits(value, known[name]):
                raise TraceError(f"this is no step event: {name} is {value!r:.50}, which is not {known[name]}")
        return cls(**found)


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _fits(value: object, kind: str) -> bool:
    if kind in ("bool", "str"):
        return isinstance(value, bool if kind == "bool" else str)
    if isinstance(value, bool):
        return False
    if kind == "int":
        return isinstance(value, int)
    return isinstance(value, int | float) or (value is None and "None" in kind)


__all__ = ["StepEvent"]
