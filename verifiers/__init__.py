"""Verifiers: what judges a plan's items. The seam is :class:`planneal.planner.verifier.Verifier`."""

from __future__ import annotations

from ..planner.verifier import Verifier
from .calibration import Calibrated, Calibration
from .noise import NoisyVerifier
from .order import OrderVerifier
from .pairwise import PairwiseJudge
from .relations import RelationsVerifier
from .self_check import SelfCheckVerifier
from .structure import StructureVerifier
from .tool_calls import DryRunVerifier, ToolCallVerifier
from .unit_tests import SelfReportedTests, UnitTestVerifier


def default_verifiers() -> tuple[Verifier, ...]:
    """The exact verifiers that every run has, cheapest first."""
    return (StructureVerifier(), OrderVerifier(), RelationsVerifier())


__all__ = [
    "Calibrated",
    "Calibration",
    "DryRunVerifier",
    "NoisyVerifier",
    "OrderVerifier",
    "PairwiseJudge",
    "RelationsVerifier",
    "SelfCheckVerifier",
    "SelfReportedTests",
    "StructureVerifier",
    "ToolCallVerifier",
    "UnitTestVerifier",
    "Verifier",
    "default_verifiers",
]
