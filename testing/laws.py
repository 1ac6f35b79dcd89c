"""What every law-checker shares: the law, the counterexample, the report.

A law is one sentence about verifiers, proposers, sandboxes or models. A checker tries its laws on cases and returns a
:class:`LawReport`. Laws rest on one another: where one is broken, those that could only fail for the same reason are
not checked, so that a report names causes and not their echoes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

from ..planner.errors import ConfigError, LawBroken


class Law(NamedTuple):
    """One law.

    Attributes:
        name: Short name, for reports and for ``skip``.
        says: What must hold, in one line.
        rests_on: Laws without which this one cannot be judged.
    """

    name: str
    says: str
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counterexample:
    """What shows that a law is broken.

    Attributes:
        law: Name of the law.
        says: What the law says.
        where: The case, in words: its number and the item it is about.
        detail: What was seen, and what should have been.
    """

    law: str
    says: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.law}: {self.detail} ({self.where})\n    the law: {self.says}"


@dataclass(frozen=True)
class LawReport:
    """What a law-checker found.

    Attributes:
        subject: What was checked.
        held: Names of the laws that held on every case.
        broken: The first counterexample of every broken law.
        unchecked: Laws that were not checked, and why: skipped by the caller, or resting on a broken one.
        cases: How many cases were tried.
    """

    subject: str
    held: tuple[str, ...] = ()
    broken: tuple[Counterexample, ...] = ()
    unchecked: Mapping[str, str] = field(default_factory=dict)
    cases: int = 0

    @property
    def ok(self) -> bool:
        """Whether no law is broken."""
        return not self.broken

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the broken laws."""
        return tuple(example.law for example in self.broken)

    def require(self) -> LawReport:
        """The report itself, if no law is broken.

        Raises:
            LawBroken: A law is; the message has the counterexamples.
        """
        if self.broken:
            raise LawBroken(str(self))
        return self

    def __str__(self) -> str:
        lines = [f"{self.subject}: {len(self.held)} laws held, {len(self.broken)} broken, on {self.cases} cases"]
        lines += [f"  {example}" for example in self.broken]
        lines += [f"  not checked: {name} ({why})" for name, why in self.unchecked.items()]
        return "\n".join(lines)


class Seen(NamedTuple):
    """What one trial of a law saw that it should not have."""

    where: str
    detail: str


Trial = Callable[[], AsyncGenerator[Seen, None]]
"""A law on all cases: yields what breaks it, nothing where it holds."""


async def judge_laws(
    subject: str, laws: Sequence[Law], trials: Mapping[str, Trial], *, cases: int, skip: Mapping[str, str]
) -> LawReport:
    """Tries each law in order and stops at its first counterexample.

    Args:
        subject: What is checked, in words.
        laws: The laws, each after those it rests on.
        trials: The trial of each law, by its name.
        cases: How many cases the trials look at.
        skip: Laws that are not tried, and why.
    """
    held: list[str] = []
    broken: list[Counterexample] = []
    unchecked: dict[str, str] = {}
    for law in laws:
        missing = [name for name in law.rests_on if name not in held]
        if law.name in skip:
            unchecked[law.name] = skip[law.name]
        elif missing:
            unchecked[law.name] = f"it rests on {', '.join(missing)}"
        elif (seen := await _first(trials[law.name])) is not None:
            broken.append(Counterexample(law.name, law.says, *seen))
        else:
            held.append(law.name)
    return LawReport(subject, tuple(held), tuple(broken), unchecked, cases)


async def _first(trial: Trial) -> Seen | None:
    """The first counterexample of a trial; an exception that escapes the subject is one too."""
    try:
        async with aclosing(trial()) as trials:
            async for seen in trials:
                return seen
    except Exception as error:  # whatever the subject raises where it should not
        return Seen("while the law was tried", f"{type(error).__name__}: {str(error)[:300]}")
    return None


def unclaimed(laws: Sequence[Law], skip: Collection[str]) -> dict[str, str]:
    """The laws that a caller does not claim, as :func:`judge_laws` wants them.

    Raises:
        ConfigError: ``skip`` names no such law.
    """
    unknown = sorted(set(skip) - {law.name for law in laws})
    if unknown:
        raise ConfigError(f"no law {unknown[0]!r} to skip; there are {', '.join(law.name for law in laws)}")
    return dict.fromkeys(skip, "not claimed")


__all__ = ["Counterexample", "Law", "LawReport", "Seen", "Trial", "judge_laws", "unclaimed"]
