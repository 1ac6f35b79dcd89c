"""Verdicts: what a verifier says of each item, with the typed witnesses of :mod:`~planneal.planner.witnesses`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .frozen import Frozen
from .ledger import Usage
from .plan import Item
from .witnesses import AnyWitness, Witness

Outcome = Literal["pass", "fail", "unknown"]


class Verdict(BaseModel):
    """What one verifier says of one item.

    Attributes:
        outcome: ``pass``, ``fail`` or ``unknown`` (which is not ``pass``).
        score: Degree in [0, 1], 1 is best. Its complement is the item's cost in the energy.
        variance: Variance of the score where it is noisy, else 0.
        reason: One line, with a witness in words.
        witnesses: Typed evidence; empty for a plain pass.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    outcome: Outcome
    score: float = Field(ge=0.0, le=1.0, allow_inf_nan=False)
    variance: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    reason: str = ""
    witnesses: tuple[AnyWitness, ...] = ()

    @classmethod
    def ok(cls, score: float = 1.0, reason: str = "") -> Verdict:
        """A pass."""
        return cls(outcome="pass", score=score, reason=reason)

    @classmethod
    def unknown(cls, reason: str, *witnesses: Witness, score: float = 0.5) -> Verdict:
        """No verdict could be reached; costs half by default."""
        return cls(outcome="unknown", score=score, reason=reason, witnesses=witnesses)

    @classmethod
    def failed(cls, *witnesses: Witness, score: float = 0.0, reason: str = "") -> Verdict:
        """A fail, with its witnesses; the reason is their first line unless given."""
        reason = reason or (witnesses[0].line if witnesses else "failed")
        return cls(outcome="fail", score=score, reason=reason, witnesses=witnesses)


class Assessment(Frozen):
    """All verdicts of one verifier on one plan.

    Attributes:
        verifier: The verifier's name.
        plan_hash: Content hash of the plan that was judged.
        verdicts: By item id, and under ``goal`` for the plan as a whole. Items it has nothing to say about are absent.
        abstained: Why the verifier gave no verdicts at all, or None. An abstention is neither pass nor fail.
        usage: What it cost (tokens, calls, verifier seconds).
        decides: Check kinds whose truth the verifier decides; see :class:`~planneal.planner.verifier.Verifier`.
        judged: Ids that were judged afresh for this assessment; the others came from the cache.
    """

    verifier: str
    plan_hash: str
    verdicts: Mapping[str, Verdict] = Field(default_factory=dict)
    abstained: str | None = None
    usage: Usage = Usage()
    decides: frozenset[str] = frozenset()
    judged: tuple[str, ...] = ()

    def decided(self, item: Item) -> bool:
        """Whether the truth of this item is for this verifier to say."""
        return "*" in self.decides or (item.check is not None and item.check.kind in self.decides)

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """Ids whose verdict is ``fail``."""
        return tuple(item_id for item_id, verdict in self.verdicts.items() if verdict.outcome == "fail")

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """Every witness of every verdict, in order, without repetition."""
        found: dict[Witness, None] = {}
        for verdict in self.verdicts.values():
            found.update(dict.fromkeys(verdict.witnesses))
        return tuple(found)
