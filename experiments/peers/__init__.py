"""Peer libraries in the comparison (extra ``peers``): its_hub, DSPy and OptiLLM, run as their users run them.

Each runs in a process of its own against an OpenAI-compatible endpoint on loopback that is the method's own model, so
that its spend is what the endpoint counted, under the same cap as everybody's.
"""

from __future__ import annotations

from .methods import PEERS, RECIPES, PeerMethod, Recipe

__all__ = ["PEERS", "RECIPES", "PeerMethod", "Recipe"]
