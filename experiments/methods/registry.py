"""Every method by name, in the order of tables: baselines, controls, planneal and its variants, ceilings and floors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...planner.errors import ConfigError
from .answers import BestOfAnswers, SelfRefine
from .base import Method
from .controls import BlankedPlan, GoldPlan, ShuffledPlan
from .direct import BudgetForcing, Direct, DirectWithConstraints, SelfConsistency
from .particles import ParticleFilter
from .plans import BestOfPlans, RestartsOnly
from .power import PowerSampling
from .refining import annealed, fixed_temperature, greedy_refinement, random_edits

__all__ = ["METHODS", "make"]

_MAKERS: tuple[Callable[[], Method], ...] = (
    Direct,
    DirectWithConstraints,
    BudgetForcing,
    SelfConsistency,
    BestOfAnswers,
    SelfRefine,
    PowerSampling,
    BestOfPlans,
    RestartsOnly,
    ParticleFilter,
    random_edits,
    greedy_refinement,
    fixed_temperature,
    annealed,
    GoldPlan,
    ShuffledPlan,
    BlankedPlan,
)
METHODS: Mapping[str, Callable[[], Method]] = {maker().name: maker for maker in _MAKERS}
"""What makes each method, by name."""


def make(name: str) -> Method:
    """The method of this name.

    Raises:
        ConfigError: There is none.
    """
    if name not in METHODS:
        raise ConfigError(f"no method {name!r}; there are {', '.join(METHODS)}")
    return METHODS[name]()
