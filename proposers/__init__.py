"""Drafting a first plan and proposing edits to it."""

from .draft import Drafted, Drafter, DraftOptions, read_draft
from .lm_edits import EditOptions, EditWriter
from .mixture import Mixture
from .structural import RandomMoves, StructuralEdits
from .targets import Target, candidates, draw

__all__ = [
    "DraftOptions",
    "Drafted",
    "Drafter",
    "EditOptions",
    "EditWriter",
    "Mixture",
    "RandomMoves",
    "StructuralEdits",
    "Target",
    "candidates",
    "draw",
    "read_draft",
]
