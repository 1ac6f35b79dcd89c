"""planneal: think by revising, speak by committing.

A structured plan is drafted by an existing language model, edited stochastically, judged by verifiers, and each edit is
accepted or rejected under a falling temperature. The best plan then conditions one answer that cites its items.
::

    import planneal

    result = planneal.solve("There are 4 nuts. ... How many wigs are there?")
    print(result.text, result.plan, result.spent.tokens)

Names are loaded on first use, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .decoders.answer import Answer, Claim
    from .decoders.base import LanguageModel, Message, SampleRequest, Samples
    from .pipeline import Pipeline, asolve, solve
    from .planner.edits import Edit, apply, invert
    from .planner.energy import Energy, EnergyModel
    from .planner.errors import (
        BudgetError,
        ConfigError,
        MissingExtra,
        ModelError,
        OutOfScope,
        PlanError,
        PlannealError,
        TraceError,
    )
    from .planner.ledger import Budget, Ledger, Usage
    from .planner.notation import format_plan, parse_plan
    from .planner.plan import Item, Plan
    from .planner.proposal import Proposal, Proposer
    from .planner.task import Task
    from .planner.verdicts import Assessment, Verdict
    from .planner.verifier import Verifier
    from .planner.witnesses import Witness
    from .run import Result, Run
    from .settings import Settings

__all__ = [
    "Answer",
    "Assessment",
    "Budget",
    "BudgetError",
    "Claim",
    "ConfigError",
    "Edit",
    "Energy",
    "EnergyModel",
    "Item",
    "LanguageModel",
    "Ledger",
    "Message",
    "MissingExtra",
    "ModelError",
    "OutOfScope",
    "Pipeline",
    "Plan",
    "PlanError",
    "PlannealError",
    "Proposal",
    "Proposer",
    "Result",
    "Run",
    "SampleRequest",
    "Samples",
    "Settings",
    "Task",
    "TraceError",
    "Usage",
    "Verdict",
    "Verifier",
    "Witness",
    "__version__",
    "apply",
    "asolve",
    "format_plan",
    "invert",
    "parse_plan",
    "solve",
]

_HOME = {
    ".decoders.answer": ("Answer", "Claim"),
    ".decoders.base": ("LanguageModel", "Message", "SampleRequest", "Samples"),
    ".pipeline": ("Pipeline", "asolve", "solve"),
    ".planner.edits": ("Edit", "apply", "invert"),
    ".planner.energy": ("Energy", "EnergyModel"),
    ".planner.errors": (
        "BudgetError",
        "ConfigError",
        "MissingExtra",
        "ModelError",
        "OutOfScope",
        "PlanError",
        "PlannealError",
        "TraceError",
    ),
    ".planner.ledger": ("Budget", "Ledger", "Usage"),
    ".planner.notation": ("format_plan", "parse_plan"),
    ".planner.plan": ("Item", "Plan"),
    ".planner.proposal": ("Proposal", "Proposer"),
    ".planner.task": ("Task",),
    ".planner.verdicts": ("Assessment", "Verdict"),
    ".planner.verifier": ("Verifier",),
    ".planner.witnesses": ("Witness",),
    ".run": ("Result", "Run"),
    ".settings": ("Settings",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    """Loads a public name from its module (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
