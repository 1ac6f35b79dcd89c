"""Metrics of answers, plans and searches; one module per concept, see ``docs/metrics.md``.

Everything here is a pure function of texts, plans, events and outcomes, but for what must ask the model again
(:mod:`~.causal`, :mod:`~.leakage`, :mod:`~.fluff`): that goes through a :class:`~.probing.Probe`, on an account of its
own. Nothing here looks for a gold answer; where one is needed, whoever holds it passes a value or a grading function.
"""
