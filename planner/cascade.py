r"""The cascade: verifiers cheapest first, and how many draws a proposal must pass.

Two schemes keep dear verifiers from being asked in vain, and both leave the distribution of the chain alone.

*Early rejection* (the default): **one** draw for the whole difference, made beforehand. Judging stops once what is
known already exceeds what this draw allows, whatever the missing verifiers may say. Every decision is the one that full
judging would have made; the dear call is saved only where the cheap terms alone are conclusive.

*Delayed acceptance* (Christen and Fox 2005; for several factors Banterle et al. 2015): the verifiers are split into
**factors**, each with a draw of its own. With :math:`\Delta_k` the difference of the energy over the verifiers of the
factors up to *k*, factor *k* accepts with the rule's probability at :math:`\Delta_k - \Delta_{k-1}`,

.. math:: \alpha = \prod_k \min\big(1, e^{-(\Delta_k - \Delta_{k-1}) / T}\big), \qquad \Delta_0 = T \log q.

Each factor's ratio of acceptance there and back is :math:`e^{-(\Delta_k - \Delta_{k-1}) / T}`, and these multiply to
that of the whole difference: Boltzmann stays stationary under Metropolis as under Barker. Never better per step (the
product is at most the minimum of the whole), better per cost where the cheap factor refuses most proposals. Single
decisions do differ from those of one draw: an improvement that a cheap verifier holds against may be refused unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .energy import Energy
from .verifier import Verifier


def factors(verifiers: Sequence[Verifier], delayed: Sequence[int]) -> tuple[tuple[Verifier, ...], ...]:
    """The verifiers by factor.

    Args:
        verifiers: Sorted by stage.
        delayed: Stages that begin a new factor: ``(4,)`` lets everything below stage 4 accept before stage 4 is
            asked; empty makes one factor of all.
    """
    cuts = sorted(set(delayed))
    grouped = groupby(verifiers, key=lambda verifier: sum(verifier.stage >= cut for cut in cuts))
    return tuple(tuple(group) for _, group in grouped)


def held(old: Energy, asked: Sequence[Sequence[Verifier]]) -> Energy:
    """The incumbent's energy over the verifiers of the factors asked so far."""
    names = {verifier.name for group in asked for verifier in group}
    if names.issuperset(old.terms):
        return old
    return Energy(terms={name: term for name, term in old.terms.items() if name in names}, hard=old.hard)


__all__ = ["factors", "held"]
