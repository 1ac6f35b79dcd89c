"""Settings of a run: everything that may be tuned, in one frozen model that goes into the trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .decoders.answerer import AnswerOptions
from .planner.acceptance import AcceptanceRule, acceptance_rule
from .planner.energy import EnergyModel
from .planner.errors import ConfigError
from .planner.finals import FinalRule
from .planner.refine import RestartRule
from .planner.schedules import Schedule, schedule
from .planner.stopping import StopRule
from .proposers.draft import DraftOptions
from .proposers.lm_edits import EditOptions


class Settings(BaseModel):
    """How a pipeline refines and answers.

    Attributes:
        rule: Acceptance rule: ``greedy``, ``metropolis``, ``barker``, ``threshold`` or ``penalty``.
        schedule: Temperature schedule: ``constant``, ``geometric`` or ``lam``.
        schedule_options: Options of the schedule, for instance ``{"start": 0.2, "end": 0.01}`` in units of energy.
        chains: Chains that run side by side.
        energy: Weights and constants of the energy.
        stop: Stopping thresholds.
        restart: Restart thresholds.
        draft: How drafts are asked for.
        edit: How edits are asked for.
        answer: How the answer is decoded.
        floor: Exploration floor of the mixture.
        reaction: How fast operator weights adapt; 0 freezes them.
        prune: Whether unused own items are deleted.
        verifiers: Names of the verifiers, shipped or added by installed packages; ``default`` stands for the exact ones
            and the self-check.
        self_check: Whether the model judges its own items: ``auto`` does where it can score text.
        refresh_after: Rejections in a row after which noisy verdicts on the incumbent are drawn afresh.
        delayed: Stages before which a proposal must be accepted by a draw of its own (delayed acceptance), for instance
            ``[4]``; empty for one draw, with early rejection.
        final: How the plan is chosen where verifiers are noisy: how many plans, how many fresh looks at each.
        time_for_answer: Share of a cap on seconds that is kept for the answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    rule: str = "metropolis"
    schedule: str = "geometric"
    schedule_options: Mapping[str, float] = Field(default_factory=dict)
    chains: int = Field(default=1, ge=1, le=64)
    energy: EnergyModel = EnergyModel(weights={"self_check": 0.3, "pairwise": 0.15})
    stop: StopRule = StopRule()
    restart: RestartRule = RestartRule()
    draft: DraftOptions = DraftOptions()
    edit: EditOptions = EditOptions()
    answer: AnswerOptions = AnswerOptions()
    floor: float = Field(default=0.05, ge=0, le=1)
    reaction: float = Field(default=0.2, ge=0, le=1)
    prune: bool = True
    verifiers: tuple[str, ...] = Field(default=("default",), min_length=1)
    self_check: Literal["auto", "on", "off"] = "auto"
    refresh_after: int = Field(default=5, ge=0)
    delayed: tuple[int, ...] = ()
    final: FinalRule = FinalRule()
    time_for_answer: float = Field(default=0.2, ge=0, lt=1)

    def make_rule(self) -> AcceptanceRule:
        """The acceptance rule.

        Raises:
            ConfigError: There is none of this name, or delayed acceptance does not suit it.
        """
        rule = acceptance_rule(self.rule)
        if self.delayed and not rule.corrects:
            raise ConfigError(f"delayed acceptance does not suit the rule {rule.name}: it keeps no distribution")
        return rule

    def make_schedule(self) -> Schedule:
        """The temperature schedule.

        Raises:
            ConfigError: No such schedule, or options it does not take.
        """
        return schedule(self.schedule, **self.schedule_options)

    def shown(self) -> dict[str, Any]:
        """As it goes into the trace."""
        return self.model_dump(mode="json")
