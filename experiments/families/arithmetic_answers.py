"""Answers of the arithmetic family: reading the value that a text states, and writing the answer that a plan implies.

Text to be read is untrusted: regular expressions and planneal's own relation grammar, nothing is evaluated as code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from ...decoders.citations import last_final, read_answer
from ...planner.errors import ExpressionError, PlanError
from ...planner.evaluation import evaluate, shown
from ...planner.expressions import parse_expression
from ...planner.notation import parse_plan
from ...planner.units import UNITS
from .arithmetic import ArithmeticProblem, closure
from .relations import Kind, Relation, parse_relation

__all__ = ["answer_text", "stated_value", "worked_out"]

MAX_CHARS = 20_000
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,18})(?:\.[0-9]{1,18})?"
_NUMBER = re.compile(rf"(?<![\w.,])(-?{_DIGITS})(?:\s*/\s*({_DIGITS}))?(?![.,]?[0-9])")
_WORD = re.compile(r"[a-z]+")
_BOXED = re.compile(r"\\boxed\{([^{}]{1,200})\}")
_PLAIN = """
a all altogether an and answer are equals final find get gives have hence in is it number of so takes that the there
therefore they thus together total value was we were which
"""
_PLAIN_WORDS = frozenset(_PLAIN.split())
"""Words beside a number that do not change it."""


def _final(text: str) -> str:
    """The part of a text that states the value: its last answer line, what is boxed, or its last line."""
    final = last_final(read_answer(text))
    if final is not None:
        return final
    boxed = _BOXED.findall(text)
    if boxed:
        return str(boxed[-1])
    lines = [line for line in text.split("\n") if line.strip()]
    return lines[-1].rpartition("####")[2] if lines else ""


def stated_value(text: str, target: str, unit: str = "") -> Fraction | None:
    """The value that an answer states, None where it states none or it is not clear which.

    `28`, `28.0`, `56/2`, `28 nuts`, `there are 28 nuts`, `nuts = 4 * 7 = 28` and `$28$` are 28. Where a unit is asked
    for, a plain number is of that unit, and `3.2 m`, `3 m 20 cm` and `320 cm` are the same.

    Args:
        text: The answer's whole text, or its final value alone.
        target: What is asked for.
        unit: The unit that is asked for, empty for a count.
    """
    final = _final(text[-MAX_CHARS:]).replace("\N{MINUS SIGN}", "-").lower()
    if re.search(r"!=|[<>\u2260]", final):
        return None
    final = re.sub(r"\[[^\]]{0,80}\]|\\text|\\[()\[\],! ]|\*\*|[$`{}~]", " ", final)
    if len(final) > 300:
        return None
    left, _, final = final.rpartition("=")
    final = final.strip(" \t.!,:*_")
    if not _known(target, unit).issuperset(_WORD.findall(left.partition("=")[0])):
        return None  # the value of something else
    computed = _computed(final)
    return computed if computed is not None else _told(final, target, unit)


def _computed(text: str) -> Fraction | None:
    """The value of an expression of plain numbers."""
    if re.search(r"[a-z]", text):
        return None
    try:
        return evaluate(parse_expression(re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", text)), {})
    except ExpressionError:
        return None


def _told(text: str, target: str, unit: str) -> Fraction | None:
    """The value in words such as `there are 28 nuts` or `3 m and 20 cm`."""
    found = list(_NUMBER.finditer(text))
    if not found or len(found) > (2 if unit else 1):
        return None
    known = _known(target, "")
    lengths = _units_like(unit)
    ends = [match.start() for match in found[1:]] + [len(text)]
    total = Fraction(0)
    units: list[str] = []
    for match, end in zip(found, ends, strict=True):
        after = _WORD.findall(text[match.end() : end])
        value = _fraction(match)
        if value is None:
            return None
        own = after[0] if after and after[0] in lengths else unit
        units.append(own)
        total += value * (lengths[own] / lengths[unit] if unit else 1)
        words = after[1:] if own in after[:1] else after
        if not known.issuperset(words) or (len(found) > 1 and after[:1] != [own]):
            return None
    before = _WORD.findall(text[: found[0].start()])
    beside = _NUMBER.sub(" ", text)
    if not known.issuperset(before) or len(set(units)) < len(units) or re.search(r"[^a-z .,:'+]", beside):
        return None
    return total if unit or "+" not in beside else None


def _fraction(match: re.Match[str]) -> Fraction | None:
    above, below = (Fraction((part or "1").replace(",", "")) for part in match.groups())
    return above / below if below else None


def _known(target: str, unit: str) -> frozenset[str]:
    """The words that may stand beside the value."""
    return _PLAIN_WORDS | {target, target.removesuffix("s"), target.removesuffix("es"), *_units_like(unit)}


def _units_like(unit: str) -> Mapping[str, Fraction]:
    """Every word for a unit of the same dimension, with what it is in base units; none for no unit."""
    if not unit:
        return {}
    asked = UNITS[unit]
    return {word: known.factor for word, known in UNITS.items() if known.dimension == asked.dimension}


def answer_text(problem: ArithmeticProblem, plan: str | None = None) -> str:
    """The answer that a plan implies: a line for each item as soon as what it uses has a value, up to the goal.

    What the plan lacks is supplied from the question, without a citation. The final line is left out where the plan
    goes in a circle.

    Args:
        problem: The problem.
        plan: A plan in notation, the gold one if None; what no relation can be read from is passed over.
    """
    gold, target = problem.gold, problem.public.target
    waiting = _steps(plan if plan is not None else gold.plan)
    defined = {relation.symbol for relation, _ in waiting}
    values: dict[str, Fraction] = {}
    cited: dict[str, str] = {}
    rows: list[str] = []
    while target not in values:
        ready = next((step for step in waiting if all(o in values for o in step[0].operands)), None)
        if ready is None:
            wanted = [*dict.fromkeys(o for r, _ in waiting for o in r.operands), target]
            lacking = [s for w in wanted for s in closure(w, gold.relations) if s not in defined]
            if not lacking:
                return "\n".join(rows)
            waiting.insert(0, (gold.relations[lacking[0]], ""))
            defined.add(lacking[0])
            continue
        waiting.remove(ready)
        relation, citation = ready
        if relation.symbol not in values:
            values[relation.symbol] = relation.evaluate(values)
            cited[relation.symbol] = citation
            rows.append(worked_out(relation, values, gold.small_unit) + citation)
    value = values[target] / UNITS[gold.unit].factor if gold.unit else values[target]
    final = f"{shown(value)} {gold.unit}".rstrip()
    return "\n".join([*rows, f"answer: {final}{cited[target]}"])


def _steps(plan: str) -> list[tuple[Relation, str]]:
    """The relations of a plan with their citations, in order."""
    try:
        items = parse_plan(plan).items
    except PlanError:
        return []
    read = [(parse_relation(str(item.check)), f" [{item.id}]") for item in items if item.kind == "S"]
    return [(relation, citation) for relation, citation in read if relation is not None]


def worked_out(relation: Relation, values: Mapping[str, Fraction], small: str = "") -> str:
    """One claim: the relation in symbols, in numbers, halfway where it takes two operations, its value; each once.

    Args:
        relation: The relation.
        values: Values of its symbol and its operands.
        small: The unit that they are told in, empty for plain numbers.
    """
    operands = {name: _shown(values[name], small, inside=True) for name in relation.operands}
    halfway = _halfway(relation, values, small)
    said = [relation.expression, relation.written(operands), *halfway, _shown(values[relation.symbol], small)]
    return " = ".join([relation.symbol, *dict.fromkeys(said)])


def _halfway(relation: Relation, values: Mapping[str, Fraction], small: str) -> list[str]:
    """A relation of two operations with the first one done; nothing for the others."""
    numbers = [values[name] for name in relation.operands]
    if relation.kind is Kind.TOTAL:
        return [f"{_shown(numbers[0] + numbers[1], small, inside=True)} + {_shown(numbers[2], small, inside=True)}"]
    if relation.kind is Kind.AVERAGE:
        return [f"{_shown(numbers[0] + numbers[1], small, inside=True)} / 2"]
    if relation.kind is Kind.PERCENT:
        return [f"{_shown(relation.exact * numbers[0], small, inside=True)} / 100"]
    return []


def _shown(value: Fraction, unit: str, *, inside: bool = False) -> str:
    number = value / UNITS[unit].factor if unit else value
    if number.denominator == 1:
        text = f"{number} {unit}".rstrip()
        return f"({text})" if inside and number < 0 else text
    text = f"{number.numerator} {unit} / {number.denominator}" if unit else f"{number}"
    return f"({text})" if inside else text
