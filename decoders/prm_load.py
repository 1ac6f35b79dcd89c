"""Loading process reward models: a transformers backbone and the head that its checkpoint holds.

Everything goes through the ordinary ``from_pretrained``. No code from a model's repository is run: where a published
model brings a class of its own (Qwen2.5-Math-PRM, Skywork-o1-Open-PRM), its backbone is a standard architecture and its
head is small, so the head's tensors are read from the weight files by name. A head that a checkpoint lacks is an
error: the library would fill it with random numbers. Imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer
from transformers.utils import cached_file, logging

from ..planner.errors import ConfigError
from .prm_formats import StepFormat
from .prm_text import StepTokenizer

_OWN_HEADS = ("score.2.weight", "v_head.summary.weight")
_SINGLE, _INDEXED = ("model.safetensors", "pytorch_model.bin"), (
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)


@dataclass
class RewardModel:
    """A backbone and a head over its last hidden states.

    Attributes:
        backbone: A causal transformer that returns ``last_hidden_state``.
        head: ``[..., hidden] -> [..., values]``: the format's classes, its two words, or its value; raw.
        parameters: Of both together; what one token costs is twice as many FLOPs.
    """

    backbone: Any
    head: Callable[[Tensor], Tensor]
    parameters: int

    @classmethod
    def of(cls, backbone: Any, head: nn.Module) -> RewardModel:
        """The two in evaluation mode."""
        backbone.eval()
        head.to(next(backbone.parameters()).device).eval()
        size = sum(p.numel() for part in (backbone, head) for p in part.parameters())
        return cls(backbone, _Cast(head), size)


class _Cast(nn.Module):
    """Gives a head its input in the head's own type."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self._head = head

    def forward(self, hidden: Tensor) -> Tensor:
        found: Tensor = self._head(hidden.to(next(self._head.parameters()).dtype))
        return found


