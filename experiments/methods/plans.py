"""Plans without a search: one as drafted, the best of many under the same verifiers, and drafts until one is solved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...allowance import Allowance
from ...decoders.answerer import Answerer
from ...decoders.base import LanguageModel
from ...decoders.metered import Account
from ...decoders.prompts import PromptSet
from ...pipeline import Pipeline, default_verifiers
from ...planner.errors import BudgetExhausted, BudgetTooSmall, ModelError
from ...planner.ledger import Budget, Usage
from ...planner.notation import format_plan
from ...planner.plan import Plan
from ...planner.verifier import Verifier
from ...proposers import Drafter, read_draft
from ...proposers.structural import tidied
from ...settings import Settings
from ...verifiers import default_verifiers as exact_verifiers
from ...verifiers.registry import DEFAULT, load_verifiers, resolved
from .asking import Seat
from .base import Answered, Case, Method
from .direct import MOST_SAMPLES, Direct
from .judging import Judge

__all__ = ["BestOfPlans", "RestartsOnly", "answer_from", "judges", "verifiers_of"]


def verifiers_of(model: LanguageModel, settings: Settings, own: Sequence[Verifier] | None) -> list[Verifier] | None:
    """The verifiers of a run where a family brings its own, None where the usual ones (or the settings' names) stand.

    A family's own take the place of the exact ones; the self-check stays as it is set, and so does what the settings
    name beside the default ones.
    """
    if not own or DEFAULT not in settings.verifiers:
        return None
    return _named(model, PromptSet.load(model.capabilities.dialect), settings, own)


def _named(model: LanguageModel, prompts: PromptSet, settings: Settings, own: Sequence[Verifier]) -> list[Verifier]:
    """What the settings name, the default ones with a family's own in place of the exact ones."""

    def usual() -> list[Verifier]:
        exact = {verifier.name for verifier in exact_verifiers()} if own else frozenset()
        return [*own, *(v for v in default_verifiers(model, prompts, settings) if v.name not in exact)]

    return resolved(settings.verifiers, load_verifiers(settings.verifiers), usual)


def judges(seat: Seat, case: Case, settings: Settings) -> list[Verifier]:
    """Who judges the plans of a case."""
    return _named(seat.model, seat.prompts, settings, case.verifiers or ())


async def answer_from(
    seat: Seat, case: Case, plan: Plan, settings: Settings, rng: np.random.Generator, max_tokens: int | None = None
) -> tuple[str | None, str | None]:
    """The answer that a plan leads to, as a run decodes it: the first faithful attempt, else the first.

    Returns:
        The final value and the whole text; nothing where the budget or the endpoint allowed none.
    """
    answerer = Answerer(seat.role("answer"), seat.prompts, settings.answer, case.observe)
    found = []
    try:
        async for answer in answerer.decode(rng, case.task, plan, max_tokens=max_tokens):
            found.append(answer)
    except (BudgetExhausted, ModelError) as error:
        seat.stop = error.limit if isinstance(error, BudgetExhausted) and error.limit else type(error).__name__
    if not found:
        return None, None
    chosen = next((a for a in found if a.faithful), found[0])
    return chosen.value, chosen.text


class BestOfPlans(Method):
    """The best of as many drafted plans as the budget pays for, under planneal's verifiers and energy; then one answer.

    With n = 1 this is planneal without its model's edits: what the plan alone brings. Where the budget does not pay for
    a plan and an answer, the answer is a direct one.

    Args:
        n: Most drafts; the first is greedy.
        settings: As for planneal.
        ordered: Whether drafts are put in order first, by the same structural edits that planneal makes: they ask
            nothing of a model, and plans that only lack order would otherwise lose for that.
    """

    name = "best-of-plans"
    about = "sampled plans, chosen by the same verifiers, then one answer"

    def __init__(self, n: int = MOST_SAMPLES, settings: Settings | None = None, *, ordered: bool = True) -> None:
        if n < MOST_SAMPLES:
            plans = f"best-of-{n} plans" if n > 1 else "one plan"
            self.name = plans if ordered else f"{plans}, as drafted"
        self.n, self.ordered, self.settings = n, ordered, settings or Settings()

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Drafts, judges, answers from the first of the best."""
        seat = Seat(model, budget)
        try:
            allowed = Allowance(pipeline_of(seat, case, self.settings), case.task, seat.ledger, Account(seat.ledger))
        except BudgetTooSmall:
            return await Direct().answer(case, model, budget, rng)
        allowed.affordable(1)
        judge = Judge(seat, case, judges(seat, case, self.settings), self.settings)
        plans = await self._plans(seat, case, rng, judge, allowed)
        seat.ledger.reserve(Usage())
        if not plans:
            return Answered(None, seat.ledger, stop=seat.stop)
        best = judge.best.plan if judge.best is not None else plans[0]
        value, text = await answer_from(seat, case, best, self.settings, rng, allowed.answer_tokens)
        return Answered(
            value,
            seat.ledger,
            text=text,
            plan=format_plan(best),
            draft=format_plan(plans[0]),
            stop=seat.stop or "done",
            notes={"plans": len(plans), "solved": judge.solved},
        )

    async def _plans(
        self, seat: Seat, case: Case, rng: np.random.Generator, judge: Judge, allowed: Allowance
    ) -> list[Plan]:
        """Judged drafts: a greedy one, then as many sampled ones as fit."""
        plans: list[Plan] = []
        while len(plans) < self.n:
            texts = await self._drafts(seat, case, rng, allowed, self.n - len(plans), first=not plans)
            for text in texts:
                plan = read_draft(case.task, text).plan
                plan = tidied(plan) if self.ordered else plan
                plans.append(plan)
                allowed.reserve(plans)
                await judge.judge(plan)
            if not texts or self._enough(judge):
                break
        return plans

    def _enough(self, judge: Judge) -> bool:
        """Whether further drafts are not wanted."""
        return False

    async def _drafts(
        self, seat: Seat, case: Case, rng: np.random.Generator, allowed: Allowance, most: int, *, first: bool
    ) -> list[str]:
        """The next drafts, all from one request."""
        drafter = Drafter(seat.model, seat.prompts, self.settings.draft)
        drafter.cap(allowed.draft_tokens)
        request = drafter.request(case.task, seed=int(rng.integers(2**31)), greedy=first, n=1)
        temperature = request.temperature or 0.0
        made = await seat.ask(
            request.messages,
            request.seed or 0,
            most=allowed.draft_tokens,
            least=allowed.draft_tokens,
            n=1 if first else self._together(most),
            temperature=temperature,
            role="draft",
        )
        return [completion.text for completion in made]

    def _together(self, most: int) -> int:
        """How many drafts are asked for at once."""
        return most


class RestartsOnly(BestOfPlans):
    """Fresh drafts one after the other, until one satisfies every demand or the budget is spent: no edits at all."""

    name = "restarts-only"
    about = "fresh drafts until one is verified, then one answer"

    def __init__(self, most: int = MOST_SAMPLES, settings: Settings | None = None) -> None:
        super().__init__(most, settings)
        self.name = RestartsOnly.name

    def _enough(self, judge: Judge) -> bool:
        return judge.solved

    def _together(self, most: int) -> int:
        return 1


def pipeline_of(seat: Seat, case: Case, settings: Settings) -> Pipeline:
    """A pipeline whose parts say what a draft and an answer can cost."""
    return Pipeline(
        seat.model,
        settings=settings,
        prompts=seat.prompts,
        verifiers=verifiers_of(seat.model, settings, case.verifiers),
        observe=case.observe,
    )
