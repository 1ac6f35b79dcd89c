"""Where to edit: operator and place are drawn from typed witnesses, with an exploration floor.

Aim decides: edits aimed at what a verifier can prove missing repair plans that edits aimed at random, or at the least
likely item, do not. The draw happens here, with the chain's generator; the language model only writes the line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..planner.plan import Plan
from ..planner.witnesses import Doubtful, Operator, Unused, Witness
from .structural import resolve


@dataclass(frozen=True)
class Target:
    """One thing to edit.

    Attributes:
        witness: What is wrong.
        operator: The drawn operator.
        structural: Whether it is to be resolved without a language model.
        explore: Whether it came from the exploration floor rather than from a verdict.
    """

    witness: Witness
    operator: Operator
    structural: bool
    explore: bool = False

    @property
    def arm(self) -> str:
        """The arm of the mixture that this target belongs to."""
        if self.explore:
            return "lm.explore"
        return f"{'structural' if self.structural else 'lm'}.{self.operator}"

    @property
    def line(self) -> str:
        """What is wrong, as a prompt shows it."""
        return self.witness.line

    @property
    def remark(self) -> str:
        """What a judge wrote about it, one printable line, or nothing: untrusted text, shown as a quotation."""
        return self.witness.critique if isinstance(self.witness, Doubtful) else ""

    @property
    def start(self) -> str:
        """How the edit line should begin, as a prompt shows it."""
        items = self.witness.items
        first = items[0] if items else None
        if self.operator == "insert":
            return f"insert S before {first}:" if first else "insert S:"
        if first is None:
            return self.operator
        return f"{self.operator} {first}" + ("" if self.operator in ("delete", "move") else ":")


def candidates(plan: Plan, witnesses: Sequence[Witness]) -> list[Target]:
    """Every way to answer every witness; several operators of one witness give several targets.

    A structural witness that no structural edit can settle goes to the language model like any other.
    """
    found = [
        Target(witness, operator, witness.structural and resolve(plan, witness) is not None)
        for witness in witnesses
        for operator in witness.operators
        if _possible(plan, witness, operator)
    ]
    return list(dict.fromkeys(found))


def _possible(plan: Plan, witness: Witness, operator: Operator) -> bool:
    """Locked items cannot be replaced, deleted, tightened or given other needs."""
    if operator in ("insert", "move"):
        return True
    return any(item_id in plan and not plan[item_id].locked for item_id in witness.items)


def preference(target: Target) -> float:
    """How promising a target is before anything was tried: a witness's first operator halves with every further one.

    Advice (an unused item) and doubt (a noisy judge's) stand back behind proof.
    """
    rank = target.witness.operators.index(target.operator) if target.operator in target.witness.operators else 1
    base = 0.5**rank
    if isinstance(target.witness, Unused):
        return 0.1 * base
    return 0.5 * base if isinstance(target.witness, Doubtful) else base


def exploration(rng: np.random.Generator, plan: Plan) -> Target | None:
    """A target that no verdict asked for: some item of the plan's own, to be written anew."""
    own = [item for item in plan.items if not item.locked]
    if not own:
        return None
    item = own[int(rng.integers(len(own)))]
    return Target(Doubtful(item=item.id, detail="exploration"), "replace", structural=False, explore=True)


def draw(
    rng: np.random.Generator, targets: Sequence[Target], weights: Mapping[str, float], *, floor: float = 0.05
) -> Target:
    """Draws a target with probability proportional to preference times the weight of its arm.

    Args:
        rng: The chain's generator.
        targets: What there is to choose from, at least one.
        weights: Arm weights of the mixture; 1 where an arm is missing.
        floor: Least share of the probability that is spread evenly, so that no arm dies.
    """
    raw = np.array([preference(t) * weights.get(t.arm, 1.0) for t in targets], dtype=float)
    total = raw.sum()
    even = np.full(len(targets), 1.0 / len(targets))
    probability = even if not np.isfinite(total) or total <= 0 else (1 - floor) * raw / total + floor * even
    return targets[int(rng.choice(len(targets), p=probability / probability.sum()))]


def companions(rng: np.random.Generator, first: Target, targets: Sequence[Target], most: int) -> list[Target]:
    """Further targets that may share the first one's model call: proven ones that touch other items.

    Args:
        rng: The chain's generator.
        first: The target already drawn.
        targets: All targets.
        most: Most targets per call, the first included.
    """
    chosen = [first]
    order = rng.permutation(len(targets))
    for target in (targets[int(i)] for i in order):
        if len(chosen) >= most:
            break
        if target.structural or target.explore or isinstance(target.witness, Unused):
            continue
        if target.operator != target.witness.operators[0]:
            continue
        if all(_independent(target, other) for other in chosen):
            chosen.append(target)
    return chosen


def _independent(a: Target, b: Target) -> bool:
    """Two witnesses may be answered together unless they are about the same missing thing or the same edited item."""
    if a.witness == b.witness:
        return False
    symbol_a, symbol_b = getattr(a.witness, "symbol", None), getattr(b.witness, "symbol", None)
    if symbol_a and symbol_a == symbol_b:
        return False
    if a.operator == "insert" and b.operator == "insert":
        return True
    return not set(a.witness.items[:1]) & set(b.witness.items[:1])
