"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# Machines are noisy: how long one example takes is no property of the code under test.
settings.register_profile("planneal", deadline=None)
settings.load_profile("planneal")
