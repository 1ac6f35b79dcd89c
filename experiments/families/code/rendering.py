"""Programs from steps, in three styles, so that a constraint on the text leaves at least one way to write it.

``comprehension`` is the plain one. ``functional`` has neither loop nor comprehension, ``loop`` neither comprehension
nor lambda. Each step is one assignment (or one loop), so that a comment can cite the item of the plan that it follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from .operations import SEPARATORS, Step

__all__ = ["STYLES", "Style", "program"]

Style = Literal["comprehension", "functional", "loop"]
STYLES: tuple[Style, ...] = ("comprehension", "functional", "loop")

_MAPS: Mapping[str, str] = {
    "square": "x * x",
    "add": "x + {a}",
    "subtract": "x - {a}",
    "times": "x * {a}",
    "negate": "-x",
    "absolute": "abs(x)",
    "halve": "x // 2",
    "remainder": "x % {a}",
    "clamp": "min(max(x, {a}), {b})",
    "capitals": "x.upper()",
    "backwards": "x[::-1]",
    "first_letter": "x[:1]",
    "lengths": "len(x)",
}
_FILTERS: Mapping[str, str] = {
    "even": "x % 2 == 0",
    "odd": "x % 2 == 1",
    "above": "x > {a}",
    "below": "x < {a}",
    "other_than": "x != {a}",
    "multiples": "x % {a} == 0",
    "longer": "len(x) > {a}",
    "shorter": "len(x) < {a}",
    "containing": "{a!r} in x",
    "lacking": "{a!r} not in x",
}
_WHOLE: Mapping[str, str] = {
    "sort_up": "sorted({v})",
    "sort_down": "sorted({v}, reverse=True)",
    "sort_size": "sorted({v}, key=abs)",
    "reverse": "{v}[::-1]",
    "distinct": "list(dict.fromkeys({v}))",
    "first": "{v}[:{a}]",
    "skip": "{v}[{a}:]",
    "last": "{v}[-{a}:]",
    "every_second": "{v}[::2]",
    "rotate": "{v}[1:] + {v}[:1]",
    "append": "{v} + [{a}]",
    "alphabet": "sorted({v})",
    "sort_length": "sorted({v}, key=len)",
    "split": "{v}.split()",
    "join": "{a!r}.join({v})",
    "sum": "sum({v})",
    "count": "len({v})",
    "largest": "max({v}, default=0)",
    "smallest": "min({v}, default=0)",
    "index": "list(enumerate({v}))",
}


class _Special(NamedTuple):
    comprehension: str
    functional: str
    loop: tuple[str, ...]


_SPECIAL: Mapping[str, _Special] = {
    "add_index": _Special(
        "[x + i for i, x in enumerate({v})]",
        "list(map(lambda i: {v}[i] + i, range(len({v}))))",
        ("out = []", "for x in {v}:", "    out.append(x + len(out))"),
    ),
    "while_below": _Special(
        "[x for i, x in enumerate({v}) if max({v}[:i + 1]) < {a}]",
        "list(map(lambda i: {v}[i], filter(lambda i: max({v}[:i + 1]) < {a}, range(len({v})))))",
        ("out = []", "for x in {v}:", "    if x >= {a}:", "        break", "    out.append(x)"),
    ),
    "running_total": _Special(
        "[sum({v}[:i + 1]) for i in range(len({v}))]",
        "list(map(lambda i: sum({v}[:i + 1]), range(len({v}))))",
        ("out = []", "for x in {v}:", "    out.append(x + sum(out[-1:]))"),
    ),
    "running_largest": _Special(
        "[max({v}[:i + 1]) for i in range(len({v}))]",
        "list(map(lambda i: max({v}[:i + 1]), range(len({v}))))",
        ("out = []", "for x in {v}:", "    out.append(max(out[-1:] + [x]))"),
    ),
    "gaps": _Special(
        "[{v}[i + 1] - {v}[i] for i in range(len({v}) - 1)]",
        "list(map(lambda i: {v}[i + 1] - {v}[i], range(len({v}) - 1)))",
        ("out = []", "for i in range(len({v}) - 1):", "    out.append({v}[i + 1] - {v}[i])"),
    ),
    "tally": _Special(
        "{{x: {v}.count(x) for x in {v}}}",
        "dict(map(lambda x: (x, {v}.count(x)), {v}))",
        ("out = {{}}", "for x in {v}:", "    out[x] = out.get(x, 0) + 1"),
    ),
    "group": _Special(
        "{{len(x): [y for y in {v} if len(y) == len(x)] for x in {v}}}",
        "dict(map(lambda x: (len(x), list(filter(lambda y: len(y) == len(x), {v}))), {v}))",
        ("out = {{}}", "for x in {v}:", "    out[len(x)] = out.get(len(x), []) + [x]"),
    ),
}


def _element_wise(step: Step) -> _Special | None:
    name = step.name
    if name in _MAPS:
        body = _MAPS[name]
        return _Special(
            f"[{body} for x in {{v}}]",
            f"list(map(lambda x: {body}, {{v}}))",
            ("out = []", "for x in {v}:", f"    out.append({body})"),
        )
    if name in _FILTERS:
        body = _FILTERS[name]
        return _Special(
            f"[x for x in {{v}} if {body}]",
            f"list(filter(lambda x: {body}, {{v}}))",
            ("out = []", "for x in {v}:", f"    if {body}:", "        out.append(x)"),
        )
    return _SPECIAL.get(name)


def _written(step: Step, style: Style, variable: str) -> list[str]:
    """The lines of a step; the last is an expression, what goes before it are statements."""
    first, second = [*step.constants, "", ""][:2]
    if step.name == "join":
        first = SEPARATORS[str(first)]

    def filled(text: str) -> str:
        return text.format(v=variable, a=first, b=second)

    if step.name in _WHOLE:
        return [filled(_WHOLE[step.name])]
    special = _element_wise(step)
    assert special is not None, step.name
    if style == "loop":
        return [*map(filled, special.loop), "out"]
    return [filled(special.comprehension if style == "comprehension" else special.functional)]


def program(
    steps: Sequence[Step],
    function: str,
    parameter: str,
    style: Style = "comprehension",
    *,
    cites: Sequence[str] = (),
    head: Sequence[str] = (),
) -> str:
    """The program that does the steps in order, whether or not they fit each other.

    Args:
        steps: The steps.
        function: Name of the function.
        parameter: Name of its parameter, also that of what the steps make of it.
        style: How to write it.
        cites: Id of the plan item behind each step, to be cited in a comment; none where it is empty.
        head: Ids that the line with the signature cites.
    """
    lines = [f"def {function}({parameter}):" + (f"  # [{', '.join(head)}]" if head else "")]
    for place, step in enumerate(steps):
        *before, value = _written(step, style, parameter)
        last = place == len(steps) - 1
        cited = f"  # [{cites[place]}]" if cites else ""
        lines += [f"    {line}" for line in before]
        lines.append((f"    return {value}" if last else f"    {parameter} = {value}") + cited)
    if not steps:
        lines.append(f"    return {parameter}")
    return "\n".join(lines) + "\n"