def load_reward_model(
    repo_or_path: str, form: StepFormat, device: str | None = None, dtype: str | None = None
) -> tuple[RewardModel, Any]:
    """A reward model of a format and its tokenizer.

    Args:
        repo_or_path: A Hugging Face repository or a local folder.
        form: The format; it says which head is wanted.
        device: Such as ``cpu``; None takes a GPU where there is one.
        dtype: Such as ``bfloat16``; None takes float32 on a CPU and the stored type on a GPU.

    Raises:
        ConfigError: It cannot be loaded from there, its head is missing or of another kind, or it is not causal.
        SeparatorError: Its tokenizer does not keep the format's separator apart.
    """
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    options = {"dtype": dtype or ("float32" if place == "cpu" else "auto"), "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(repo_or_path, trust_remote_code=False)
        form.check(StepTokenizer(tokenizer))
        names = _tensor_files(repo_or_path)
        if any(name in names for name in _OWN_HEADS):
            whole, head = None, _own_head(names, form)
            with _unreported():  # what is left over is the head, read above
                backbone = _loaded(AutoModel, repo_or_path, options).to(place)
        else:
            auto = AutoModelForCausalLM if form.head == "words" else AutoModelForTokenClassification
            _wanted(repo_or_path, names, form)
            whole = _loaded(auto, repo_or_path, options).to(place)
            backbone, head = whole.base_model, _head_of(whole, form, tokenizer)
    except (OSError, ValueError, RuntimeError, AttributeError, TypeError, KeyError) as exc:
        raise ConfigError(f"cannot load the reward model {repo_or_path!r}: {exc}") from exc
    model = RewardModel.of(backbone, head)
    _examine(model, whole, form, StepTokenizer(tokenizer))
    return model, tokenizer


def _loaded(auto: Any, path: str, options: Mapping[str, Any]) -> Any:
    model, report = auto.from_pretrained(path, output_loading_info=True, **options)
    missing = sorted(str(name) for name in report["missing_keys"])
    if missing:
        raise ConfigError(f"{path!r} holds no weights for {', '.join(missing[:3])}: it is no model of this format")
    return model


@contextmanager
def _unreported() -> Iterator[None]:
    """Keeps transformers from reporting tensors that it has no use for."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _wanted(path: str, names: Mapping[str, str], form: StepFormat) -> None:
    """Tells a checkpoint of another kind before it is loaded as something it is not."""
    if form.head == "value":
        raise ConfigError(f"{path!r} has no value head (no tensor v_head.summary.weight)")
    kinds = " ".join(getattr(AutoConfig.from_pretrained(path, trust_remote_code=False), "architectures", None) or [])
    if form.head == "words" and "TokenClassification" in kinds:
        raise ConfigError(f"{path!r} is a token classifier; choose the format trl or qwen")
    if form.head == "classes" and "CausalLM" in kinds:
        raise ConfigError(f"{path!r} has a vocabulary for a head; choose the format math-shepherd")


def _head_of(model: Any, form: StepFormat, tokenizer: Any) -> nn.Module:
    """The head of a model of a standard class, cut down to what is read."""
    if form.head == "classes":
        head = getattr(model, "score", None) or getattr(model, "classifier", None)
        if not isinstance(head, nn.Module):
            raise ConfigError(f"{type(model).__name__} has no head called score or classifier")
        return head
    words = form.words(StepTokenizer(tokenizer))
    vocabulary = model.get_output_embeddings()
    assert words is not None
    # Two rows of the vocabulary are all that is ever read.
    narrow = nn.Linear(vocabulary.in_features, 2, bias=vocabulary.bias is not None)
    state = {name: tensor[list(words)].clone() for name, tensor in vocabulary.state_dict().items()}
    narrow.to(vocabulary.weight.dtype).load_state_dict(state)
    return narrow


def _own_head(names: Mapping[str, str], form: StepFormat) -> nn.Module:
    """The head of a published class that transformers does not have, from its tensors."""
    if form.head == "classes" and "score.2.weight" in names:
        held = _read(names, ("score.0.weight", "score.0.bias", "score.2.weight", "score.2.bias"))
        first, last = _linear(held, "score.0"), _linear(held, "score.2")
        return nn.Sequential(first, nn.ReLU(), last)
    if form.head == "value" and "v_head.summary.weight" in names:
        return _linear(_read(names, ("v_head.summary.weight", "v_head.summary.bias")), "v_head.summary")
    other = "skywork" if "v_head.summary.weight" in names else "qwen"
    raise ConfigError(f"the checkpoint's head belongs to another format; choose the format {other}")


def _linear(held: Mapping[str, Tensor], name: str) -> nn.Linear:
    weight, bias = held[f"{name}.weight"], held.get(f"{name}.bias")
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=weight.dtype)
    layer.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
    return layer


def _tensor_files(path: str) -> dict[str, str]:
    """The weight file of each tensor of a checkpoint."""
    for index in _INDEXED:
        found = cached_file(path, index, _raise_exceptions_for_missing_entries=False)
        if found is not None:
            table = json.loads(Path(found).read_text(encoding="utf-8"))["weight_map"]
            files = {file: cached_file(path, file) for file in sorted(set(table.values()))}
            return {name: str(files[file]) for name, file in table.items()}
    for single in _SINGLE:
        found = cached_file(path, single, _raise_exceptions_for_missing_entries=False)
        if found is not None:
            return dict.fromkeys(_names(str(found)), str(found))
    raise OSError("there is neither a safetensors file nor a pytorch_model.bin")


def _names(file: str) -> list[str]:
    if file.endswith(".safetensors"):
        from safetensors import safe_open

        with safe_open(file, framework="pt") as opened:
            return list(opened.keys())
    return list(torch.load(file, map_location="meta", weights_only=True))


def _read(names: Mapping[str, str], wanted: Iterable[str]) -> dict[str, Tensor]:
    """The wanted tensors that there are."""
    held: dict[str, Tensor] = {}
    for name in wanted:
        file = names.get(name)
        if file is None:
            continue
        if file.endswith(".safetensors"):
            from safetensors import safe_open

            with safe_open(file, framework="pt") as opened:
                held[name] = opened.get_tensor(name)
        else:
            held[name] = torch.load(file, map_location="cpu", weights_only=True, mmap=True)[name].clone()
    return held


@torch.inference_mode()
def _examine(model: RewardModel, whole: Any, form: StepFormat, tokenizer: StepTokenizer) -> None:
    """Runs a few tokens to see that the model is causal and that nothing follows its head.

    Raises:
        ConfigError: A later token changes what is read at an earlier one (an encoder; its scores would change with
            every edit further down), or the whole model's numbers are not those of its head.
    """
    device = next(model.backbone.parameters()).device
    size = int(model.backbone.get_input_embeddings().num_embeddings)
    ids = torch.tensor([[index * 7919 % size for index in range(1, 9)]], device=device)
    full = model.backbone(input_ids=ids).last_hidden_state
    part = model.backbone(input_ids=ids[:, :4]).last_hidden_state
    if _apart(full[:, :4], part):
        raise ConfigError("the model reads ahead (it is not causal), so a step's score would depend on later steps")
    if whole is None:
        return
    found = whole(input_ids=ids).logits
    words = form.words(tokenizer)
    if _apart(model.head(full), found if words is None else found[..., list(words)]):
        raise ConfigError(f"{type(whole).__name__} does more after its head than is known here; serve it over HTTP")


def _apart(one: Tensor, other: Tensor) -> bool:
    tolerance = 1e-3 if one.dtype == torch.float32 else 0.05
    scale = float(other.float().abs().max()) or 1.0
    return float((one.float() - other.float()).abs().max()) > tolerance * scale
