"""The verifier seam: two methods, and everything else derived from them.

A verifier says for each item *what its verdict depends on* (:meth:`Verifier.scope`) and judges items
(:meth:`Verifier.judge`). From these follow incremental assessment (an edit re-judges only what it touched and what
rests on it), caching by content, and abstention: a verifier that raises abstains with its reason.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from .errors import BudgetExhausted, VerifierError
from .ledger import Usage
from .plan import Plan
from .task import Task
from .verdicts import Assessment, Verdict
from .witnesses import GOAL


class VerdictCache:
    """Verdicts by (verifier, item, what the item depends on), least recently used dropped first.

    Args:
        size: Most verdicts that are kept.
    """

    def __init__(self, size: int = 65_536) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, Verdict] = OrderedDict()

    def get(self, key: Hashable) -> Verdict | None:
        """The verdict under this key, or None."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, verdict: Verdict) -> None:
        """Remembers a verdict."""
        self._kept[key] = verdict
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


@dataclass
class Judgement:
    """What :meth:`Verifier.judge` returns: verdicts for the ids it was asked about, and what they cost.

    Attributes:
        verdicts: By id.
        usage: What they cost.
        fleeting: Ids whose verdict rests on an abstention of some part; no cache keeps these.
    """

    verdicts: Mapping[str, Verdict]
    usage: Usage = field(default_factory=Usage)
    fleeting: frozenset[str] = frozenset()


