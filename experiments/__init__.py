"""planneal.experiments."""
