"""Checks: the machine-checkable part of an item, as an open discriminated union with one-line forms.

================  =================================  ==============================================
kind              one-line form                      meaning
================  =================================  ==============================================
``relation``      ``nuts = 4 + bolts``               relation between quantities (sympy)
``test``          ``test: f([]) == 0``               Python assertion about the answer's program
``call``          ``call: get_order(id=$S1.id)``     tool call; ``$S1`` refers to an earlier result
``order``         ``order: S1 < S3``                 predicate on places, see ``ordering.py``
``unit``          ``unit: apple apples, person``     units of the plan's own
================  =================================  ==============================================

A check only *holds* its text and says which symbols and items it touches. Whether it is true is a verifier's
business; text that makes no sense is kept, so that a verifier can say so. New kinds join with :func:`register_check`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, SerializeAsAny, field_validator

from .call_parser import parse_call
from .calls import CallExpression
from .errors import CallError, ConfigError, ExpressionError
from .expressions import Relation, parse_relation
from .frozen import Frozen

_PREFIX = re.compile(r"([a-z_]+):")
_REFERENCE = re.compile(r"\$([CIS][1-9][0-9]*)")
_BARE_ID = re.compile(r"(?<![A-Za-z0-9_])([CIS][1-9][0-9]*)(?![A-Za-z0-9_])")
MAX_CHECK_CHARS = 20_000
"""Longest check text that a plan holds; verifiers have tighter limits of their own."""


def one_line(text: str, what: str, limit: int) -> str:
    """Checks that text is a single printable line of bounded length and strips its ends.

    Raises:
        ValueError: Control characters, line separators, lone surrogates, or too long.
    """
    text = text.strip()
    if len(text) > limit:
        raise ValueError(f"{what} has {len(text)} characters, over {limit}")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise ValueError(f"{what} holds {character!r}; it must be one line of printable text")
    return text


class Check(Frozen):
    """Base of all checks.

    Attributes:
        kind: Discriminator; the prefix of the one-line form (relations have none).
        text: The one-line form without prefix.
    """

    prefix: ClassVar[str] = ""
    kind: str
    text: str

    @field_validator("text")
    @classmethod
    def _one_line(cls, text: str) -> str:
        text = one_line(text, "a check", MAX_CHECK_CHARS)
        if not text:
            raise ValueError("a check must not be empty")
        return text

    @property
    def defines(self) -> str | None:
        """The symbol this check gives a value to, if it does."""
        return None

    @property
    def uses(self) -> frozenset[str]:
        """Symbols whose values this check needs."""
        return frozenset()

    @property
    def refers(self) -> frozenset[str]:
        """Ids of items that the text names."""
        return frozenset()

    @property
    def determines(self) -> frozenset[str]:
        """Symbols that this check could help to determine without defining one (an implicit equation)."""
        return frozenset()

    def __str__(self) -> str:
        return f"{self.prefix} {self.text}" if self.prefix else self.text


class RelationCheck(Check):
    """A relation between quantities, for instance ``bolts = nuts + 3`` or ``wigs > 0``."""

    kind: Literal["relation"] = "relation"

    @field_validator("text")
    @classmethod
    def _no_prefix(cls, text: str) -> str:
        if _PREFIX.match(text):
            raise ValueError("a relation must not start with a word and a colon: that marks another check kind")
        return text

    @cached_property
    def relation(self) -> Relation | ExpressionError:
        """The parsed relation, or the error that says why there is none."""
        try:
            return parse_relation(self.text, own_units=True)
        except ExpressionError as error:
            return error

    @property
    def defines(self) -> str | None:
        """The symbol on the left of ``symbol = expression``."""
        return self.relation.defines if isinstance(self.relation, Relation) else None

    @property
    def uses(self) -> frozenset[str]:
        """All symbols but the defined one."""
        return self.relation.uses if isinstance(self.relation, Relation) else frozenset()

    @property
    def determines(self) -> frozenset[str]:
        """The symbols of an equation that defines none explicitly, such as ``2 * x + y = 7``."""
        relation = self.relation
        if isinstance(relation, Relation) and relation.is_equation and relation.defines is None:
            return relation.symbols
        return frozenset()


class TestCheck(Check):
    """A Python assertion about the answer's program, for instance ``f([]) == 0``."""

    __test__: ClassVar[bool] = False  # pytest must not collect it
    prefix: ClassVar[str] = "test:"
    kind: Literal["test"] = "test"


