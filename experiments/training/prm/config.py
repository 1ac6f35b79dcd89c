"""The configuration of a reward model's run, read from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ....verifiers.prm import Render
from ...families.registry import names

__all__ = ["PrmConfig", "load_prm_config"]


class PrmConfig(BaseModel):
    """A whole run: data, training and calibration.

    Attributes:
        name: Name of the run's folder.
        seed: Seed of everything.
        families: The families, in equal parts.
        render: How plans are shown to the reward model.
        problems: Training problems of each family.
        calibration: Problems of each family that the calibration is fitted on.
        chunk: Problems that are drafted together.
        hard: Share of the problems at the family's hard level; the others are drawn as the language model's own
            training draws them.
        temperature: Of the sampled drafts of each problem; one more is greedy.
        sampled: How many are sampled.
        longest: Most tokens of a draft.
        negatives: Hard negatives for each training problem, on average.
        spoilt: Plans with many wrong items for each, on average.
        gold: Share of them that give the gold plan.
        raw: Share of the training drafts that are shown as drafted, not as structural edits settle them.
        workers: Processes that draft and judge.
        minutes: Training time; the schedule follows the time that is spent, or the steps, whichever is further.
        steps: Largest number of steps.
        threads: CPU threads in training.
        tokens: Tokens in a batch, padding included.
        lengths: Lengths of rows, ascending; plans that are longer than the last are left out of training.
        compile: Whether to compile the model, once for each length.
        room: Features beside the language model's, in which layers on top of its own compare what came with what was
            expected; 0 for its body as it is.
        inside: Weight of the label of a token inside of an item, that at its end having weight 1; 0 for none.
        language: Weight of a token of a right item in the language model's own loss, which it has beside the other, and
            in that of the code that is expected: it has learnt to write plans, and not to read them in the order that a
            search leaves them in.
        surprise: Weight of the account of the language model's log-probabilities, a squared error: how likely it finds
            what came tells much of what is wrong, and the class alone is slow to find that out.
        rate: Peak learning rate of the head and of added layers.
        body_rate: That of the language model's own weights.
        warmup: Steps of warm-up; after it the rate falls linearly to zero.
        weight_decay: Decoupled, of the matrices.
        clip: Largest norm of the gradient.
        final: Share of the run, at its end, that sees drafts alone: the mix that is met in use is what the scores are
            to be calibrated for.
        checkpoint_minutes: Time between checkpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seed: int
    families: tuple[str, ...] = names()
    render: Render = "compact"
    problems: int = 480
    calibration: int = 96
    chunk: int = 32
    hard: float = 0.5
    temperature: float = 0.9
    sampled: int = 1
    longest: int = 300
    negatives: float = 0.7
    spoilt: float = 0.0
    gold: float = 0.25
    raw: float = 0.3
    workers: int = 2
    minutes: float = 12.0
    steps: int = 1_000_000
    threads: int = 2
    tokens: int = 9216
    lengths: tuple[int, ...] = (384, 768, 1152)
    compile: bool = True
    room: int = 0
    inside: float = 0.0
    language: float = 0.0
    surprise: float = 0.0
    rate: float = 6e-4
    body_rate: float = 6e-4
    warmup: int = 40
    weight_decay: float = 0.01
    clip: float = 1.0
    final: float = 0.3
    checkpoint_minutes: float = 3.0


def load_prm_config(path: Path) -> PrmConfig:
    """Read a configuration.

    Raises:
        pydantic.ValidationError: A field is unknown or of the wrong type.
    """
    with path.open("rb") as file:
        return PrmConfig.model_validate(tomllib.load(file))
