"""What only asking the model again can tell, handed to a report in ``extra.json`` in the run's folder.

.. code-block:: json

    {"schema": 1, "measured": [
      {"mode": "fluff", "value": 0.04, "low": 0.02, "high": 0.07, "n": 120, "unit": "plans",
       "about": "removals with the model's own answer, drafts at 2000 tokens"}]}

``mode`` is ``fluff`` (share of own items whose removal moves neither energy nor answer), ``ignored plan`` (*follow*:
share of the expected parts of the answer that moved with the plan) or ``leakage`` (share of plans from which the model
answered right without the question). ``family`` and ``level`` may name the problems it was measured on; without them it
is of the whole run. An entry that is not of this form is an error: what a report says must be what was measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...planner.errors import RunError
from .records import Value

__all__ = ["FILE", "Extra", "read_extra"]

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

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError("low <= value <= high is needed")
        return self

    @property
    def as_value(self) -> Value:
        """The number with its interval."""
        return Value(self.value, self.low, self.high, self.n, self.unit)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_: Literal[1] = Field(alias="schema")
    measured: tuple[Extra, ...]


def read_extra(folder: Path) -> tuple[Extra, ...]:
    """The measurements beside a run; none where there is no such file.

    Raises:
        RunError: The file is not of the documented form.
    """
    path = folder / FILE
    if not path.is_file():
        return ()
    try:
        return _File.model_validate(json.loads(path.read_text(encoding="utf-8"))).measured
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RunError(f"{path}: {place}: {first['msg']}; correct it or take it away") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path} is not readable JSON ({error}); correct it or take it away") from None
