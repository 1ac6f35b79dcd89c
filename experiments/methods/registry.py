"""Every method by name, in the order of tables: baselines, controls, planneal and its variants, ceilings and floors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

from ...planner.errors import ConfigError
from ...verifiers.registry import load_verifiers
from .answers import BestOfAnswers, SelfRefine
from .base import Method
from .controls import BlankedPlan, GoldPlan, ShuffledPlan
from .direct import BudgetForcing, Direct, DirectWithConstraints, SelfConsistency
from .particles import ParticleFilter
from .plans import BestOfPlans, RestartsOnly
from .power import PowerSampling
from .refining import Planneal, annealed, fixed_temperature, greedy_refinement, random_edits

__all__ = ["METHODS", "about", "further", "known", "make"]

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


_JUDGED = (BestOfAnswers, BestOfPlans, RestartsOnly, ParticleFilter, Planneal)
"""Methods that verifiers judge for."""


def known(name: str) -> str | None:
    """The method that a name begins with, verifiers left out; None where there is none."""
    return max((plain for plain in METHODS if f"{name}+".startswith(f"{plain}+")), key=len, default=None)


def further(name: str) -> frozenset[str]:
    """The verifiers that a name gives a method beside its own; none for a name of no method here."""
    plain = known(name)
    return frozenset() if plain is None else frozenset(name[len(plain) + 1 :].split("+")) - {""}


def about(name: str) -> str:
    """One line about the method of this name, empty where there is none; loads no verifier."""
    plain = known(name)
    return "" if plain is None else _about(METHODS[plain]().about, name[len(plain) + 1 :])


def _about(plain: str, verifiers: str) -> str:
    return f"{plain}; judged by {verifiers.replace('+', ', ')} too" if verifiers else plain


def make(name: str) -> Method:
    """The method of this name; ``planneal+embedded_prm`` is planneal with a further verifier beside its own.

    Raises:
        ConfigError: There is no such method or verifier, or no verifier judges for that method.
        MissingExtra: A verifier needs what is not installed.
    """
    plain = known(name)
    if plain is None:
        raise ConfigError(f"no method {name!r}; there are {', '.join(METHODS)}")
    made, verifiers = METHODS[plain](), name[len(plain) + 1 :]
    return _judged_also(made, verifiers.split("+")) if verifiers else made


def _judged_also(method: Method, verifiers: Sequence[str]) -> Method:
    """The method with verifiers beside those that judge for it."""
    if not isinstance(method, _JUDGED):
        raise ConfigError(f"no verifier judges for {method.name!r}: it cannot be had with {', '.join(verifiers)}")
    load_verifiers(verifiers)  # so that a name that stands for none is an error here, and not in every attempt
    also = copy.copy(method)
    also.settings = method.settings.model_copy(update={"verifiers": (*method.settings.verifiers, *verifiers)})
    also.name, also.about = "+".join((method.name, *verifiers)), _about(method.about, "+".join(verifiers))
    return also
