"""The shipped process reward model: the embedded language model's body under a head that judges items.

An ordinary token classifier in TRL's step format (``decoders/embedded_prm/``), loaded like any published one. It knows
planneal's own problem families and the embedded model's plans for them, and nothing else.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..planner.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from .prm_hf import HFStepScorer

__all__ = ["EMBEDDED_PRM", "RENDER", "load_embedded_prm", "shipped_prm"]

EMBEDDED_PRM = "embedded_prm"
RENDER: Literal["compact"] = "compact"
"""How plans are shown to it, as in its training."""


@functools.cache
def shipped_prm() -> HFStepScorer:
    """The shipped reward model, loaded once per process and shared: methods name it anew for every attempt.

    Raises:
        MissingExtra: torch or transformers is not installed.
        ConfigError: Its weights are not there.
    """
    with resources.as_file(resources.files(__package__) / EMBEDDED_PRM) as folder:
        return load_embedded_prm(folder)


def load_embedded_prm(folder: Path, **options: Any) -> HFStepScorer:
    """A reward model of the shipped one's make as a scorer, on the CPU in float32.

    Args:
        folder: Its folder.
        **options: Passed on to :class:`~planneal.decoders.prm_hf.HFStepScorer`.

    Raises:
        MissingExtra: torch or transformers is not installed.
        ConfigError: The folder holds no reward model, or one that is shown its plans in another way.
    """
    try:
        facts = json.loads((folder / "planneal.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        made = "python -m planneal.experiments.training.prm makes one"
        raise ConfigError(f"no reward model in {folder} ({error}); {made}") from None
    if facts.get("render") != RENDER:
        shown = facts.get("render")
        raise ConfigError(f"{folder} is shown plans as {shown!r}, not {RENDER!r}; load it by HFStepScorer")
    try:
        from .prm_formats import TokenClassification
        from .prm_hf import HFStepScorer
    except ImportError as error:
        raise MissingExtra("a local reward model") from error
    return HFStepScorer.load(str(folder), TokenClassification(), "cpu", **{"name": EMBEDDED_PRM, **options})
