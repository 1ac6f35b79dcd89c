"""A kernel that judges and proposes nothing: the verdicts and the energy of a search, for plans outside any search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..planner.acceptance import Greedy
from ..planner.energy import EnergyModel
from ..planner.kernel import Kernel
from ..planner.ledger import Usage
from ..planner.schedules import Constant
from ..planner.task import Task
from ..planner.verifier import Verifier
from ..proposers import Mixture

__all__ = ["judging_kernel"]


def judging_kernel(
    task: Task,
    verifiers: Sequence[Verifier],
    energy: EnergyModel | None = None,
    *,
    admit: Callable[[Usage], None] = lambda worst: None,
    charge: Callable[[Usage], None] = lambda usage: None,
) -> Kernel:
    """A kernel whose :meth:`~planneal.planner.kernel.Kernel.judge` is wanted and nothing else.

    Args:
        task: The task.
        verifiers: Who judges.
        energy: Weights and constants; the usual ones if None.
        admit: Raises ``BudgetExhausted`` where the next assessment does not fit.
        charge: Books what an assessment cost.
    """
    return Kernel(
        task=task,
        proposer=Mixture(None),
        verifiers=verifiers,
        energy=energy or EnergyModel(),
        rule=Greedy(),
        schedule=Constant(0.0),
        admit=admit,
        charge=charge,
    )
