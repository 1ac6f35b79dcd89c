"""planneal.experiments.training."""
