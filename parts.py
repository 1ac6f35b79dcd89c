"""What a run needs of the pipeline that made it, as a protocol: so that runs and pipelines do not import each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .decoders.answerer import Answerer
from .decoders.base import LanguageModel
from .decoders.prompts import PromptSet
from .planner.acceptance import AcceptanceRule
from .planner.proposal import Proposer
from .planner.schedules import Schedule
from .planner.verifier import Verifier
from .proposers import Drafter
from .settings import Settings

ProposerFactory = Callable[[LanguageModel, PromptSet, Settings], Proposer]
DrafterFactory = Callable[[LanguageModel, PromptSet, Settings], Drafter]
AnswererFactory = Callable[[LanguageModel, PromptSet, Settings], Answerer]


class Parts(Protocol):
    """The parts of a pipeline.

    Attributes:
        model: The language model, not metered.
        settings: What may be tuned.
        prompts: The prompts.
        proposer: Makes the proposer.
        drafter: Makes the drafter.
        answerer: Makes the answer decoder.
        clock: Seconds.
        reporter: Who reports on the chosen plan, None for nobody; never one of those who steered.
    """

    model: LanguageModel
    settings: Settings
    prompts: PromptSet
    proposer: ProposerFactory
    drafter: DrafterFactory
    answerer: AnswererFactory
    clock: Callable[[], float]
    reporter: Verifier | None

    def judges(self, model: LanguageModel) -> Sequence[Verifier]:
        """The verifiers of a run; ``model`` is what those that ask a model may ask."""

    def make_rule(self) -> AcceptanceRule:
        """The acceptance rule."""

    def make_schedule(self) -> Schedule:
        """The temperature schedule."""
