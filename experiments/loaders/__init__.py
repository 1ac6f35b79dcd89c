"""Loaders for published data sets."""
