"""For tests: models that answer from scripts, and laws that any verifier, proposer or model can be held to."""

from __future__ import annotations

from .cases import Case, awkward_cases, sample_cases
from .laws import Counterexample, Law, LawReport
from .models import FunctionModel, ScriptedModel, count
from .verifier_laws import VERIFIER_LAWS, check_verifier

__all__ = [
    "VERIFIER_LAWS",
    "Case",
    "Counterexample",
    "FunctionModel",
    "Law",
    "LawReport",
    "ScriptedModel",
    "awkward_cases",
    "check_verifier",
    "count",
    "sample_cases",
]