class CallCheck(Check):
    """A tool call whose arguments may refer to earlier results, for instance ``get_order(id=$S1.id)``."""

    prefix: ClassVar[str] = "call:"
    kind: Literal["call"] = "call"

    @cached_property
    def call(self) -> CallExpression | CallError:
        """The parsed call, or the error that says why there is none."""
        try:
            return parse_call(self.text)
        except CallError as error:
            return error

    @cached_property
    def _refers(self) -> frozenset[str]:
        if isinstance(self.call, CallExpression):
            return frozenset(reference.step for reference in self.call.references)
        return frozenset(_REFERENCE.findall(self.text))

    @property
    def refers(self) -> frozenset[str]:
        """The items whose results are arguments; in text that is no call, everything that looks like one."""
        return self._refers


class OrderCheck(Check):
    """A predicate on the places of items, for instance ``S1 < S3``, ``|S1 - S4| >= 2`` or ``figs = first``."""

    prefix: ClassVar[str] = "order:"
    kind: Literal["order"] = "order"

    @property
    def refers(self) -> frozenset[str]:
        """The items whose places are compared, where the text names them by id."""
        return frozenset(_BARE_ID.findall(self.text))


class UnitCheck(Check):
    """Declares units of the plan's own, for instance ``apple apples, person people``: synonyms side by side."""

    prefix: ClassVar[str] = "unit:"
    kind: Literal["unit"] = "unit"


_KINDS: dict[str, type[Check]] = {
    "unit": UnitCheck,
    "relation": RelationCheck,
    "test": TestCheck,
    "call": CallCheck,
    "order": OrderCheck,
}


def register_check(check: type[Check]) -> type[Check]:
    """Adds a check kind (usable as a class decorator); its ``prefix`` is ``kind`` and a colon.

    Raises:
        ConfigError: The prefix does not match the kind, or the kind is taken by another class.
    """
    kind = check.model_fields["kind"].default
    if not isinstance(kind, str) or check.prefix != f"{kind}:" or not _PREFIX.fullmatch(check.prefix):
        raise ConfigError(f"{check.__name__}: prefix must be the kind and a colon, in lower-case letters")
    if _KINDS.get(kind, check) is not check:
        raise ConfigError(f"check kind {kind!r} is already {_KINDS[kind].__name__}")
    _KINDS[kind] = check
    return check


def parse_check(text: str) -> Check:
    """Reads the one-line form.

    Raises:
        ValueError: Empty, not one line, or an unknown ``word:`` prefix.
    """
    text = text.strip()
    match = _PREFIX.match(text)
    if match is None:
        return RelationCheck(text=text)
    kind = match.group(1)
    if kind == "relation" or kind not in _KINDS:
        known = ", ".join(sorted(set(_KINDS) - {"relation"}))
        raise ValueError(f"unknown check kind {kind[:30]!r} (known: {known}; relations have no prefix)")
    return _KINDS[kind](kind=kind, text=text[match.end() :])


def _coerce(value: Any) -> Any:
    if isinstance(value, str):
        return parse_check(value)
    if isinstance(value, dict):
        kind = value.get("kind", "relation")
        if kind not in _KINDS:
            raise ValueError(f"unknown check kind {str(kind)[:30]!r}")
        return _KINDS[kind].model_validate(value)
    return value


AnyCheck = Annotated[SerializeAsAny[Check], BeforeValidator(_coerce)]
"""A check of any registered kind; accepts the one-line form, a dict with ``kind``, or a check."""
