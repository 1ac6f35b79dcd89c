"""The configuration of a training run, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .draws import QUANTITIES, opened
from .model import ModelShape

__all__ = ["DataConfig", "OnPolicyConfig", "OptimConfig", "RunConfig", "load_config"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Section):
    """What batches are made of.

    Attributes:
        rows: Rows in a batch.
        length: Tokens in a row.
        quantities: Smallest and largest number of quantities.
        tiny: Share of problems with fewer quantities than that.
        shares: Shares of the trees: draft with direct answer, repair, answer from another plan.
        spare: Trees drawn beyond a batch's room, as a share of it, so that small ones fill the holes.
        answers: Share of the draft trees with the answer to the plan that the draft becomes.
        quiz: Share of the draft trees with a quiz on every quantity.
        drafts: Share of the draft trees with the draft; a tree is never left without any branch.
        direct: Share of the draft trees with the direct answer, whose first line needs the whole way back from the
            goal and which therefore teaches nothing before look-ups are learnt.
        drills: Computations that are drilled beside each draft tree.
        question_weight: Weight of the loss on a question token.
        revised: Share of the trees with answers from other plans that have a wrong answer, what is wrong in it, and the
            right one instead.
        literal: Share of the answers of `arithmetic` to other plans that follow them to whatever numbers they come to;
            the rest are to plans that keep to whole positive numbers, as problems do.
        strange: Share of those plans that come to a negative number or a fraction, where one is found.
        odd: Share of the drills with a negative number or a fraction.
        sampled: Share of the repair trees that are on plans sampled from the model itself, once there are any.
        families: Share of the trees of each family; `arithmetic` alone has the sizes above.
        reach: How much of the other families' span of sizes is open, from 0 to 1; `arithmetic` follows where there
            are others beside it.
        shapes: Rows, their length, and the share of the batches that have this shape; `rows` and `length` where empty.
    """

    rows: int = 14
    length: int = 640
    quantities: tuple[int, int] = (4, 14)
    tiny: float = 0.06
    shares: tuple[float, float, float] = (0.5, 0.35, 0.15)
    spare: float = 0.0
    answers: float = 1.0
    quiz: float = 0.0
    drafts: float = 1.0
    direct: float = 1.0
    drills: int = 0
    question_weight: float = 0.03
    revised: float = 0.0
    literal: float = 0.0
    strange: float = 0.0
    odd: float = 0.0
    sampled: float = 0.4
    families: dict[str, float] = {"arithmetic": 1.0}
    reach: float = 1.0
    shapes: tuple[tuple[int, int, float], ...] = ()

    @property
    def sizes(self) -> tuple[int, int]:
        """Smallest and largest number of quantities that are drawn."""
        low, high = QUANTITIES
        return self.quantities if len(self.families) == 1 else (low, opened(low, high, self.reach))


class OptimConfig(_Section):
    """The optimiser and its schedule: warm-up, constant, then linear to zero over the last `decay` of the run.

    Attributes:
        muon_lr: Peak learning rate of the matrices.
        adam_lr: Peak learning rate of the embedding and the norms.
        weight_decay: Decoupled weight decay of the matrices.
        clip: Largest norm of the gradient.
        warmup: Steps of warm-up.
        decay: Share of the run over which the rate falls.
    """

    muon_lr: float = 3e-3
    adam_lr: float = 3e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    warmup: int = 100
    decay: float = 0.6


class OnPolicyConfig(_Section):
    """Sampling of the model's own plans during the run.

    Attributes:
        at: Points of the run's progress at which plans are sampled.
        problems: Problems of `arithmetic` each time; each gives a greedy plan and a sampled one.
        others: Problems of each other family each time.
        temperature: Temperature of the sampled one.
        batch: Problems decoded together.
    """

    at: tuple[float, ...] = (0.4,)
    problems: int = 1500
    others: int = 0
    temperature: float = 0.9
    batch: int = 64


class Stage(_Section):
    """A part of the run with settings of its own.

    Attributes:
        start: The progress at which it begins.
        data: What batches are made of from then on.
        muon_lr: Peak learning rate of the matrices.
        adam_lr: Peak learning rate of the embedding and the norms.
    """

    start: float
    data: DataConfig
    muon_lr: float
    adam_lr: float


class RunConfig(_Section):
    """A whole run.

    Attributes:
        name: Name of the run's folder.
        seed: Seed of everything.
        version: Which version of the embedded model it makes.
        minutes: Training time, sampling excluded; the schedule follows the time that is spent.
        steps: Largest number of steps; the schedule follows whichever is spent first.
        threads: CPU threads.
        compile: Whether to compile the model.
        prefetch: How many worker processes prepare batches ahead; they are the same whatever their number.
        checkpoint_minutes: Time between checkpoints.
        tokenizer_problems: Problems whose text trains the tokenizer, of each family.
        vocabulary: Bound on the tokenizer's size.
        spoilt: Spoilt gold plans of each family but `arithmetic` that are judged before the first step.
        init: Folder of a run or of a model whose weights the run begins with; tokens that both tokenizers have keep
            their embedding, others begin as the mean of what the older tokenizer makes of them.
        mimetic_heads: Heads of each layer in which queries equal keys at the start.
        look_back: Distances and sharpnesses of the heads that begin as attention to a distance.
        model: Sizes of the model; the vocabulary's is the tokenizer's.
        data: What batches are made of.
        optim: The optimiser.
        onpolicy: Sampling of the model's own plans.
        stages: Later parts of the run with settings of their own, in order.
    """

    name: str
    seed: int
    version: int = 1
    minutes: float = 60.0
    steps: int = 1_000_000
    threads: int = 2
    compile: bool = True
    prefetch: int = Field(default=1, ge=0)
    checkpoint_minutes: float = 4.0
    tokenizer_problems: int = 1500
    vocabulary: int = 1024
    spoilt: int = 0
    init: Path | None = None
    mimetic_heads: int = 0
    look_back: tuple[tuple[float, float], ...] = ()
    model: ModelShape = ModelShape()
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    onpolicy: OnPolicyConfig = OnPolicyConfig()
    stages: tuple[Stage, ...] = ()

    @property
    def families(self) -> tuple[str, ...]:
        """Every family that some stage draws from."""
        drawn = [self.data.families, *(stage.data.families for stage in self.stages)]
        return tuple(dict.fromkeys(name for shares in drawn for name in shares))

    @property
    def quantities(self) -> tuple[int, int]:
        """Smallest and largest number of quantities over the whole run."""
        drawn = [data.sizes for data in (self.data, *(stage.data for stage in self.stages))]
        return min(low for low, _ in drawn), max(high for _, high in drawn)

    def stage(self, progress: float) -> Stage:
        """The settings at a point of the run."""
        first = Stage(start=0.0, data=self.data, muon_lr=self.optim.muon_lr, adam_lr=self.optim.adam_lr)
        return [stage for stage in (first, *self.stages) if stage.start <= progress][-1]


def load_config(path: Path, changes: Sequence[str] = ()) -> RunConfig:
    """Read a configuration.

    Args:
        path: The TOML file.
        changes: Lines of TOML that take the place of what the file says, as in ``model.hidden_size = 384``.

    Raises:
        pydantic.ValidationError: A field is unknown or of the wrong type.
        tomllib.TOMLDecodeError: The file or a change is not TOML.
    """
    with path.open("rb") as file:
        raw = tomllib.load(file)
    return RunConfig.model_validate(_merged(raw, tomllib.loads("\n".join(changes))))


def _merged(raw: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The first with what the second says in its place, table by table."""
    merged = dict(raw)
    for name, value in changes.items():
        old = raw.get(name)
        merged[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
