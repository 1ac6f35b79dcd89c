r"""How sure an energy difference is, from the variances of the verdicts.

First order, one verdict at a time: with :math:`g_i` the slope of a verifier's term in the score of item *i*,

.. math:: \mathrm{Var}[\Delta E] = \sum_i (g_i' \sigma_i')^2 + (g_i \sigma_i)^2,

primes for the proposal. A verdict that both plans share (the same draw on the same content, out of the cache) is one
random number and not two: it enters as :math:`(g_i' - g_i)^2 \sigma_i^2`, 0 where the edit left its slope alone.
Noise of different items and of different verifiers is taken to be independent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from .chain import Judged
from .energy import Anchor, EnergyModel
from .plan import Plan
from .verdicts import Assessment


def slopes(model: EnergyModel, plan: Plan, assessment: Assessment, anchor: Anchor) -> Mapping[str, float]:
    """Slope of the verifier's term in the score of each verdict that has a variance.

    A secant over one standard deviation towards the middle of [0, 1]: the term is linear in each single score but for
    the maxima and minima over rival definitions.
    """
    noisy = {i: verdict for i, verdict in assessment.verdicts.items() if verdict.variance > 0}
    base = model.term(plan, assessment, anchor).value if noisy else 0.0
    found: dict[str, float] = {}
    for item_id, verdict in noisy.items():
        step = min(math.sqrt(verdict.variance), 0.5) * (-1.0 if verdict.score > 0.5 else 1.0)
        moved = verdict.model_copy(update={"score": verdict.score + step})
        verdicts = {**assessment.verdicts, item_id: moved}
        value = model.term(plan, assessment.model_copy(update={"verdicts": verdicts}), anchor).value
        found[item_id] = (value - base) / step
    return found


def variance_of_difference(
    model: EnergyModel, new: Judged, old: Judged, verifiers: Iterable[str], anchor: Anchor
) -> float:
    """Variance of ``E(new) - E(old)`` over the given verifiers, in squared units of energy.

    Args:
        model: The energy.
        new: The proposal as far as it was judged.
        old: The incumbent.
        verifiers: Names of noisy verifiers; those that did not judge both plans add nothing.
        anchor: How much the draft asked of itself.
    """
    total = 0.0
    before = {assessment.verifier: assessment for assessment in old.assessments}
    after = {assessment.verifier: assessment for assessment in new.assessments}
    for name in verifiers:
        here, there = after.get(name), before.get(name)
        if here is None or there is None or here.abstained is not None or there.abstained is not None:
            continue
        ahead, behind = slopes(model, new.plan, here, anchor), slopes(model, old.plan, there, anchor)
        for item_id in ahead.keys() | behind.keys():
            forth, back = ahead.get(item_id, 0.0), behind.get(item_id, 0.0)
            mine, theirs = here.verdicts.get(item_id), there.verdicts.get(item_id)
            if mine is not None and mine is theirs:  # the very object: out of the cache, hence the same draw
                total += (forth - back) ** 2 * mine.variance
                continue
            total += forth**2 * (mine.variance if mine is not None else 0.0)
            total += back**2 * (theirs.variance if theirs is not None else 0.0)
    return total


__all__ = ["slopes", "variance_of_difference"]
