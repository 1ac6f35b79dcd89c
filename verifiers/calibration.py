r"""Calibration: what a verifier's score is worth, learnt from labelled outcomes and applied everywhere.

:func:`fit` needs scikit-learn (the extra ``calibration``); what it gives is a few numbers in a small JSON file, applied
by numpy alone. A file says which verifier in which version it is for and is refused by any other.
"""

from __future__ import annotations

import hashlib
import importlib
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..planner.combine import Wrapper
from ..planner.errors import CalibrationError, ConfigError, MissingExtra
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Outcome, Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import GOAL, Doubtful
from .scoring import Labels, Scores, calibration_error, checked

FORMAT = 1
"""Version of the file format; a reader refuses others."""
_EDGE = 1e-6
"""Log-odds are taken of scores within [_EDGE, 1 - _EDGE]."""


class Subject(BaseModel):
    """Which verifier a calibration is for.

    Attributes:
        verifier: Its name.
        version: Its version.
        model: Name of the language model it asks, empty where it asks none or was not bound when it was measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    verifier: str
    version: str
    model: str = ""

    @classmethod
    def of(cls, verifier: Verifier) -> Subject:
        """What identifies a verifier."""
        model = getattr(getattr(verifier, "model", None), "name", "")
        return cls(verifier=verifier.name, version=verifier.version, model=model if isinstance(model, str) else "")

    def refusal(self, other: Subject) -> str:
        """Why a calibration for this one does not fit another, empty where it does."""
        for what in ("verifier", "version", "model"):
            mine, theirs = getattr(self, what), getattr(other, what)
            if mine != theirs and (what != "model" or (mine and theirs)):
                return f"it was fitted for {what} {mine!r}, not {theirs!r}"
        return ""


class Calibration(BaseModel):
    r"""A map from scores to probabilities of being right.

    ``isotonic``: linear between the knots ``x``, ``y``, both ascending, constant beyond them (Zadrozny and Elkan 2002).
    ``platt``: :math:`\sigma(a \ln\frac{s}{1-s} + b)` with slope *a* and intercept *b* (Platt 1999, on log-odds, so that
    a score that is calibrated already is the case *a* = 1, *b* = 0).

    Attributes:
        format: Version of the file format.
        subject: Which verifier it is for.
        method: ``isotonic`` or ``platt``.
        x: Knots, scores.
        y: Knots, probabilities.
        slope: Of the log-odds; negative slopes are refused: such a score is no score.
        intercept: Added to the log-odds.
        count: Scores that it was fitted on.
        right: How many of these were right.
        error_before: Expected calibration error of the raw scores on the data of the fit.
        error_after: The same of the calibrated ones; flattering, since it is the data of the fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    subject: Subject
    method: Literal["isotonic", "platt"]
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    slope: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    intercept: float = Field(default=0.0, allow_inf_nan=False)
    count: int = Field(ge=1)
    right: int = Field(ge=0)
    error_before: float
    error_after: float

    @model_validator(mode="after")
    def _sound(self) -> Calibration:
        """Knots ascend and are probabilities."""
        if self.method == "isotonic":
            pairs = list(zip(self.x, self.y, strict=False))
            ascending = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(pairs))
            within = all(0 <= value <= 1 for value in (*self.x, *self.y))
            if not pairs or len(self.x) != len(self.y) or not ascending or not within:
                raise ValueError("the knots of an isotonic calibration ascend within [0, 1]")
        return self

    def __call__(self, scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated scores, shape as given."""
        s = np.asarray(scores, dtype=np.float64)
        if self.method == "isotonic":
            return np.interp(s, self.x, self.y)
        z = self.slope * log_odds(s) + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -700, 700))), dtype=np.float64)

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that change with any number in it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    def save(self, path: str | Path) -> None:
        """Writes it as JSON."""
        Path(path).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Reads what :meth:`save` wrote.

        Raises:
            CalibrationError: No such file, not a calibration, or of another format version.
        """
        try:
            return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise CalibrationError(f"{path} cannot be read as a calibration of format {FORMAT}: {error}") from None


def log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """``ln(s / (1 - s))``, kept finite."""
    s = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(s) - np.log1p(-s), dtype=np.float64)


