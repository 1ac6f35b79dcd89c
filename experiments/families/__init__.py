"""planneal.experiments.families."""
