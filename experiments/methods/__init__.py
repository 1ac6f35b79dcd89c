"""Methods to compare, all behind one face: a case, a model, a budget and a generator in; an answer and its ledger out.

A method never sees a gold answer: what it is handed has no field for one. Every method's whole cost is counted, prompt
tokens and rejected proposals included. All are anytime: whatever the budget, they return the best that it pays for.
"""

from __future__ import annotations

from .answers import BestOfAnswers, SelfRefine
from .asking import final_value
from .base import Answered, Case, Method, Outcome, case_of
from .controls import BlankedPlan, GoldPlan, ShuffledPlan
from .direct import BudgetForcing, Direct, DirectWithConstraints, SelfConsistency, constraint_list
from .particles import ParticleFilter
from .plans import BestOfPlans, RestartsOnly, verifiers_of
from .power import PowerSampling
from .random_edits import RandomEdits
from .refining import Planneal, annealed, fixed_temperature, greedy_refinement, random_edits
from .registry import METHODS, make

__all__ = [
    "METHODS",
    "Answered",
    "BestOfAnswers",
    "BestOfPlans",
    "BlankedPlan",
    "BudgetForcing",
    "Case",
    "Direct",
    "DirectWithConstraints",
    "GoldPlan",
    "Method",
    "Outcome",
    "ParticleFilter",
    "Planneal",
    "PowerSampling",
    "RandomEdits",
    "RestartsOnly",
    "SelfConsistency",
    "SelfRefine",
    "ShuffledPlan",
    "annealed",
    "case_of",
    "constraint_list",
    "final_value",
    "fixed_temperature",
    "greedy_refinement",
    "make",
    "random_edits",
    "verifiers_of",
]
