"""For tests: models that answer from scripts, and laws that parts of one's own can be held to."""

from __future__ import annotations

from .cases import Case, awkward_cases, sample_cases
from .laws import Counterexample, Law, LawReport
from .model_laws import MODEL_LAWS, check_model
from .models import FunctionModel, ScriptedModel, count
from .proposer_laws import PROPOSER_LAWS, check_proposer, view_of
from .sandbox_laws import SANDBOX_LAWS, check_sandbox
from .verifier_laws import VERIFIER_LAWS, check_verifier

__all__ = [
    "MODEL_LAWS",
    "PROPOSER_LAWS",
    "SANDBOX_LAWS",
    "VERIFIER_LAWS",
    "Case",
    "Counterexample",
    "FunctionModel",
    "Law",
    "LawReport",
    "ScriptedModel",
    "awkward_cases",
    "check_model",
    "check_proposer",
    "check_sandbox",
    "check_verifier",
    "count",
    "sample_cases",
    "view_of",
]
