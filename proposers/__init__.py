"""planneal.proposers."""
