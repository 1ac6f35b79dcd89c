"""planneal.decoders."""
