r"""Verifiers made of verifiers: weighted means, and wrappers that change one thing about another verifier.

:meth:`Verifier.named`, :meth:`~Verifier.cached`, :meth:`~Verifier.within`, :meth:`~Verifier.only` and the operators of
``0.5 * a + b`` make these. A sum is *one* verifier with one verdict per item; to keep the parts apart in energy and
trace, give a run both of them instead, with :attr:`~planneal.planner.energy.EnergyModel.weights`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from .errors import BudgetExhausted, ConfigError, VerifierError
from .ledger import Usage
from .plan import Plan
from .task import Task
from .verdicts import Outcome, Verdict
from .verifier import Judgement, VerdictCache, Verifier, why
from .witnesses import GOAL, Witness


def bound(part: Verifier, model: Any) -> Verifier:
    """A verifier that asks a language model, bound to this one; any other as it is."""
    bind = getattr(part, "with_model", None)
    return part if bind is None else bind(model)


async def closed(part: Verifier) -> None:
    """Closes a verifier that holds something open."""
    close = getattr(part, "aclose", None)
    if close is not None:
        await close()


class Wrapper(Verifier):
    """Another verifier in all respects but one.

    Args:
        part: The verifier.
    """

    def __init__(self, part: Verifier) -> None:
        self.part = part
        self.name, self.version, self.stage = part.name, part.version, part.stage
        self.trust, self.decides, self.timeout = part.trust, part.decides, part.timeout

    @abstractmethod
    def around(self, part: Verifier) -> Verifier:
        """The same wrapper around another verifier."""

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The part's scope."""
        return self.part.scope(task, plan, item_id)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """The part's judgement."""
        return await self.part.judge(task, plan, item_ids, draw)

    def own_bound(self, task: Task, plan: Plan) -> Usage | None:
        """The part's bound."""
        return self.part.own_bound(task, plan)

    def with_model(self, model: Any) -> Verifier:
        """The same wrapper around the part bound to a model."""
        part = bound(self.part, model)
        return self if part is self.part else self.around(part)

    async def aclose(self) -> None:
        """Closes the part."""
        await closed(self.part)


class Named(Wrapper):
    """A verifier under another name, which cache keys, weights and traces then use."""

    def __init__(self, part: Verifier, name: str) -> None:
        if name.split() != [name]:
            raise ConfigError(f"a verifier's name is one word, not {name!r}")
        super().__init__(part)
        self.name = name

    def around(self, part: Verifier) -> Verifier:
        """The same name for another verifier."""
        return Named(part, self.name)


class Within(Wrapper):
    """A verifier with a timeout; the shorter one counts. What blocks the event loop cannot be timed out."""

    def __init__(self, part: Verifier, seconds: float) -> None:
        if not (math.isfinite(seconds) and seconds > 0):
            raise ConfigError(f"a timeout is a number of seconds over 0, not {seconds}")
        super().__init__(part)
        self.timeout = seconds if part.timeout is None else min(seconds, part.timeout)

    def around(self, part: Verifier) -> Verifier:
        """The same timeout for another verifier."""
        assert self.timeout is not None
        return Within(part, self.timeout)


class Only(Wrapper):
    """A verifier that has something to say about some items only.

    It decides no kind of check any more: of the items left out it would say nothing, and an item that nobody judged is
    not verified.
    """

    def __init__(self, part: Verifier, what: Sequence[str]) -> None:
        if not what:
            raise ConfigError("say which items: kinds such as S, ids such as C1, or goal")
        super().__init__(part)
        self.what = frozenset(what)
        self.decides = frozenset()

    def around(self, part: Verifier) -> Verifier:
        """The same items for another verifier."""
        return Only(part, tuple(self.what))

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The part's scope for the items meant, else None."""
        meant = item_id in self.what or (item_id != GOAL and plan[item_id].kind in self.what)
        return self.part.scope(task, plan, item_id) if meant else None


