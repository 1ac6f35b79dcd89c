"""Sentences of the schedule family, and the reader that takes them apart again.

No sentence begins with a name, every sentence names its things in the order of the check, and all but a few end with
the last of them: a reader from left to right can write the check as it goes. Each wording is read back by exactly one
pattern, so the text determines its rules; tests read every question that way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .rules import LAST, Kind, Rule

__all__ = ["INTROS", "QUESTIONS", "SENTENCES", "intro", "read_question", "sentence"]

INTROS: tuple[str, ...] = (
    "Put these {n} in a row so that {m} rules hold: {names}.",
    "Line up these {n} by {m} rules: {names}.",
    "In one row, under {m} rules, stand these {n}: {names}.",
)
_FIRST = ("First of all come the {a}.", "The row starts with the {a}.", "In front of all others stand the {a}.")
_LAST = ("Last of all come the {a}.", "The row ends with the {a}.", "Behind all others stand the {a}.")
SENTENCES: Mapping[Kind, tuple[str, ...]] = {
    Kind.BEFORE: (
        "The {a} come before the {b}.",
        "Put the {a} earlier than the {b}.",
        "Somewhere after the {a} come the {b}.",
    ),
    Kind.NEXT: (
        "The {a} come right before the {b}.",
        "Right after the {a} come the {b}.",
        "The {a} are followed at once by the {b}.",
    ),
    Kind.PARTED: (
        "The {a} are not next to the {b}.",
        "Something stands between the {a} and the {b}.",
        "Never put the {a} beside the {b}.",
    ),
    Kind.APART: (
        "The {a} are at least {n} places away from the {b}.",
        "At least {n} places lie from the {a} to the {b}.",
        "Keep a distance of {n} places or more from the {a} to the {b}.",
    ),
    Kind.PLACE: (
        "In place {n} stand the {a}.",
        "Place {n} is for the {a}.",
        "Number {n} in the row are the {a}.",
    ),
    Kind.END: (
        "First or last come the {a}.",
        "At one of the two ends stand the {a}.",
        "The row starts or ends with the {a}.",
    ),
    Kind.BETWEEN: (
        "The {a} stand somewhere between the {b} and the {c}.",
        "Put the {a} anywhere between the {b} and the {c}.",
        "The {a} have on one side the {b} and on the other the {c}.",
    ),
    Kind.EITHER: (
        "At least one is true: the {a} come before the {b} or the {c} come before the {d}.",
        "One or both must hold: the {a} come before the {b}, the {c} come before the {d}.",
        "If the {a} do not come before the {b}, then the {c} come before the {d}.",
    ),
}
"""Wordings by kind; a place has others where it is the first or the last."""
QUESTIONS: tuple[str, ...] = (
    "What is the order?",
    "Give one such order.",
    "Which order keeps every rule?",
)


def intro(names: Sequence[str], rules: int, choice: int) -> str:
    """The sentence that introduces the things, in its `choice`-th wording."""
    return INTROS[choice % len(INTROS)].format(n=len(names), m=rules, names=", ".join(names))


def sentence(rule: Rule, choice: int) -> str:
    """Tells a rule in its `choice`-th wording (taken modulo the number of wordings)."""
    wordings = SENTENCES[rule.kind]
    if rule.kind is Kind.PLACE and rule.number in (1, LAST):
        wordings = _FIRST if rule.number == 1 else _LAST
    return wordings[choice % len(wordings)].format(**dict(zip("abcd", rule.names, strict=False)), n=rule.number)


def _pattern(wording: str) -> re.Pattern[str]:
    escaped = re.escape(wording).replace(r"\{n\}", "(?P<n>[0-9]+)").replace(r"\{m\}", "(?P<m>[0-9]+)")
    for name in "abcd":
        escaped = escaped.replace(rf"\{{{name}\}}", rf"(?P<{name}>[a-z]+)")
    return re.compile(escaped.replace(r"\{names\}", "(?P<names>[a-z]+(?:, [a-z]+)*)"))


_READERS = tuple(
    (kind, number, _pattern(wording))
    for kind, number, wordings in (
        *((kind, 0, wordings) for kind, wordings in SENTENCES.items()),
        (Kind.PLACE, 1, _FIRST),
        (Kind.PLACE, LAST, _LAST),
    )
    for wording in wordings
)
_INTROS = tuple(_pattern(wording) for wording in INTROS)


def read_question(question: str) -> tuple[tuple[str, ...], tuple[Rule, ...]]:
    """The things that a question of this family introduces and the rules that it states, in its own order.

    Raises:
        ValueError: It is no question of this family.
    """
    told = [part.strip() for part in re.findall(r"[^.?]+[.?]", question)]
    opening = next((found for p in _INTROS if told and (found := p.fullmatch(told[0]))), None)
    if opening is None or told[-1] not in QUESTIONS:
        raise ValueError("this is no question of the schedule family")
    return tuple(opening["names"].split(", ")), tuple(_read(part) for part in told[1:-1])


def _read(part: str) -> Rule:
    for kind, number, pattern in _READERS:
        found = pattern.fullmatch(part)
        if found is not None:
            read = found.groupdict()
            return Rule(kind, tuple(read[name] for name in "abcd" if read.get(name)), number or int(read.get("n") or 0))
    raise ValueError(f"no rule: {part}")
