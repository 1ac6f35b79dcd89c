"""planneal.apps."""
