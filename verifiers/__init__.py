"""Verifiers: what judges a plan's items. The seam is :class:`planneal.planner.verifier.Verifier`."""

from __future__ import annotations

from ..planner.verifier import Verifier
from .order import OrderVerifier
from .relations import RelationsVerifier
from .self_check import SelfCheckVerifier
from .structure import StructureVerifier


def default_verifiers() -> tuple[Verifier, ...]:
    """The exact verifiers that every run has, cheapest first."""
    return (StructureVerifier(), OrderVerifier(), RelationsVerifier())


__all__ = [
    "OrderVerifier",
    "RelationsVerifier",
    "SelfCheckVerifier",
    "StructureVerifier",
    "Verifier",
    "default_verifiers",
]
