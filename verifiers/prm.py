"""The process-reward-model verifier: one score per plan item, from a model trained to judge steps. Noisy, stage 3.

The plan's own items are the steps of a solution to the task's question; what the task gave (locked items) is part of
the question. The score of an item depends on the question and on the items up to it. All scores together, aggregated,
are the verdict on the goal.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from ..decoders.prm import Solution, StepResult, StepScorer, StepScores
from ..decoders.prompts import spaced
from ..planner.checks import OrderCheck
from ..planner.errors import ConfigError, VerifierError
from ..planner.ledger import Usage
from ..planner.notation import format_item, format_plan
from ..planner.plan import Item, Plan
from ..planner.task import Task
from ..planner.verdicts import Assessment, Verdict
from ..planner.verifier import Judgement, VerdictCache, Verifier
from ..planner.witnesses import GOAL, Doubtful
from .memo import PlanMemo

Aggregation = Literal["min", "last", "product", "mean"]
Statistic = Literal["score", "ratio"]
Render = Literal["notation", "text", "compact"]


def aggregate(scores: Sequence[float], how: Aggregation) -> float:
    """One score in [0, 1] from those of the steps.

    Args:
        scores: At least one, in order.
        how: ``min`` (a chain is as good as its weakest step), ``last`` (the model's word on where the steps led),
            ``product`` (all steps right, taken as independent), ``mean``.
    """
    if how == "min":
        return min(scores)
    if how == "last":
        return scores[-1]
    return math.prod(scores) if how == "product" else math.fsum(scores) / len(scores)


class Rendered(NamedTuple):
    """A plan as a reward model sees it.

    Attributes:
        solution: The question, with what the task gave, and the plan's own items as steps.
        places: The step of each item that is judged, by id.
    """

    solution: Solution
    places: Mapping[str, int]


Judges = Callable[[Plan, Item], bool]
"""Whether an own item of a plan is judged at all."""


def every(plan: Plan, item: Item) -> bool:
    """Every own item is judged."""
    return True


def beyond_its_place(plan: Plan, item: Item) -> bool:
    """All but the bare things of a row: where they stand is for the order rules, and those are computed exactly."""
    return item.check is not None or not any(isinstance(other.check, OrderCheck) for other in plan.items)


def rendered(task: Task, plan: Plan, render: Render = "notation", judges: Judges = every) -> Rendered:
    """A plan as a solution: own items up to the last judged are the steps, locked ones belong to the question.

    Args:
        task: The task.
        plan: The plan.
        render: See :class:`PRMVerifier`.
        judges: See :class:`PRMVerifier`.
    """
    own = [item for item in plan.items if not item.locked]
    given = plan.with_items([item for item in plan.items if item.locked])
    if render == "compact":
        question = f"{' '.join(task.question.split())}\nplan:\n{spaced(format_plan(given, bare=True))}\n"
    else:
        question = "\n".join([task.question, *(_line(item, render) for item in given.items)])
    places = {item.id: place for place, item in enumerate(own) if judges(plan, item)}
    shown = own[: max(places.values(), default=-1) + 1]  # no score depends on what comes after
    return Rendered(Solution(question, tuple(_line(item, render) for item in shown)), places)


def _line(item: Item, render: Render) -> str:
    if render == "text":
        return item.text or (str(item.check) if item.check is not None else item.id)
    line = format_item(item, bare=True)
    return spaced(line) if render == "compact" else line


class PRMVerifier(Verifier):
    """Judges a plan's own items by a process reward model.

    Args:
        scorer: The model, local or served.
        aggregation: How the item scores become the goal's.
        threshold: Scores below it fail as doubtful. A product is compared with its n-th power for n items.
        statistic: What an item's score is: ``score``, the model's own, or ``ratio``, that over the item before it (at
            most 1). Models trained on *values* score all that follows a wrong step low; the ratio blames the step.
        render: Items as their ``notation`` line, or their ``text`` alone (the check where there is no text), or
            ``compact``: question, goal and items just as the compact prompts of the embedded models show them.
        judges: Which own items are judged; the model is shown those between them too. Doubt about what exact verifiers
            compute anyway can only mislead (:func:`beyond_its_place` leaves out the things of a row).
        variance: Of an item's score: a number or a function of the score, as calibration found it; 0 where unknown.
        name: Unique within a run.
        timeout: Most seconds for one plan, or for one batch of :meth:`assess_many`.

    Raises:
        ConfigError: No such aggregation, statistic or rendering, or a number out of range.
    """

    name = "prm"
    stage = 3
    trust = "noisy"

    def __init__(
        self,
        scorer: StepScorer,
        aggregation: Aggregation = "min",
        threshold: float = 0.5,
        *,
        statistic: Statistic = "score",
        render: Render = "notation",
        judges: Judges = every,
        variance: float | Callable[[float], float] = 0.0,
        name: str = "prm",
        timeout: float | None = None,
    ) -> None:
        for value, kind in ((aggregation, Aggregation), (statistic, Statistic), (render, Render)):
            if value not in get_args(kind):
                raise ConfigError(f"there is no {value!r} here; there are {', '.join(get_args(kind))}")
        if not 0.0 <= threshold <= 1.0 or (not callable(variance) and not 0.0 <= variance < math.inf):
            raise ConfigError("a threshold lies between 0 and 1, a variance is not negative")
        self.name, self.timeout = name, timeout
        self.scorer, self.aggregation, self.threshold = scorer, aggregation, threshold
        self.statistic, self.render, self.judges, self._variance = statistic, render, judges, variance
        self._how = (scorer.name, aggregation, threshold, statistic, render)
        self._rendered = PlanMemo(lambda task, plan: rendered(task, plan, render, judges), size=256)
        # The model gives the same numbers every time, so a fresh draw need not pay for them again.
        self._known = _Known()

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The question and the steps up to the item; all steps for the goal. None for an item that is not judged."""
        solution, places = self._rendered(task, plan)
        if item_id == GOAL:
            if not places and any(not item.locked for item in plan.items):
                return None  # nothing that it judges
            return (self._how, solution, tuple(places.items()))  # the reason names an item
        if item_id not in places:
            return None
        return (self._how, Solution(solution.question, solution.steps[: places[item_id] + 1]))

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Scores of the given items, at the price of reading the plan once, or of nothing where they are known.

        Raises:
            VerifierError: The scores make no sense.
            ModelError: The model could not score this plan.
            SeparatorError: Its tokenizer loses the separator.
        """
        solution, places = self._rendered(task, plan)
        if not solution.steps:
            # A plan of nothing is not good by default, or dropping every item would pay.
            return Judgement(dict.fromkeys(item_ids, Verdict.unknown("there is no step to score", score=0.0)))
        wanted = max(len(solution.steps) if item_id == GOAL else places[item_id] + 1 for item_id in item_ids)
        scores, usage = self._known.of(solution, wanted), Usage()
        if scores is None:
            (result,) = await self.scorer.score([solution])
            scores, usage = self._take(solution, result)
        return Judgement({item_id: self._verdict(item_id, scores, places) for item_id in item_ids}, usage)

    async def assess_many(
        self,
        task: Task,
        plans: Sequence[Plan],
        *,
        cache: VerdictCache | None = None,
        draw: int = 0,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> list[Assessment]:
        """Assessments of several plans from one batch of the model; a beginning that plans share is computed once.

        The verdicts are those of one :meth:`assess` after the other. A plan that cannot be scored abstains alone.
        """
        solutions = dict.fromkeys(self._rendered(task, plan).solution for plan in plans)
        wanted = [s for s in solutions if s.steps and self._known.of(s, len(s.steps)) is None]
        if not wanted:
            return await super().assess_many(task, plans, cache=cache, draw=draw, clock=clock)
        try:
            async with asyncio.timeout(self.timeout):
                results = await self.scorer.score(wanted)
        except Exception as error:  # whatever a scorer raises, the run goes on without its word
            late = isinstance(error, TimeoutError) and self.timeout is not None
            told = f"no verdict within {self.timeout:g} s" if late else f"{type(error).__name__}: {error}"
            results = [VerifierError(told)] * len(wanted)
        given = self._with(_Given(self.scorer, dict(zip(wanted, results, strict=True))))
        return [await given.assess(task, plan, cache=cache, draw=draw, clock=clock) for plan in plans]

    def own_bound(self, task: Task, plan: Plan) -> Usage | None:
        """What reading the plan may cost; nothing where all its scores are known."""
        try:
            solution = self._rendered(task, plan).solution
            if not solution.steps or self._known.of(solution, len(solution.steps)) is not None:
                return Usage()
            return self.scorer.bound(solution)
        except Exception:  # judging it will say what is wrong
            return Usage()

    def _with(self, scorer: StepScorer) -> PRMVerifier:
        """The same verifier, with what it knows, over another scorer of the same name."""
        other = PRMVerifier(
            scorer,
            self.aggregation,
            self.threshold,
            statistic=self.statistic,
            render=self.render,
            judges=self.judges,
            variance=self._variance,
            name=self.name,
            timeout=self.timeout,
        )
        other._known, other._rendered = self._known, self._rendered
        return other

    def _take(self, solution: Solution, result: StepResult) -> tuple[tuple[float, ...], Usage]:
        """Checks and remembers what the scorer said."""
        if not isinstance(result, StepScores):
            raise result
        scores = tuple(result.scores)
        if len(scores) != len(solution.steps):
            raise VerifierError(f"{len(scores)} scores came for {len(solution.steps)} items")
        if not all(0.0 <= score <= 1.0 for score in scores):  # NaN fails this too
            raise VerifierError(f"a score is not in [0, 1]: {', '.join(f'{score:g}' for score in scores)}"[:200])
        self._known.put(solution, scores)
        return scores, result.usage

    def _verdict(self, item_id: str, scores: Sequence[float], places: Mapping[str, int]) -> Verdict:
        if item_id == GOAL:
            judged = [scores[place] for place in places.values()]
            score = aggregate(judged, self.aggregation)
            threshold = self.threshold ** (len(judged) if self.aggregation == "product" else 1)
            worst = min(places, key=lambda other: scores[places[other]])
            detail = f"{self.aggregation} of {len(judged)} step scores {score:.3f}, the lowest at {worst}"
        else:
            place = places[item_id]
            score, threshold = self._statistic(scores, place), self.threshold
            detail = f"step score {scores[place]:.3f}" + (f", ratio {score:.3f}" if self.statistic == "ratio" else "")
        doubtful = score < threshold
        return Verdict(
            outcome="fail" if doubtful else "pass",
            score=score,
            variance=self._variance(score) if callable(self._variance) else self._variance,
            reason=detail,
            witnesses=(Doubtful(item=item_id, detail=detail),) if doubtful else (),
        )

    def _statistic(self, scores: Sequence[float], place: int) -> float:
        if self.statistic == "score" or place == 0:
            return scores[place]
        before = scores[place - 1]
        return min(1.0, scores[place] / before) if before > 0.0 else 1.0  # nothing was left to lose


class _Given(StepScorer):
    """Hands out results that are there already, each one's cost once; anything else is asked of the scorer."""

    def __init__(self, scorer: StepScorer, results: dict[Solution, StepResult]) -> None:
        self.name = scorer.name
        self._scorer = scorer
        self._results = results

    async def score(self, solutions: Sequence[Solution]) -> list[StepResult]:
        return [self._results.get(s) or (await self._scorer.score([s]))[0] for s in solutions]

    def bound(self, solution: Solution) -> Usage:
        return self._scorer.bound(solution)


class _Known:
    """Step scores by question and steps up to them, least recently used dropped first."""

    def __init__(self, size: int = 65_536) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, float] = OrderedDict()

    def of(self, solution: Solution, count: int) -> tuple[float, ...] | None:
        """The scores of the first ``count`` steps, None unless all are known."""
        found: list[float] = []
        for key in _keys(solution, count):
            score = self._kept.get(key)
            if score is None:
                return None
            self._kept.move_to_end(key)
            found.append(score)
        return tuple(found)

    def put(self, solution: Solution, scores: Sequence[float]) -> None:
        """Remembers all of a solution's scores."""
        for key, score in zip(_keys(solution, len(scores)), scores, strict=True):
            self._kept[key] = score
            self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _keys(solution: Solution, count: int) -> Iterator[bytes]:
    """A digest of the question and each beginning of the steps: what the score of its last step depends on."""
    key = hashlib.sha256(solution.question.encode("utf-8", "surrogatepass")).digest()
    for step in solution.steps[:count]:
        key = hashlib.sha256(key + step.encode("utf-8", "surrogatepass")).digest()
        yield key
