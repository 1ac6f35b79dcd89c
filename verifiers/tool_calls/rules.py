"""Rules on a sequence of calls: how many, in which order, what may not be repeated, what needs a permission.

A rule is given to a verifier (:class:`CallLimits`) or stands in a plan, as a ``calls:`` check:

==================================================  ============================================================
``calls: at most 5``                                no more than five calls
``calls: at most 2 get_order``                      no more than two of this tool
``calls: at least 1 get_order``                     one at least
``calls: login before get_order``                   each ``get_order`` comes after some ``login``
``calls: no repeat create_invoice, pay``            no call of these tools is written twice with equal arguments
``calls: get_order requires permission orders.read``  the permission was granted, or an earlier call grants it
==================================================  ============================================================
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

from ...planner.checks import Check, register_check
from ...planner.errors import ConfigError
from .steps import CallSequence

_TOOL = r"[A-Za-z_][A-Za-z0-9_.\-]*"
_TOOLS = re.compile(_TOOL)


class Breach(NamedTuple):
    """Where a rule is broken.

    Attributes:
        item: The call at fault; empty where what is wrong is that a call is missing.
        detail: In words.
    """

    item: str
    detail: str


@dataclass(frozen=True)
class Grants:
    """Who holds which permission.

    Attributes:
        granted: Permissions that hold from the start.
        by_tool: Permissions that a call of a tool grants to the calls after it.
    """

    granted: frozenset[str] = frozenset()
    by_tool: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Rule(ABC):
    """One rule; ``str(rule)`` is what a ``calls:`` check says."""

    @abstractmethod
    def breaches(self, sequence: CallSequence, grants: Grants) -> Iterator[Breach]:
        """Every breach, in the order of the calls. A call that cannot be read is no call of any tool."""

    @property
    def counts_unreadable(self) -> bool:
        """Whether calls that cannot be read make no difference to the rule."""
        return False


@dataclass(frozen=True)
class AtMost(Rule):
    """At most so many calls, of a tool or altogether."""

    count: int
    tool: str = ""

    def breaches(self, sequence: CallSequence, grants: Grants) -> Iterator[Breach]:
        """The calls past the limit."""
        mine = [step for step in sequence.steps if not self.tool or step.tool == self.tool]
        for number, step in enumerate(mine[self.count :], start=self.count + 1):
            yield Breach(step.id, f"call number {number}" + (f" of {self.tool}" if self.tool else ""))

    @property
    def counts_unreadable(self) -> bool:
        """All calls count, readable or not."""
        return not self.tool

    def __str__(self) -> str:
        return f"at most {self.count} {self.tool}".rstrip()


@dataclass(frozen=True)
class AtLeast(Rule):
    """At least so many calls, of a tool or altogether."""

    count: int
    tool: str = ""

    def breaches(self, sequence: CallSequence, grants: Grants) -> Iterator[Breach]:
        """One breach where there are too few."""
        found = sum(not self.tool or step.tool == self.tool for step in sequence.steps)
        if found < self.count:
            yield Breach("", f"{found} of {self.count} calls" + (f" of {self.tool}" if self.tool else ""))

    @property
    def counts_unreadable(self) -> bool:
        """All calls count, readable or not."""
        return not self.tool

    def __str__(self) -> str:
        return f"at least {self.count} {self.tool}".rstrip()


@dataclass(frozen=True)
class Before(Rule):
    """Each call of ``then`` comes after some call of ``first``."""

    first: str
    then: str

    def breaches(self, sequence: CallSequence, grants: Grants) -> Iterator[Breach]:
        """Calls of ``then`` without a ``first`` before them."""
        for step in sequence.steps:
            if step.tool == self.first:
                return
            if step.tool == self.then:
                yield Breach(step.id, f"no {self.first} before it")

    def __str__(self) -> str:
        return f"{self.first} before {self.then}"


@dataclass(frozen=True)
class NoRepeat(Rule):
    """No call of these tools is written twice with equal arguments; meant for tools that write."""

    tools: tuple[str, ...]

    def breaches(self, sequence: CallSequence, grants: Grants) -> Iterator[Breach]:
        """The second and later of equal calls."""
        first: dict[str, str] = {}
        for step in sequence.steps:
            if step.tool in self.tools:
                original = first.setdefault(step.canonical, step.id)
                if original != step.id:
                    yield Breach(step.id, f"repeats {original}")

    def __str__(self) -> str:
        return f"no repeat {', '.join(self.tools)}"


@dataclass(frozen=True)
class Requires(Rule):
    """A tool may be called only with a permission."""

    tool: str
    permission: str

    def breaches(self, sequence: CallSequence, grants: Grants) -> Iterator[Breach]:
        """Calls of the tool while the permission is not held."""
        held = self.permission in grants.granted
        for step in sequence.steps:
            if not held and step.tool == self.tool:
                yield Breach(step.id, f"permission {self.permission} is not granted")
            held = held or self.permission in grants.by_tool.get(step.tool, frozenset())

    def __str__(self) -> str:
        return f"{self.tool} requires permission {self.permission}"


def before(first: str, then: str) -> Before:
    """Each call of ``then`` must come after some call of ``first``."""
    return Before(first, then)


def no_repeat(*tools: str) -> NoRepeat:
    """No call of these tools may be written twice with equal arguments."""
    return NoRepeat(tools)


def requires(tool: str, permission: str) -> Requires:
    """The tool may be called only with a permission."""
    return Requires(tool, permission)


_NUMBER = re.compile(rf"at (most|least) ([0-9]{{1,6}})(?: ({_TOOL}))?")
_BEFORE = re.compile(rf"({_TOOL}) before ({_TOOL})")
_REPEAT = re.compile(rf"no repeat ({_TOOL}(?:, ?{_TOOL})*)")
_REQUIRES = re.compile(rf"({_TOOL}) requires permission ([A-Za-z0-9_.:/*\-]+)")


def parse_rule(text: str) -> Rule:
    """Reads the text of a ``calls:`` check.

    Raises:
        ValueError: It is no rule.
    """
    line = " ".join(text.split())
    if found := _NUMBER.fullmatch(line):
        return (AtMost if found[1] == "most" else AtLeast)(int(found[2]), found[3] or "")
    if found := _BEFORE.fullmatch(line):
        return Before(found[1], found[2])
    if found := _REPEAT.fullmatch(line):
        return NoRepeat(tuple(_TOOLS.findall(found[1])))
    if found := _REQUIRES.fullmatch(line):
        return Requires(found[1], found[2])
    raise ValueError("a rule on calls reads e.g. `at most 5`, `login before get_order`, `no repeat pay`")


@register_check
class CallsCheck(Check):
    """A rule on the plan's calls, for instance ``at most 5`` or ``login before get_order``."""

    prefix: ClassVar[str] = "calls:"
    kind: Literal["calls"] = "calls"

    @cached_property
    def rule(self) -> Rule | str:
        """The rule, or why there is none."""
        try:
            return parse_rule(self.text)
        except ValueError as error:
            return str(error)


