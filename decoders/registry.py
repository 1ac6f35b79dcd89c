"""Model strings: ``embedded``, ``openai/NAME``, ``hf/PATH``. Backends are imported only when they are asked for.

Installed packages add providers by entry points (group ``planneal.models``): ``mine/NAME`` calls the factory ``mine``
with ``NAME`` and the options. They cannot take the names of the shipped ones.
"""

from __future__ import annotations

from typing import Any

from ..planner.errors import ConfigError
from ..planner.plugins import make_part, plugin_names
from .base import LanguageModel

DTYPES = ("float32", "bfloat16")
"""What local models can be told to compute with, the usual one first."""


def is_local(model: str) -> bool:
    """Whether a model string names a model that computes in this process."""
    return model == "embedded" or model.startswith("hf/")


def load_model(model: str | LanguageModel, **options: Any) -> LanguageModel:
    """The model that a string names, or the model itself.

    Args:
        model: ``embedded``; ``openai/NAME`` (any OpenAI-compatible endpoint: ``OPENAI_BASE_URL``, ``OPENAI_API_KEY``);
            ``hf/PATH`` (a transformers repository or folder). The string is cut at the first slash only.
        **options: Passed to the backend, for instance ``base_url`` or ``device``; the embedded model
            takes ``dtype`` alone.

    Raises:
        ConfigError: The string names no known provider, or no model.
        PluginError: The package that adds the provider is broken.
        MissingExtra: The backend's optional dependency is not installed.
    """
    if isinstance(model, LanguageModel):
        return model
    provider, _, name = model.partition("/")
    if provider == "embedded" and not name:
        from .embedded_backend import load_embedded

        return load_embedded(options.get("dtype") or DTYPES[0])
    if provider == "openai" and name:
        from .openai_backend import OpenAIModel

        return OpenAIModel(name, **options)
    if provider == "hf" and name:
        from .hf_backend import HFModel

        return HFModel.load(name, **options)
    added = [other for other in plugin_names("planneal.models") if other not in ("embedded", "openai", "hf")]
    if provider in added:
        return make_part("planneal.models", provider, LanguageModel, name, **options)  # type: ignore[type-abstract]
    known = ", ".join(["embedded", "openai/NAME", *(f"{other}/NAME" for other in added)])
    raise ConfigError(f"no model {model!r}; use {known} or hf/PATH")