class Cached(Wrapper):
    """A verifier that remembers what it said, by draw, item and scope; failures are not remembered.

    The kernel's own cache does this for whole verifiers within one chain. This one serves parts of a sum, whose other
    parts change more often, and verifiers that outlive a run; bound to a model it starts empty, since the model may be
    another.
    """

    def __init__(self, part: Verifier, size: int = 65_536) -> None:
        if size < 1:
            raise ConfigError(f"a cache holds at least one verdict, not {size}")
        super().__init__(part)
        self.size = size
        self._kept = VerdictCache(size)

    def around(self, part: Verifier) -> Verifier:
        """Another verifier with an empty memory."""
        return Cached(part, self.size)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """What is remembered, and the part's judgement on the rest."""
        draw = draw if self.trust != "exact" else 0
        keys = {i: (self.part.version, draw, i, self.part.scope(task, plan, i)) for i in item_ids}
        known = {i: verdict for i, key in keys.items() if (verdict := self._kept.get(key)) is not None}
        missing = [item_id for item_id in item_ids if item_id not in known]
        if not missing:
            return Judgement(known)
        found = await self.part.ask(task, plan, missing, draw)
        for item_id in missing:
            if item_id not in found.fleeting:
                self._kept.put(keys[item_id], found.verdicts[item_id])
        return Judgement({**known, **found.verdicts}, found.usage, found.fleeting)


class Part(NamedTuple):
    """One part of a sum."""

    weight: float
    verifier: Verifier


