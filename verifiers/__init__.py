"""planneal.verifiers."""
