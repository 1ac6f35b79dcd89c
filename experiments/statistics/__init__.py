"""Statistics for comparing methods on the same problems.

Everything is paired by problem, and seeds of one problem go together: what is drawn again, in every bootstrap here, is
problems. Sums come from scipy where it has them, which is loaded on first use.
"""

from __future__ import annotations

from ...verifiers.scoring import Interval, wilson
from .censored import CensoredGrowth, Cost, censored_growth
from .clustered import Estimate, by_cluster, clustered, clustered_difference, clustered_mean, clustered_ratio
from .growth import Fit, Growth, growth
from .holm import Adjusted, holm
from .paired import Discordant, discordant, mcnemar, paired_difference, sign_flip
from .power import exact_power, least_difference, power, problems_needed, problems_needed_exactly
from .ranks import auroc, clustered_auroc, clustered_spearman, spearman
from .variance import Decomposition, crossed, nested

__all__ = [
    "Adjusted",
    "CensoredGrowth",
    "Cost",
    "Decomposition",
    "Discordant",
    "Estimate",
    "Fit",
    "Growth",
    "Interval",
    "auroc",
    "by_cluster",
    "censored_growth",
    "clustered",
    "clustered_auroc",
    "clustered_difference",
    "clustered_mean",
    "clustered_ratio",
    "clustered_spearman",
    "crossed",
    "discordant",
    "exact_power",
    "growth",
    "holm",
    "least_difference",
    "mcnemar",
    "nested",
    "paired_difference",
    "power",
    "problems_needed",
    "problems_needed_exactly",
    "sign_flip",
    "spearman",
    "wilson",
]
