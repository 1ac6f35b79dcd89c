"""What a run may promise itself: the draft's and the answer's share of a budget, set aside before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence

from .decoders.metered import Account, MeteredModel
from .parts import Parts
from .planner.errors import BudgetTooSmall, ConfigError
from .planner.ledger import Budget, Ledger, Usage
from .planner.plan import Plan
from .planner.task import Task
from .proposers import Drafter

_SHARES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1)
_LEAST_TOKENS = 32


class Allowance:
    """Keeps the answer affordable.

    Args:
        pipeline: Whose parts say what a draft and an answer can cost.
        task: The task.
        ledger: The run's ledger.
        account: The account that prompt bounds are learnt on.

    Attributes:
        draft_tokens: Completion tokens allowed per draft.
        answer_tokens: Completion tokens allowed per answer.

    Raises:
        BudgetTooSmall: Not even the smallest useful draft and answer fit; the message says what would.
        ConfigError: A cap cannot be enforced with this model.
    """

    def __init__(self, pipeline: Parts, task: Task, ledger: Ledger, account: Account) -> None:
        self._pipeline = pipeline
        self._task = task
        self._ledger = ledger
        self._uncapped = ledger.budget == Budget()
        model = MeteredModel(pipeline.model, account, "answer")
        self._model = model
        self._answerer = pipeline.answerer(model, pipeline.prompts, pipeline.settings)
        self.draft_tokens, self.answer_tokens = self._fitting()

    def _fitting(self) -> tuple[int, int]:
        """Completion tokens for draft and answer that fit the budget, cut down evenly where it is tight."""
        budget, settings = self._ledger.budget, self._pipeline.settings
        if budget.flops is not None and self._pipeline.model.capabilities.parameters is None:
            raise ConfigError("a cap on flops cannot be kept: the model's size is unknown; cap tokens instead")
        short: tuple[str, float, float] | None = None
        for share in _SHARES:
            draft = max(_LEAST_TOKENS, int(settings.draft.max_tokens * share))
            answer = max(_LEAST_TOKENS, int(settings.answer.max_tokens * share))
            short = budget.exceeded_by(self._least_cost(draft, answer))
            if short is None:
                return draft, answer
        assert short is not None
        raise BudgetTooSmall(
            f"a draft and an answer could take up to {short[1]:g} {short[0]}, the budget allows {short[2]:g}; "
            f"raise the cap on {short[0]} to at least {short[1]:g}. Nothing was called"
        )

    def _least_cost(self, draft_tokens: int, answer_tokens: int) -> Usage:
        first = self._model.worst_case(self._drafter(draft_tokens).request(self._task))
        last = self._cost(self._task.seed_plan(), answer_tokens)
        judging = Usage(verifier_calls=len(self._pipeline.judges(self._model)))
        return first + last + Usage(prompt_tokens=draft_tokens) + judging

    def _cost(self, plan: Plan, answer_tokens: int) -> Usage:
        return self._model.worst_case(self._answerer.request(self._task, plan, max_tokens=answer_tokens))

    def affordable(self, chains: int) -> int:
        """How many chains can each pay for a draft while an answer stays paid for; at least one.

        Sets the answer to a draft of full length aside until the drafts are known.
        """
        if self._uncapped:
            return chains
        cost = self._cost(self._task.seed_plan(), self.answer_tokens)
        self._ledger.reserve(cost + Usage(prompt_tokens=self.draft_tokens) + self._time())
        worst = self._model.bound(self._drafter(self.draft_tokens).request(self._task))
        return next((k for k in range(chains, 1, -1) if self._ledger.share(k)[0].fits(worst)), 1)

    def _time(self) -> Usage:
        """The share of a cap on seconds that is kept for the answer."""
        seconds = self._ledger.budget.seconds
        return Usage(seconds=seconds * self._pipeline.settings.time_for_answer) if seconds else Usage()

    def _drafter(self, max_tokens: int) -> Drafter:
        drafter = self._pipeline.drafter(self._model, self._pipeline.prompts, self._pipeline.settings)
        drafter.cap(max_tokens)
        return drafter

    def reserve(self, drafts: Sequence[Plan]) -> bool:
        """Sets the answer to the dearest draft aside; False where it does not fit."""
        if self._uncapped:
            return True
        costs = [self._cost(plan, self.answer_tokens) for plan in drafts]
        return self._ledger.reserve(max(costs, key=lambda cost: cost.tokens) + self._time())

    def room(self, account: Account, plan: Plan) -> bool:
        """Whether the answer to this plan still fits; if it needs more than is set aside, more is set aside."""
        if self._uncapped:
            return True
        cost, kept = self._cost(plan, self.answer_tokens), self._ledger.reserved
        extra = Usage(
            prompt_tokens=max(0, cost.prompt_tokens - kept.prompt_tokens),
            completion_tokens=max(0, cost.completion_tokens - kept.completion_tokens),
            calls=max(0, cost.calls - kept.calls),
            flops=max(0.0, cost.flops - kept.flops),
        )
        if extra == Usage():
            return True
        # taken from the chain's share first, so that neither this chain nor a neighbour can spend it meanwhile
        share = account.ledger
        return share.reserve(share.reserved + extra) and self._ledger.reserve(kept + extra)
