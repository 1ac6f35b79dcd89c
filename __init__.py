"""planneal: think by revising, speak by committing.

A structured plan is drafted by an existing language model, edited stochastically, judged by verifiers, and each edit is
accepted or rejected under a falling temperature. The best plan then conditions one answer that cites its items.
::

    import planneal

    result = planneal.solve("There are 4 nuts. ... How many wigs are there?")
    print(result.text, result.plan, result.spent.tokens)
"""

from ._version import __version__
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
