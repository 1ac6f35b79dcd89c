"""Runs of a comparison: what is to be done, the engines that do it, and the file that holds what came of it."""

from __future__ import annotations

from .store import Attempt, Cell, ProblemRow, Store, canonical

__all__ = ["Attempt", "Cell", "ProblemRow", "Store", "canonical"]