class Verifier(ABC):
    """Judges the items of a plan.

    Attributes:
        name: Unique within a run; part of every cache key.
        stage: Cost class: 0 structure, 1 symbolic, 2 tests, 3 process reward model, 4 language-model judge.
            Cheaper stages run first, and a proposal that they already condemn never pays for a dearer one.
        trust: ``exact`` (sound: its fail is a fact) or ``noisy``. Only exact fails of hard items count as violations.
        version: Part of every cache key; change it when verdicts change.
        decides: Check kinds whose truth this verifier decides (``relation``, ``order``, ...). A locked item counts as
            verified only if an exact verifier that decides its kind passed it; ``*`` decides every kind, text too.
        timeout: Most seconds one :meth:`judge` may take before the verifier abstains; None is unbounded.
    """

    name: str
    stage: int = 0
    trust: str = "exact"
    version: str = "1"
    timeout: float | None = None
    decides: frozenset[str] = frozenset()

    @abstractmethod
    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """Everything that the verdict on ``item_id`` (or on ``"goal"``) depends on; equal scopes, equal verdicts.

        Returns:
            A hashable content key, or None where this verifier has nothing to say about the item.
        """

    @abstractmethod
    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Judges the given items (a subset of those with a scope) and returns one verdict for each.

        Args:
            task: The task the plan is for.
            plan: The plan.
            item_ids: Ids to judge, ``"goal"`` possibly among them.
            draw: Number of the draw; a noisy verifier derives its seeds from it.
        """

    async def ask(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """:meth:`judge` within the timeout, its verdicts checked: a sound one for each id, and no other.

        Raises:
            VerifierError: It took too long, or a verdict is missing or makes no sense.
        """
        deadline: asyncio.Timeout | None = None
        try:
            async with asyncio.timeout(self.timeout) as deadline:
                found = await self.judge(task, plan, item_ids, draw)
        except TimeoutError:
            if deadline is None or not deadline.expired():
                raise
            raise VerifierError(f"no verdict within {self.timeout:g} s") from None
        verdicts = {item_id: _sound(item_id, found.verdicts.get(item_id)) for item_id in item_ids}
        return Judgement(verdicts, found.usage, found.fleeting)

    async def assess(
        self,
        task: Task,
        plan: Plan,
        *,
        cache: VerdictCache | None = None,
        draw: int = 0,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> Assessment:
        """Verdicts on the whole plan, judging afresh only what the cache does not hold.

        Args:
            task: The task the plan is for.
            plan: The plan.
            cache: Where verdicts are kept between plans; None judges everything.
            draw: Number of the draw; a noisy verifier gives a fresh verdict for each number.
            clock: Seconds, injected.

        Returns:
            The assessment. If the verifier breaks it says so in ``abstained`` and holds no verdicts.
        """
        started = clock()
        effective = draw if self.trust != "exact" else 0
        try:
            keys = {
                item_id: (self.name, self.version, effective, item_id, scope)
                for item_id in (*plan.by_id, GOAL)
                if (scope := self.scope(task, plan, item_id)) is not None
            }
            known = {i: v for i, key in keys.items() if cache is not None and (v := cache.get(key)) is not None}
            missing = [item_id for item_id in keys if item_id not in known]
            judgement = Judgement({})
            if missing:
                judgement = await self.ask(task, plan, missing, effective)
            verdicts = {i: known[i] if i in known else judgement.verdicts[i] for i in keys}
            seconds = max(0.0, clock() - started - judgement.usage.seconds)
            usage = judgement.usage + Usage(verifier_seconds=seconds)
        except BudgetExhausted:
            raise
        except (Exception, SystemExit) as error:  # whatever a verifier raises, the run goes on without its word
            lost = getattr(error, "usage", None)  # what a model's failed attempts cost
            usage = lost if isinstance(lost, Usage) else Usage()
            return self.abstain(plan, why(error), seconds=clock() - started - usage.seconds, usage=usage)
        for item_id in missing:
            if cache is not None and item_id not in judgement.fleeting:
                cache.put(keys[item_id], verdicts[item_id])
        return Assessment.model_construct(  # every verdict was checked above
            verifier=self.name,
            plan_hash=plan.hash,
            verdicts=verdicts,
            usage=usage,
            decides=self.decides,
            judged=tuple(missing),
        )

    async def assess_many(
        self,
        task: Task,
        plans: Sequence[Plan],
        *,
        cache: VerdictCache | None = None,
        draw: int = 0,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> list[Assessment]:
        """:meth:`assess` for several plans, one assessment each, in order.

        One after the other here. A verifier that is faster on many at once overrides it; the verdicts must be the same.
        """
        return [await self.assess(task, plan, cache=cache, draw=draw, clock=clock) for plan in plans]

    def own_bound(self, task: Task, plan: Plan) -> Usage | None:
        """The most that judging this plan may cost in tokens, calls and FLOPs that nobody else accounts for.

        None, the default, is for verifiers that ask no model, or only a metered one, which pays for itself. Whoever
        runs a model of its own says here what it may cost: the budget admits that first, and the assessment's whole
        usage is charged. It must not raise.
        """
        return None

    def __add__(self, other: Verifier) -> Verifier:
        """One verifier that says the mean of both, see :class:`~planneal.planner.combine.Combined`."""
        from .combine import Combined

        return Combined.of(self, other) if isinstance(other, Verifier) else NotImplemented

    def __radd__(self, other: object) -> Verifier:
        """So that ``sum(verifiers)`` works, which starts from 0."""
        return self if other == 0 else NotImplemented

    def __mul__(self, weight: float) -> Verifier:
        """This verifier with a weight for a sum: ``0.5 * a + b``."""
        from .combine import Combined

        return Combined.of(self, weight=weight) if isinstance(weight, int | float) else NotImplemented

    __rmul__ = __mul__

    def scaled(self, weight: float) -> Verifier:
        """``weight * self``."""
        return self * weight

    def named(self, name: str) -> Verifier:
        """The same verifier under another name: one word, unique within a run."""
        from .combine import Named

        return Named(self, name)

    def cached(self, size: int = 65_536) -> Verifier:
        """The same verifier with a memory of its own, for a dear part of a sum or one used in several runs."""
        from .combine import Cached

        return Cached(self, size)

    def within(self, seconds: float) -> Verifier:
        """The same verifier, abstaining where it takes longer than this (or than its own ``timeout``)."""
        from .combine import Within

        return Within(self, seconds)

    def only(self, *what: str) -> Verifier:
        """The same verifier for some items: kinds (``"S"``), ids (``"C1"``) or ``"goal"``."""
        from .combine import Only

        return Only(self, what)

    def abstain(self, plan: Plan, reason: str, *, seconds: float = 0.0, usage: Usage | None = None) -> Assessment:
        """An assessment without verdicts that says why.

        Args:
            plan: The plan.
            reason: Why, one line.
            seconds: Verifier seconds spent.
            usage: What was spent on a model all the same.
        """
        return Assessment(
            verifier=self.name,
            plan_hash=plan.hash,
            abstained=reason[:500],
            usage=(usage or Usage()) + Usage(verifier_seconds=max(0.0, seconds)),
        )


def _sound(item_id: str, verdict: Verdict | None) -> Verdict:
    """The verdict, if it is one with a score in [0, 1].

    Raises:
        VerifierError: There is none for this item, or it makes no sense.
    """
    if verdict is None:
        raise VerifierError(f"no verdict for {item_id}")
    if not isinstance(verdict, Verdict):
        raise VerifierError(f"{verdict!r:.50} is no verdict for {item_id}")
    if not 0.0 <= verdict.score <= 1.0:
        raise VerifierError(f"the score of {item_id} is {verdict.score}, not in [0, 1]")
    return verdict


def why(error: BaseException) -> str:
    """An abstention's reason in words."""
    return str(error) if isinstance(error, VerifierError) else f"{type(error).__name__}: {error}"