def fit(
    verifier: Verifier | Subject,
    scores: Sequence[float] | Scores,
    labels: Sequence[bool] | Labels,
    method: Literal["isotonic", "platt"] = "platt",
) -> Calibration:
    """Fits a calibration to labelled scores.

    ``platt`` has two parameters and suits tens of labels; ``isotonic`` bends to any rising curve and wants hundreds.

    Args:
        verifier: Whose scores these are.
        scores: In [0, 1], those of passes and fails (an ``unknown`` has none to calibrate).
        labels: Whether each item was right.
        method: The form of the map.

    Raises:
        MissingExtra: scikit-learn is not installed.
        CalibrationError: All labels are equal, or the scores rise where the outcomes get worse.
        ConfigError: No such method.
        ValueError: Not scores and labels of one length.
    """
    s, y = checked(scores, labels)
    if method not in ("isotonic", "platt"):
        raise ConfigError(f"no calibration method {method!r}; there are isotonic and platt")
    if y.all() or not y.any():
        raise CalibrationError("a calibration needs right and wrong items; all labels are equal")
    subject = verifier if isinstance(verifier, Subject) else Subject.of(verifier)
    fitted = _isotonic(s, y) if method == "isotonic" else _platt(s, y)
    facts = {"subject": subject, "method": method, "count": len(s), "right": int(y.sum())}
    before = calibration_error(s, y)
    draft = Calibration(**facts, **fitted, error_before=before, error_after=before)
    return draft.model_copy(update={"error_after": calibration_error(draft(s), y)})


def _sklearn(module: str) -> Any:
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise MissingExtra("fitting a calibration", "calibration") from error


def _isotonic(scores: Scores, labels: Labels) -> dict[str, Any]:
    made = _sklearn("isotonic").IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, labels)
    x, y = (np.asarray(knots, dtype=np.float64) for knots in (made.X_thresholds_, made.y_thresholds_))
    return {"x": tuple(map(float, x)), "y": tuple(map(float, np.maximum.accumulate(y)))}


def _platt(scores: Scores, labels: Labels) -> dict[str, Any]:
    """Logistic regression on log-odds, towards Platt's smoothed targets: finite even where the labels are separable."""
    right, wrong = int(labels.sum()), int((~labels).sum())
    target = np.where(labels, (right + 1) / (right + 2), 1 / (wrong + 2))
    z = log_odds(scores)[:, None]
    outcomes = np.concatenate([np.ones_like(target), np.zeros_like(target)])
    weights = np.concatenate([target, 1 - target])
    model = _sklearn("linear_model").LogisticRegression(C=1e6, tol=1e-8, max_iter=1000)
    made = model.fit(np.concatenate([z, z]), outcomes, weights)
    slope, intercept = float(made.coef_[0, 0]), float(made.intercept_[0])
    if slope < 0:
        raise CalibrationError("higher scores are more often wrong here: nothing to calibrate; look at the verifier")
    return {"slope": slope, "intercept": intercept}


class Calibrated(Wrapper):
    """A verifier whose scores are probabilities.

    Outcomes stay as they are unless a threshold is given; ``unknown`` stays altogether: its score is a convention, not
    a measurement. Variances are carried over with the slope of the map. The name stays, the version tells the
    calibration.

    Args:
        part: The verifier.
        calibration: Fitted for this very verifier and version.
        threshold: Probability from which on an item passes; None keeps the outcomes.

    Raises:
        CalibrationError: The calibration is for another verifier, version or model.
        ConfigError: The threshold is outside [0, 1].
    """

    def __init__(self, part: Verifier, calibration: Calibration, threshold: float | None = None) -> None:
        if threshold is not None and not 0 <= threshold <= 1:
            raise ConfigError(f"a threshold is a probability, not {threshold}")
        super().__init__(part)
        refusal = calibration.subject.refusal(Subject.of(part))
        if refusal:
            raise CalibrationError(f"this calibration does not fit {part.name}: {refusal}; fit it again")
        self.calibration = calibration
        self.threshold = threshold
        self.version = f"{part.version}~{calibration.digest}" + ("" if threshold is None else f"@{threshold:g}")

    def around(self, part: Verifier) -> Verifier:
        """The same calibration for the part bound to a model."""
        return Calibrated(part, self.calibration, self.threshold)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """The part's judgement with its scores mapped."""
        found = await self.part.ask(task, plan, item_ids, draw)
        verdicts = {item_id: self._mapped(item_id, verdict) for item_id, verdict in found.verdicts.items()}
        return Judgement(verdicts, found.usage, found.fleeting)

    def _mapped(self, item_id: str, verdict: Verdict) -> Verdict:
        if verdict.outcome == "unknown":
            return verdict
        spread = math.sqrt(verdict.variance)
        below, score, above = self.calibration(np.clip(verdict.score + np.array([-spread, 0.0, spread]), 0.0, 1.0))
        said: dict[str, Any] = {"score": float(score), "variance": float((above - below) / 2) ** 2}
        outcome: Outcome = verdict.outcome
        if self.threshold is not None:
            outcome = "pass" if score >= self.threshold else "fail"
        if outcome != verdict.outcome:
            reason = f"{score:.2f} after calibration, {self.threshold:g} passes"
            doubts = outcome == "fail" and item_id != GOAL
            witnesses = (Doubtful(item=item_id, detail=reason),) if doubts else ()
            said |= {"outcome": outcome, "reason": reason, "witnesses": witnesses}
        return verdict.model_copy(update=said)


__all__ = ["FORMAT", "Calibrated", "Calibration", "Subject", "fit", "log_odds"]
