r"""Schedules: the temperature as a function of progress, and for modified Lam of what was accepted so far.

A schedule is pure: ``init() -> state`` and ``update(state, progress, accepted) -> state``; the temperature is a field
of the state. Progress runs from 0 to 1 (the larger of the shares of steps and of budget used). Temperatures are in
units of energy.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from .errors import ConfigError


class ScheduleState(NamedTuple):
    """What a schedule carries from step to step.

    Attributes:
        temperature: The temperature of the next step.
        acceptance: Running estimate of the acceptance rate (modified Lam only).
    """

    temperature: float
    acceptance: float = 0.5


class Schedule(ABC):
    """A temperature schedule."""

    name: str

    @abstractmethod
    def init(self) -> ScheduleState:
        """The state before the first step."""

    @abstractmethod
    def update(self, state: ScheduleState, progress: float, accepted: bool) -> ScheduleState:
        """The state after a step.

        Args:
            state: The state before it.
            progress: Share of the run that is over, in [0, 1].
            accepted: Whether the step's proposal was accepted.
        """


def _positive(value: float, what: str) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"{what} must be a finite number of at least 0, not {value}")
    return value


class Constant(Schedule):
    """One temperature throughout; 0 gives greedy behaviour under Metropolis."""

    name = "constant"

    def __init__(self, temperature: float = 0.05) -> None:
        self.temperature = _positive(temperature, "temperature")

    def init(self) -> ScheduleState:
        """The constant temperature."""
        return ScheduleState(self.temperature)

    def update(self, state: ScheduleState, progress: float, accepted: bool) -> ScheduleState:
        """Nothing changes."""
        return state


class Geometric(Schedule):
    r"""Geometric cooling :math:`T(p) = T_0 (T_1 / T_0)^p` in the progress *p* (Kirkpatrick et al. 1983)."""

    name = "geometric"

    def __init__(self, start: float = 0.15, end: float = 0.005) -> None:
        self.start, self.end = _positive(start, "start"), _positive(end, "end")
        if not 0 < end <= start:
            raise ConfigError(f"geometric cooling needs 0 < end <= start, not end={end}, start={start}")

    def init(self) -> ScheduleState:
        """The start temperature."""
        return ScheduleState(self.start)

    def update(self, state: ScheduleState, progress: float, accepted: bool) -> ScheduleState:
        """The temperature at this progress."""
        share = min(1.0, max(0.0, progress))
        return state._replace(temperature=self.start * (self.end / self.start) ** share)


def lam_target(progress: float) -> float:
    """Modified Lam's target acceptance rate: from 1 to 0.44 over 15%, 0.44 until 65%, then towards 0 (Boyan 1998)."""
    if progress < 0.15:
        return 0.44 + 0.56 * math.pow(560.0, -progress / 0.15)
    if progress < 0.65:
        return 0.44
    return 0.44 * math.pow(440.0, -(progress - 0.65) / 0.35)


LAM_RANGE = 1e6
"""How far, as a factor, modified Lam may move from its start temperature."""


class ModifiedLam(Schedule):
    r"""Acceptance-controlled cooling (Lam and Delosme 1988; Swartz 1993; Boyan 1998).

    The running acceptance rate is smoothed over ``window`` steps, :math:`a \leftarrow a + (A - a)/w`, and the
    temperature is multiplied by :math:`\phi` while the rate is above target and divided by it while below. Boyan's
    :math:`w = 500, \phi = 0.999` suit 10^5 steps; here :math:`\phi = 0.999^{500/w}` keeps the same change per window in
    short runs. The temperature stays within a factor :data:`LAM_RANGE` of its start, so that a long run in which
    nothing (or everything) can be accepted neither overflows nor freezes for good.
    """

    name = "lam"

    def __init__(self, start: float = 0.1, window: int = 8) -> None:
        self.start = _positive(start, "start")
        if not start:
            raise ConfigError("modified Lam needs a start above 0: it only ever scales the temperature")
        if not (math.isfinite(window) and window >= 1):
            raise ConfigError(f"window must be at least 1 step, not {window}")
        self.window = window
        self.factor = 0.999 ** (500.0 / window)

    def init(self) -> ScheduleState:
        """The start temperature and a rate of one half."""
        return ScheduleState(self.start, 0.5)

    def update(self, state: ScheduleState, progress: float, accepted: bool) -> ScheduleState:
        """Moves the temperature so that the acceptance rate follows :func:`lam_target`."""
        rate = state.acceptance + (float(accepted) - state.acceptance) / self.window
        too_hot = rate > lam_target(min(1.0, max(0.0, progress)))
        temperature = state.temperature * self.factor if too_hot else state.temperature / self.factor
        return ScheduleState(min(max(temperature, self.start / LAM_RANGE), self.start * LAM_RANGE), rate)


SCHEDULES: dict[str, type[Schedule]] = {s.name: s for s in (Constant, Geometric, ModifiedLam)}


def schedule(name: str, **options: float) -> Schedule:
    """The schedule of this name with its options.

    Raises:
        ConfigError: No such schedule, or options it does not take.
    """
    if name not in SCHEDULES:
        raise ConfigError(f"no schedule {name!r}; choose one of {', '.join(SCHEDULES)}")
    try:
        return SCHEDULES[name](**options)
    except TypeError as error:
        raise ConfigError(f"schedule {name}: {error}") from None
