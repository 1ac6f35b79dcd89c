"""The family `tools`: requests over a toolbox of typed functions on a small real store."""

from __future__ import annotations

from .draw import Difficulty, ToolsGold, ToolsProblem, ToolsPublic, generate
from .family import FAMILY, ToolsFamily
from .grading import fresh_store, run
from .structures import Structure, held_out, structures
from .telling import answer_text, observations
from .toolbox import toolbox

__all__ = [
    "FAMILY",
    "Difficulty",
    "Structure",
    "ToolsFamily",
    "ToolsGold",
    "ToolsProblem",
    "ToolsPublic",
    "answer_text",
    "fresh_store",
    "generate",
    "held_out",
    "observations",
    "run",
    "structures",
    "toolbox",
]
