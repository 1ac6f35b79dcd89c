"""What only asking the model again can tell, handed to a report in ``extra.json`` in the run's folder.

.. code-block:: json

    {"schema": 1, "measured": [
      {"mode": "fluff", "value": 0.04, "low": 0.02, "high": 0.07, "n": 120, "unit": "plans",
       "about": "removals with the model's own answer, drafts at 2000 tokens"}]}

``planneal probe`` writes the file (:mod:`~planneal.experiments.probes`); one's own entries may stand in it too.

``mode`` is ``fluff`` (share of own items whose removal moves neither energy nor answer), ``ignored plan`` (*follow*:
share of the expected parts of the answer that moved with the plan) or ``leakage`` (share of plans from which the model
answered right without the question). ``family``, ``level`` and ``method`` may name what it was measured on; without
them it is of the whole run. ``links`` holds accuracies with gold in place of one link, ``made`` how all that was
measured and what it cost. An entry that is not of this form is an error: what a report says must be what was measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...planner.errors import RunError
from ...planner.ledger import Usage
from .records import Value

__all__ = ["FILE", "Extra", "ExtraFile", "LinkExtra", "Made", "read_extra", "read_file"]

FILE = "extra.json"
"""Its name in the run's folder."""


class Extra(BaseModel):
    """One measurement.

    Attributes:
        mode: Which failure mode it is of.
        value: The share, in [0, 1].
        low: Lower end of its 95% interval.
        high: Upper end.
        n: How many it rests on.
        unit: Of what, in the plural.
        about: How it was measured, in one line.
        family: The family it was measured on, empty for the whole run.
        level: The level, empty for all.
        method: The method whose plans they are, empty for whichever is judged.
        by: Who measured it: what ``planneal probe`` wrote it writes anew, and leaves all else alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    mode: Literal["fluff", "ignored plan", "leakage"]
    value: float = Field(ge=0.0, le=1.0)
    low: float = Field(ge=0.0, le=1.0)
    high: float = Field(ge=0.0, le=1.0)
    n: int = Field(ge=1)
    unit: str = Field(default="problems", max_length=40)
    about: str = Field(min_length=1, max_length=400)
    family: str = ""
    level: str = ""
    method: str = ""
    by: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError("low <= value <= high is needed")
        return self

    @property
    def as_value(self) -> Value:
        """The number with its interval."""
        return Value(self.value, self.low, self.high, self.n, self.unit)


class LinkExtra(BaseModel):
    """A method with gold in place of one of its links, beside the whole run of it on the same problems.

    Attributes:
        link: Which link: ``draft``, ``aim``, ``no aim``, ``proposal``, ``verdict`` or ``answer``.
        replaced: What took its place.
        method: The method.
        budget: Cap on its total tokens.
        family: The family.
        level: The level.
        n: Problems, each tried once.
        value: Accuracy with the gold, with ``low`` and ``high`` its 95% interval.
        low: Lower end.
        high: Upper end.
        gain: That less the accuracy of the whole run.
        gain_low: Lower end of its 95% interval, None for a single problem.
        gain_high: Upper end.
        p: Two-sided p-value of no gain, exact McNemar.
        failing: Problems on which the whole run failed.
        repaired: Of them, those that are right with the gold.
        tokens: Mean tokens of an attempt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    link: str = Field(max_length=40)
    replaced: str = Field(max_length=200)
    method: str
    budget: int
    family: str
    level: str = ""
    n: int = Field(ge=1)
    value: float = Field(ge=0.0, le=1.0)
    low: float
    high: float
    gain: float = Field(ge=-1.0, le=1.0)
    gain_low: float | None
    gain_high: float | None
    p: float
    failing: int = Field(ge=0)
    repaired: int = Field(ge=0)
    tokens: float = Field(ge=0.0)


class Made(BaseModel):
    """How the file was made.

    Attributes:
        command: The command.
        version: Of planneal.
        model: The model that was asked.
        model_hash: Its weights, empty behind an endpoint.
        seed: Of the sample and of what was drawn in it.
        problems: Most problems asked for, of each method.
        finished: Whether the run was finished then.
        attempts: Attempts that the run held then.
        answers: Answers that the figures rest on, each asked for once.
        cost: What they cost, by what was asked.
        notes: What could not be measured, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    command: str
    version: str
    model: str
    model_hash: str = ""
    seed: int
    problems: int
    finished: bool
    attempts: int
    answers: int
    cost: dict[str, Usage]
    notes: tuple[str, ...] = ()


class ExtraFile(BaseModel):
    """The whole file.

    Attributes:
        schema_: Version of its form.
        measured: Measurements.
        links: Accuracies with gold in place of one link.
        made: How ``planneal probe`` made it, None where it did not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_: Literal[1] = Field(default=1, alias="schema")
    measured: tuple[Extra, ...] = ()
    links: tuple[LinkExtra, ...] = ()
    made: Made | None = None


def read_file(folder: Path) -> ExtraFile:
    """What stands beside a run; nothing where there is no such file.

    Raises:
        RunError: The file is not of the documented form.
    """
    path = folder / FILE
    if not path.is_file():
        return ExtraFile()
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(loaded, dict) and not {"schema", "measured"} <= loaded.keys():
            raise RunError(f"{path}: schema and measured are needed; correct it or take it away")
        return ExtraFile.model_validate(loaded)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RunError(f"{path}: {place}: {first['msg']}; correct it or take it away") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path} is not readable JSON ({error}); correct it or take it away") from None


def read_extra(folder: Path) -> tuple[Extra, ...]:
    """The measurements beside a run; none where there is no such file.

    Raises:
        RunError: The file is not of the documented form.
    """
    return read_file(folder).measured
