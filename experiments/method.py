"""The face of every method that is compared, under its first name; it lives in :mod:`.methods.base`."""

from __future__ import annotations

from .methods.base import Answered, Case, Method, case_of

__all__ = ["Answered", "Case", "Method", "case_of"]
