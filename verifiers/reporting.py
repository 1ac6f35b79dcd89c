"""The judge that reports: it says what it thinks of the chosen plan, and it has steered nothing.

A search finds what its judge over-rates, so the score that it ends with is too good (the winner's curse). What is told
of the result therefore comes from a judge that no decision was made by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from ..decoders.base import LanguageModel
from ..planner.comparison import Comparison, PairwiseVerifier, hear
from ..planner.errors import ConfigError
from ..planner.ledger import Usage
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Assessment
from ..planner.verifier import Verifier


class Report(BaseModel):
    """What the judge that reports says.

    Attributes:
        judge: Its name.
        assessment: Its verdicts on the chosen plan, None from a judge that compares.
        comparison: The chosen plan (first) against the first draft, from a judge that compares.
        abstained: Why it gave no word, empty where it did.
        usage: What it cost.
    """

    model_config = ConfigDict(frozen=True)
    judge: str
    assessment: Assessment | None = None
    comparison: Comparison | None = None
    abstained: str = ""
    usage: Usage = Usage()

    @property
    def score(self) -> float | None:
        """Mean score over the verdicts, or the probability that the plan beats the draft; None without a word."""
        if self.comparison is not None:
            return self.comparison.win
        if self.assessment is None or not self.assessment.verdicts:
            return None
        scores = [verdict.score for verdict in self.assessment.verdicts.values()]
        return sum(scores) / len(scores)


async def report(judge: Verifier, task: Task, plan: Plan, draft: Plan, *, clock: Callable[[], float]) -> Report:
    """Asks the judge about the chosen plan.

    Args:
        judge: The judge, bound to its model.
        task: The task.
        plan: The chosen plan.
        draft: The first plan, which a judge that compares sets it against.
        clock: Seconds, injected.

    Raises:
        BudgetExhausted: Asking does not fit.
    """
    if isinstance(judge, PairwiseVerifier):
        heard = await hear(judge, task, plan, draft, draw=0, clock=clock)
        usage = heard.comparison.usage if heard.comparison is not None else Usage()
        return Report(judge=judge.name, comparison=heard.comparison, abstained=heard.abstained, usage=usage)
    found = await judge.assess(task, plan, clock=clock)
    return Report(judge=judge.name, assessment=found, abstained=found.abstained or "", usage=found.usage)


def refuse_steering(judge: Verifier, steering: Sequence[Verifier], model: LanguageModel) -> None:
    """Raises if the judge that reports is one that steers: the same, or one of its name that asks the same model.

    Args:
        judge: The judge that is to report.
        steering: The verifiers of the run.
        model: What verifiers ask that have no model of their own.

    Raises:
        ConfigError: It is one of them.
    """
    asked = getattr(judge, "model", None) or model
    for other in steering:
        if other is judge or (other.name == judge.name and (getattr(other, "model", None) or model) is asked):
            raise ConfigError(f"{judge.name} steers the run, so it cannot report on it; name another judge or model")


__all__ = ["Report", "refuse_steering", "report"]