@dataclass(frozen=True)
class CallLimits:
    """What every sequence of calls must keep to. A breach is held against the call at fault.

    Attributes:
        max_calls: Most calls altogether.
        per_tool: Most calls by tool.
        rules: Further rules: :func:`before`, :func:`no_repeat`, :func:`requires`.
        granted: Permissions that hold from the start.
        grants: Permissions that a call of a tool grants to those after it.

    Raises:
        ConfigError: A rule that no single call can break (``at least``); give it as a locked ``calls:`` item.
    """

    max_calls: int | None = None
    per_tool: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    granted: frozenset[str] = frozenset()
    grants: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in self.rules:
            if isinstance(rule, AtLeast):
                raise ConfigError(f"`{rule}` can be broken by no single call; give it as a constraint `calls: {rule}`")

    @cached_property
    def all_rules(self) -> tuple[Rule, ...]:
        """Every limit as a rule."""
        whole = () if self.max_calls is None else (AtMost(self.max_calls),)
        return (*whole, *(AtMost(count, tool) for tool, count in self.per_tool.items()), *self.rules)

    @cached_property
    def holders(self) -> Grants:
        """Who holds which permission."""
        return Grants(frozenset(self.granted), {tool: frozenset(names) for tool, names in self.grants.items()})

    @property
    def text(self) -> str:
        """Everything that verdicts depend on, as text."""
        grants = sorted((tool, sorted(names)) for tool, names in self.holders.by_tool.items())
        return repr(([str(rule) for rule in self.all_rules], sorted(self.holders.granted), grants))


__all__ = [
    "AtLeast",
    "AtMost",
    "Before",
    "Breach",
    "CallLimits",
    "CallsCheck",
    "Grants",
    "NoRepeat",
    "Requires",
    "Rule",
    "before",
    "no_repeat",
    "parse_rule",
    "requires",
]
