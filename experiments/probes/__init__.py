"""Asking the model again after a run: fluff, ignored plans, leakage, and gold in place of one link.

One concept a module: which plans are asked about (:mod:`.sample`), answers that are paid for once (:mod:`.asker`), what
is asked of a plan (:mod:`.questions`), gold links (:mod:`.ablation`), what it adds up to (:mod:`.summary`), and the
whole of it (:mod:`.driver`). The report reads the result (:mod:`~planneal.experiments.report.extra`).
"""

from __future__ import annotations

from .driver import Probing, Summary, probe

__all__ = ["Probing", "Summary", "probe"]
