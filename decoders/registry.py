"""Model strings: ``embedded``, ``openai/NAME``, ``hf/PATH``. Backends are imported only when they are asked for."""

from __future__ import annotations

from typing import Any

from ..planner.errors import ConfigError
from .base import LanguageModel


def load_model(model: str | LanguageModel, **options: Any) -> LanguageModel:
    """The model that a string names, or the model itself.

    Args:
        model: ``embedded``; ``openai/NAME`` (any OpenAI-compatible endpoint: ``OPENAI_BASE_URL``, ``OPENAI_API_KEY``);
            ``hf/PATH`` (a transformers repository or folder). The string is cut at the first slash only.
        **options: Passed to the backend, for instance ``base_url`` or ``device``.

    Raises:
        ConfigError: The string names no known provider, or no model.
        MissingExtra: The backend's optional dependency is not installed.
    """
    if isinstance(model, LanguageModel):
        return model
    provider, _, name = model.partition("/")
    if provider == "embedded" and not name:
        from .embedded_backend import load_embedded

        return load_embedded()
    if provider == "openai" and name:
        from .openai_backend import OpenAIModel

        return OpenAIModel(name, **options)
    if provider == "hf" and name:
        from .hf_backend import HFModel

        return HFModel.load(name, **options)
    raise ConfigError(f"no model {model!r}; use embedded, openai/NAME or hf/PATH")
