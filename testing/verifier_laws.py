"""The laws of verifiers, and :func:`check_verifier`, which tries them on any verifier."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Collection, Hashable, Iterator, Mapping, Sequence

from ..pipeline import run_sync
from ..planner.errors import BudgetExhausted
from ..planner.ledger import Usage
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, VerdictCache, Verifier
from ..planner.witnesses import GOAL
from .cases import Case, awkward_cases, cases_of, copy_of, neighbours
from .laws import Law, LawReport, Seen, judge_laws, unclaimed

VERIFIER_LAWS: tuple[Law, ...] = (
    Law("metadata", "name, version, stage, trust, decides and timeout are of the kind that a run expects, and stay"),
    Law("scope_hashable", "scope gives something hashable, or None, for every item and the goal"),
    Law("scope_stable", "equal tasks and plans have equal scopes, however often asked", ("scope_hashable",)),
    Law("total", "judge gives a verdict for each item asked, and for no other", ("scope_hashable",)),
    Law("scores", "an outcome is pass, fail or unknown; a score is in [0, 1]; a variance is finite and not negative"),
    Law("witnesses", "a fail says why in one line, and its witnesses are about items of the plan", ("scores",)),
    Law("cost", "usage is finite and not negative, and counts every request that was made"),
    Law("purity", "judging changes neither the task nor the plan"),
    Law("deterministic", "asked the same again, with the same draw, it says the same", ("total", "scores")),
    Law("order", "asked for some of the items, or in another order, it says the same", ("deterministic",)),
    Law("draw", "an exact verifier says the same for every draw", ("deterministic",)),
    Law("concurrent", "judging several plans at once gives what judging them in turn gives", ("deterministic",)),
    Law("scope_decides", "equal scopes of an item have equal verdicts", ("scope_stable", "order")),
    Law("version", "variants with equal name and version give equal verdicts on equal scopes", ("scope_decides",)),
    Law("survives", "assess returns, whatever the plan: what goes wrong is an abstention"),
    Law("speaks", "it reaches verdicts on the cases given, else the rest says little", ("total", "scores", "survives")),
    Law("cached", "an assessment with a cache equals a fresh one, on any walk of edits", ("scope_decides", "speaks")),
)
"""The laws, each after those it rests on."""


def check_verifier(
    verifier: Verifier,
    cases: Sequence[Case | tuple[Task, Plan]] | None = None,
    *,
    variants: Sequence[Verifier] = (),
    calls: Callable[[], int] | None = None,
    tolerance: float = 0.0,
    skip: Collection[str] = (),
) -> LawReport:
    """Tries every law of :data:`VERIFIER_LAWS` on a verifier.

    Args:
        verifier: The verifier, with its model bound if it asks one.
        cases: Tasks and plans it has something to say about; the samples of :mod:`planneal.testing.cases` by default.
        variants: The same verifier with other options, for the law ``version``.
        calls: How many requests its model has seen so far, where it asks one.
        tolerance: Largest difference of scores and variances that counts as none (batched floating point).
        skip: Laws it does not claim, for instance ``deterministic`` where an endpoint ignores seeds.

    Returns:
        The report; :meth:`LawReport.require` raises where a law is broken.

    Raises:
        ConfigError: ``skip`` names no law.
    """
    bench = _Bench(verifier, cases_of(cases), variants, calls, tolerance)
    idle = unclaimed(VERIFIER_LAWS, skip)
    if not variants:
        idle.setdefault("version", "no variants were given")
    trials = {law.name: getattr(bench, law.name) for law in VERIFIER_LAWS}
    name = str(getattr(verifier, "name", type(verifier).__name__))
    return run_sync(lambda: judge_laws(name, VERIFIER_LAWS, trials, cases=len(bench.cases), skip=idle))


class _Bench:
    """One verifier on its cases; a method for each law."""

    def __init__(
        self,
        verifier: Verifier,
        cases: Sequence[Case],
        variants: Sequence[Verifier],
        calls: Callable[[], int] | None,
        tolerance: float,
    ) -> None:
        self.verifier = verifier
        self.cases = cases
        self.variants = variants
        self.calls = calls
        self.tolerance = tolerance

    # What the laws are made of.

    def scopes(self, case: Case, verifier: Verifier | None = None) -> dict[str, Hashable]:
        """The scope of every id that has one."""
        judge = verifier or self.verifier
        found = ((item_id, judge.scope(case.task, case.plan, item_id)) for item_id in (*case.plan.by_id, GOAL))
        return {item_id: scope for item_id, scope in found if scope is not None}

    async def ask(
        self, case: Case, ids: Sequence[str] | None = None, draw: int = 0, verifier: Verifier | None = None
    ) -> Judgement | None:
        """A judgement on a copy of the case; None where nothing is in scope or the verifier gives up."""
        judge, case = verifier or self.verifier, copy_of(case)
        asked = list(self.scopes(case, judge)) if ids is None else list(ids)
        if not asked:
            return None
        try:
            return await judge.judge(case.task, case.plan, asked, draw)
        except BudgetExhausted:
            raise
        except Exception:  # giving up is no broken law here
            return None

    async def asked(self) -> AsyncGenerator[tuple[str, Case, Judgement], None]:
        """Every case that the verifier judges, with its judgement."""
        for where, case in self.numbered():
            if (judgement := await self.ask(case)) is not None:
                yield where, case, judgement

    def numbered(self) -> Iterator[tuple[str, Case]]:
        """The cases with their numbers in words."""
        return ((f"case {number}", case) for number, case in enumerate(self.cases))

    def differ(self, old: Mapping[str, Verdict], new: Mapping[str, Verdict]) -> Iterator[tuple[str, str]]:
        """Ids on which two judgements differ, with both verdicts in words."""
        for item_id in sorted({*old, *new}):
            if not self.same(old.get(item_id), new.get(item_id)):
                yield item_id, f"{told(old.get(item_id))}, then {told(new.get(item_id))}"

    def same(self, a: Verdict | None, b: Verdict | None) -> bool:
        if a is None or b is None or a.outcome != b.outcome:
            return a is b
        if not self.tolerance:
            return a == b
        return abs(a.score - b.score) <= self.tolerance and abs(a.variance - b.variance) <= self.tolerance

    # The laws.

    async def metadata(self) -> AsyncGenerator[Seen, None]:
        for attribute, value, expected in _oddities(self.verifier):
            yield Seen(f"attribute {attribute}", f"it is {value!r}, not {expected}")
        before = (self.verifier.name, self.verifier.version)
        async for where, _, _ in self.asked():
            if (self.verifier.name, self.verifier.version) != before:
                yield Seen(where, f"name and version were {before} before and are different now")

    async def scope_hashable(self) -> AsyncGenerator[Seen, None]:
        for where, case in self.numbered():
            for item_id, scope in self.scopes(case).items():
                try:
                    hash(scope)
                except TypeError as error:
                    yield Seen(f"{where}, {item_id}", f"{error}: {scope!r:.100}")

    async def scope_stable(self) -> AsyncGenerator[Seen, None]:
        for where, case in self.numbered():
            one, other = copy_of(case), copy_of(case)  # both alive: no identity is given twice
            first, second = self.scopes(one), self.scopes(other)
            for item_id in sorted({*first, *second}):
                if first.get(item_id) != second.get(item_id):
                    yield Seen(f"{where}, {item_id}", f"{first.get(item_id)!r:.100}, then {second.get(item_id)!r:.100}")

    async def total(self) -> AsyncGenerator[Seen, None]:
        async for where, case, judgement in self.asked():
            expected = self.scopes(case)
            for item_id in sorted({*expected} ^ {*judgement.verdicts}):
                yield Seen(f"{where}, {item_id}", "no verdict" if item_id in expected else "a verdict nobody asked for")

    async def scores(self) -> AsyncGenerator[Seen, None]:
        async for where, _, judgement in self.asked():
            for item_id, verdict in judgement.verdicts.items():
                if (fault := _unsound(verdict)) is not None:
                    yield Seen(f"{where}, {item_id}", fault)

    async def witnesses(self) -> AsyncGenerator[Seen, None]:
        async for where, case, judgement in self.asked():
            for item_id, verdict in judgement.verdicts.items():
                if verdict.outcome == "fail" and not (verdict.reason.strip() or verdict.witnesses):
                    yield Seen(f"{where}, {item_id}", "a fail without a reason")
                lines = (verdict.reason, *(w.line for w in verdict.witnesses))
                if any("\n" in line for line in lines):
                    yield Seen(f"{where}, {item_id}", "a reason of several lines")
                strangers = [i for w in verdict.witnesses for i in w.items if i not in case.plan and i != GOAL]
                if strangers:
                    yield Seen(f"{where}, {item_id}", f"a witness about {strangers[0]}, which is not in the plan")

    async def cost(self) -> AsyncGenerator[Seen, None]:
        for where, case in self.numbered():
            before = self.calls() if self.calls else 0
            if (judgement := await self.ask(case)) is None:
                continue
            if (fault := bad_usage(judgement.usage)) is not None:
                yield Seen(where, fault)
            elif self.calls and (made := self.calls() - before) != judgement.usage.calls:
                yield Seen(where, f"{made} requests were made and {judgement.usage.calls} are in the usage")

    async def purity(self) -> AsyncGenerator[Seen, None]:
        for where, case in self.numbered():
            mine, before = copy_of(case), fingerprint(copy_of(case))
            try:
                ids = list(self.scopes(mine))
                if ids:
                    await self.verifier.judge(mine.task, mine.plan, ids, 0)
            except BudgetExhausted:
                raise
            except Exception:  # giving up is fine, changing things is not
                pass
            if fingerprint(mine) != before:
                yield Seen(where, "the task or the plan is not what it was")

    async def deterministic(self) -> AsyncGenerator[Seen, None]:
        async for where, case, judgement in self.asked():
            again = await self.ask(case)
            for item_id, detail in self.differ(judgement.verdicts, again.verdicts if again else {}):
                yield Seen(f"{where}, {item_id}", detail)

    async def order(self) -> AsyncGenerator[Seen, None]:
        async for where, case, judgement in self.asked():
            ids = list(judgement.verdicts)
            asked = [ids[::-1], ids[::2], ids[1::2], *([item_id] for item_id in ids)]
            for some in asked:
                found = await self.ask(case, some) if some else None
                if found is None:
                    if some:
                        yield Seen(f"{where}, {some}", "it gives up on this part of what it judged as a whole")
                    continue
                expected = {item_id: judgement.verdicts[item_id] for item_id in some}
                for item_id, detail in self.differ(expected, found.verdicts):
                    yield Seen(f"{where}, {item_id} asked among {some}", detail)

    async def draw(self) -> AsyncGenerator[Seen, None]:
        if self.verifier.trust != "exact":
            return
        async for where, case, judgement in self.asked():
            again = await self.ask(case, draw=1)
            for item_id, detail in self.differ(judgement.verdicts, again.verdicts if again else {}):
                yield Seen(f"{where}, {item_id}, draw 1", detail)

    async def concurrent(self) -> AsyncGenerator[Seen, None]:
        alone = [await self.ask(case) for case in self.cases]
        together = await asyncio.gather(*(self.ask(case) for case in self.cases))
        for (where, _), one, other in zip(self.numbered(), alone, together, strict=True):
            for item_id, detail in self.differ(one.verdicts if one else {}, other.verdicts if other else {}):
                yield Seen(f"{where}, {item_id}, judged beside the others", detail)

    async def scope_decides(self) -> AsyncGenerator[Seen, None]:
        known: dict[Hashable, tuple[str, Verdict]] = {}
        for where, case in self.walk():
            scopes, judgement = self.scopes(case), await self.ask(case)
            for item_id, verdict in judgement.verdicts.items() if judgement else ():
                first, old = known.setdefault((item_id, scopes[item_id]), (where, verdict))
                if not self.same(old, verdict):
                    yield Seen(f"{item_id} of {first} and of {where}", f"{told(old)}, but {told(verdict)}")

    def walk(self) -> Iterator[tuple[str, Case]]:
        """The cases, each followed by its neighbours."""
        for where, case in self.numbered():
            yield where, case
            yield from ((f"{where}, neighbour {number}", near) for number, near in enumerate(neighbours(case)))

    async def version(self) -> AsyncGenerator[Seen, None]:
        known: dict[Hashable, tuple[int, Verdict]] = {}
        for number, variant in enumerate((self.verifier, *self.variants)):
            for where, case in self.numbered():
                scopes, judgement = self.scopes(case, variant), await self.ask(case, verifier=variant)
                for item_id, verdict in judgement.verdicts.items() if judgement else ():
                    key = (variant.name, variant.version, item_id, scopes[item_id])
                    first, old = known.setdefault(key, (number, verdict))
                    if not self.same(old, verdict):
                        place = f"{where}, {item_id}, variants {first} and {number}"
                        yield Seen(place, f"{told(old)}, but {told(verdict)}")

    async def survives(self) -> AsyncGenerator[Seen, None]:
        for number, case in enumerate(awkward_cases()):
            try:
                await self.verifier.assess(*copy_of(case))
            except (BudgetExhausted, asyncio.CancelledError, KeyboardInterrupt):
                raise
            except BaseException as error:  # SystemExit included: sys.exit in a verifier would end the run
                where = f"awkward case {number}: {str(case.plan)[:80]!r}"
                yield Seen(where, f"it raised {type(error).__name__}: {error}")

    async def speaks(self) -> AsyncGenerator[Seen, None]:
        spoken = 0
        for where, case in self.numbered():
            assessment = await self.verifier.assess(*copy_of(case))
            spoken += len(assessment.verdicts)
            if assessment.abstained is not None:
                yield Seen(where, f"it abstained: {assessment.abstained}")
        if not spoken:
            yield Seen("all cases", "it had nothing to say about any of them")

    async def cached(self) -> AsyncGenerator[Seen, None]:
        cache = VerdictCache()
        for where, case in self.walk():
            fresh = await self.verifier.assess(*copy_of(case))
            first = await self.verifier.assess(*copy_of(case), cache=cache)
            second = await self.verifier.assess(*copy_of(case), cache=cache)
            for found in (first, second):
                for item_id, detail in self.differ(fresh.verdicts, found.verdicts):
                    yield Seen(f"{where}, {item_id}, fresh and cached", detail)


def told(verdict: Verdict | None) -> str:
    """A verdict in a few words."""
    return "no verdict" if verdict is None else f"{verdict.outcome} {verdict.score:g} {verdict.reason[:80]!r}"


def _unsound(verdict: object) -> str | None:
    """What is wrong with a verdict, if anything."""
    if not isinstance(verdict, Verdict):
        return f"{verdict!r:.50} is no verdict"
    if verdict.outcome not in ("pass", "fail", "unknown"):
        return f"the outcome is {verdict.outcome!r}"
    if not 0.0 <= verdict.score <= 1.0:
        return f"the score is {verdict.score}, not in [0, 1]"
    if not (math.isfinite(verdict.variance) and verdict.variance >= 0):
        return f"the variance is {verdict.variance}"
    return None


def _oddities(verifier: Verifier) -> Iterator[tuple[str, object, str]]:
    """Attributes that are not of the kind they should be: (attribute, value, what was expected)."""
    decides, timeout = verifier.decides, verifier.timeout
    kinds = isinstance(decides, frozenset) and all(isinstance(kind, str) for kind in decides)
    rules = {
        "name": (isinstance(verifier.name, str) and verifier.name.split() == [verifier.name], "one word"),
        "version": (isinstance(verifier.version, str) and bool(verifier.version), "a text that is not empty"),
        "stage": (type(verifier.stage) is int and verifier.stage >= 0, "a number from 0"),
        "trust": (verifier.trust in ("exact", "noisy"), "exact or noisy"),
        "decides": (kinds, "a frozenset of check kinds"),
        "timeout": (timeout is None or (math.isfinite(timeout) and timeout > 0), "None or seconds over 0"),
    }
    return ((name, getattr(verifier, name), expected) for name, (good, expected) in rules.items() if not good)


def bad_usage(usage: object) -> str | None:
    """What is wrong with a usage, if anything: a count that is negative or not finite, cached beyond all tokens."""
    if not isinstance(usage, Usage):
        return f"{usage!r:.50} is no usage"
    for name, value in usage:
        if not (math.isfinite(value) and value >= 0):
            return f"{name} is {value}"
    return "more cached than prompt tokens" if usage.cached_prompt_tokens > usage.prompt_tokens else None


def fingerprint(case: Case) -> tuple[object, ...]:
    """All that a plan and a task hold, the tables that are derived from them included."""
    task, plan = case
    return task.model_dump_json(), plan.model_dump_json(), tuple(plan.by_id), dict(plan.by_id), dict(plan.positions)


__all__ = ["VERIFIER_LAWS", "bad_usage", "check_verifier", "fingerprint", "told"]