class Combined(Verifier):
    r"""The weighted mean of several verifiers, as one.

    For the parts that spoke of an item, with weights :math:`w`, scores :math:`s` and variances :math:`v`:

    .. math:: s = \sum w_i s_i / W, \quad v = \sum (w_i / W)^2 v_i, \quad W = \sum w_i

    Weights are relative: ``2 * a + 2 * b`` is ``a + b``, and a single part with a weight judges as it does without.
    The *outcome* is the worse of two: the worst of the exact parts' outcomes, and what most of the noisy parts' weight
    is for (the worse one at a tie). Where a part abstains, the mean is over the others, which the reason says and no
    cache keeps; if the part is exact, the outcome is no better than ``unknown``. Where all parts abstain that have
    something to say about any item asked, so does the sum. Exact only if every part is; it then decides what they
    decide. Its stage is the dearest part's. Parts are asked one after the other, each within its own timeout.

    Args:
        parts: The parts with their weights, finite and over 0.

    Raises:
        ConfigError: No parts, or a weight out of range.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        if not parts or not all(math.isfinite(part.weight) and part.weight > 0 for part in parts):
            raise ConfigError("a sum has at least one part, and weights are finite and over 0")
        self.parts = tuple(parts)
        verifiers = [part.verifier for part in parts]
        self.name = "+".join(v.name if w == 1 else f"{w:g}*{v.name}" for w, v in parts)
        self.version = "+".join(verifier.version for verifier in verifiers)
        self.stage = max(verifier.stage for verifier in verifiers)
        self.trust = "exact" if all(verifier.trust == "exact" for verifier in verifiers) else "noisy"
        decided = frozenset[str]().union(*(verifier.decides for verifier in verifiers))
        self.decides = decided if self.trust == "exact" else frozenset()

    @classmethod
    def of(cls, *verifiers: Verifier, weight: float = 1.0) -> Combined:
        """A sum of verifiers, sums among them opened, all weights multiplied by ``weight``."""
        parts: list[Part] = []
        for verifier in verifiers:
            inner = verifier.parts if type(verifier) is Combined else (Part(1.0, verifier),)
            parts += [Part(weight * part.weight, part.verifier) for part in inner]
        return cls(parts)

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The parts' scopes in order, None where no part has one."""
        scopes = tuple(verifier.scope(task, plan, item_id) for _, verifier in self.parts)
        return scopes if any(scope is not None for scope in scopes) else None

    def own_bound(self, task: Task, plan: Plan) -> Usage | None:
        """The sum of the parts' bounds, None where no part has one."""
        found = [own for _, verifier in self.parts if (own := verifier.own_bound(task, plan)) is not None]
        return sum(found, Usage()) if found else None

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Asks every part about the items it has something to say about.

        Raises:
            VerifierError: All of them abstained.
        """
        owns = self.own_bound(task, plan) is not None
        heard: list[_Heard] = []
        usage = Usage()
        for weight, verifier in self.parts:
            mine = [item_id for item_id in item_ids if verifier.scope(task, plan, item_id) is not None]
            if not mine:
                continue
            said = await _hear(weight, verifier, task, plan, mine, draw)
            heard.append(said)
            paid = owns and verifier.own_bound(task, plan) is None  # a metered model's tokens are charged already
            spent = said.found.usage
            usage += Usage(seconds=spent.seconds, verifier_seconds=spent.verifier_seconds) if paid else spent
        if all(said.silent for said in heard):
            raise VerifierError("; ".join(f"{said.verifier.name} abstained: {said.silent}" for said in heard))
        verdicts = {item_id: _mean([s for s in heard if item_id in s.asked], item_id) for item_id in item_ids}
        fleeting = frozenset().union(*(s.asked if s.silent else s.found.fleeting for s in heard))
        return Judgement(verdicts, usage, fleeting)

    def with_model(self, model: Any) -> Verifier:
        """The same sum with its parts bound to a model."""
        parts = [Part(weight, bound(verifier, model)) for weight, verifier in self.parts]
        same = all(new.verifier is old.verifier for new, old in zip(parts, self.parts, strict=True))
        return self if same else Combined(parts)

    async def aclose(self) -> None:
        """Closes the parts."""
        for _, verifier in self.parts:
            await closed(verifier)


class _Heard(NamedTuple):
    """What one part said, or why it said nothing."""

    weight: float
    verifier: Verifier
    asked: frozenset[str]
    found: Judgement
    silent: str


async def _hear(
    weight: float, verifier: Verifier, task: Task, plan: Plan, item_ids: Sequence[str], draw: int
) -> _Heard:
    asked = frozenset(item_ids)
    try:
        found = await verifier.ask(task, plan, item_ids, draw if verifier.trust != "exact" else 0)
    except BudgetExhausted:
        raise
    except Exception as error:  # one part's failure is its own abstention
        lost = getattr(error, "usage", None)
        return _Heard(weight, verifier, asked, Judgement({}, lost if isinstance(lost, Usage) else Usage()), why(error))
    return _Heard(weight, verifier, asked, found, "")


_WORST_FIRST: tuple[Outcome, ...] = ("fail", "unknown", "pass")


def _mean(heard: Sequence[_Heard], item_id: str) -> Verdict:
    """The verdict of those that spoke; ``unknown`` where none did."""
    silent = [said for said in heard if said.silent]
    spoke = [(said, said.found.verdicts[item_id]) for said in heard if not said.silent]
    missing = "; ".join(f"{said.verifier.name} abstained: {said.silent}" for said in silent)
    if not spoke:
        return Verdict.unknown(missing[:500])
    total = math.fsum(said.weight for said, _ in spoke)
    witnesses: dict[Witness, None] = {}
    for _, verdict in spoke:
        witnesses.update(dict.fromkeys(verdict.witnesses))
    told = [f"{said.verifier.name} {v.score:.2f}" + (f" ({v.reason[:120]})" if v.reason else "") for said, v in spoke]
    return Verdict(
        outcome=_outcome(spoke, silent),
        score=min(1.0, math.fsum(said.weight * verdict.score for said, verdict in spoke) / total),
        variance=math.fsum((said.weight / total) ** 2 * verdict.variance for said, verdict in spoke),
        reason="; ".join([", ".join(told), missing] if missing else [", ".join(told)])[:500],
        witnesses=tuple(witnesses),
    )


def _outcome(spoke: Sequence[tuple[_Heard, Verdict]], silent: Sequence[_Heard]) -> Outcome:
    """The worse of what the exact parts establish and what most of the noisy parts' weight is for."""
    found = [verdict.outcome for said, verdict in spoke if said.verifier.trust == "exact"]
    if any(said.verifier.trust == "exact" for said in silent):
        found.append("unknown")
    votes = {outcome: 0.0 for outcome in _WORST_FIRST}
    for said, verdict in spoke:
        if said.verifier.trust != "exact":
            votes[verdict.outcome] += said.weight
    if any(votes.values()):
        found.append(max(_WORST_FIRST, key=lambda outcome: votes[outcome]))  # the first, the worst, at a tie
    return min(found, key=_WORST_FIRST.index)


__all__ = ["Cached", "Combined", "Named", "Only", "Part", "Within", "Wrapper"]
