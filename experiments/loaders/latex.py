r"""Short mathematics in LaTeX: normalised, taken apart, and compared by planneal's own relation grammar.

``\frac{1}{2}``, ``0.5`` and ``\dfrac12`` are the same number; ``(x+1)^2`` and ``x^2+2x+1`` the same expression.
Rational values are compared exactly; where a root, ``\pi`` or a symbol stands, both sides are evaluated to 60 digits at
fixed points and must agree to 40. Text is never handed to a symbolic parser that could run it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, DecimalException, localcontext

from ...planner.errors import ExpressionError
from ...planner.evaluation import evaluate
from ...planner.expressions import Apply, Expression, Number, parse_expression, symbols_of

__all__ = ["same"]

MAX_CHARS = 400
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534")
_DIGITS, _AGREE = 60, Decimal(10) ** -40
_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|limits|mathrm|mathbf|bigl?|bigr?|Bigl?|Bigr?|quad|qquad)(?![a-zA-Z])"
)
_SPACED = re.compile(r"\\[!,;: ]|~|\\\$|\$|\\%|%|\^\{?\\circ\}?|\\degree")
_TEXT = re.compile(r"\\(?:text|textbf|mbox|operatorname|mathrm)\s*\{([^{}]*)\}")
_UNITS = re.compile(
    r"(?<=[0-9}) ])\s*(?:square |cubic )?(?:degrees?|dollars?|cents?|units?|inches|inch|feet|foot|cm|km|mm|"
    r"meters?|hours?|minutes?|seconds?|days?|mph|miles?|pounds?|percent)(?:\^\{?[23]\}?)?\s*$"
)
_MATRIX = re.compile(r"\\begin\{[pbv]?matrix\}(.*?)\\end\{[pbv]?matrix\}", re.DOTALL)
_FRACTION = re.compile(r"\\[dtc]?frac\s*(\{[^{}]*\}|[0-9])\s*(\{[^{}]*\}|[0-9a-z])")
_ROOT = re.compile(r"\\sqrt\s*(\{[^{}]*\}|[0-9a-z])")
_POWER = re.compile(r"\^\s*\{([^{}]*)\}")
_NAMED = {
    r"\cdot": "*",
    r"\times": "*",
    r"\div": "/",
    r"\pi": " pi ",
    r"\ne": "!=",
    r"\leq": "<=",
    r"\le": "<=",
    r"\geq": ">=",
    r"\ge": ">=",
    r"\{": "{",
    r"\}": "}",
    r"\infty": " infinity ",
    r"\cup": " cup ",
    r"\pm": " pm ",
    r"\in": " in ",
}
_NEXT_TO = re.compile(
    r"(?<=[0-9a-zA-Z)])\s*(?=\()|(?<=\))\s*(?=[0-9a-zA-Z])|(?<=[0-9])\s*(?=[a-zA-Z])|(?<=[a-zA-Z])\s+(?=[0-9a-zA-Z])"
)
_CALLED = re.compile(r"\bsqrt\s*\*\s*\(")


def same(left: str, right: str) -> bool:
    """Whether two answers say the same; never raises."""
    if len(left) > MAX_CHARS or len(right) > MAX_CHARS:
        return " ".join(left.split()) == " ".join(right.split())
    first, second = _cleaned(left), _cleaned(right)
    return _squeezed(first) == _squeezed(second) or _same(first, second)


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text).rstrip(".").lower()


def _same(left: str, right: str) -> bool:
    """Compares what is enclosed alike part by part, lists in any order, sides of equations, and atoms."""
    first, second = _enclosed(left), _enclosed(right)
    if first and second:
        (a, inner, b), (c, other, d) = first, second
        if (a + b, inner.count(",") > 0) == (c + d, other.count(",") > 0) and (_parts(inner)[1:] or a in "[{"):
            return _match(_parts(inner), _parts(other), ordered=a != "{")
    lists = _parts(left), _parts(right)
    if len(lists[0]) > 1 or len(lists[1]) > 1:
        return _match(*lists, ordered=False)
    for between in (" cup ", " pm "):
        if between in left or between in right:
            return _match(left.split(between), right.split(between), ordered=between != " cup ")
    return _atom(_side(left), _side(right)) if ("=" in left) != ("=" in right) else _sides(left, right)


def _sides(left: str, right: str) -> bool:
    for op in ("<=", ">=", "!=", "<", ">", "="):
        if op in left and op in right:
            return _match(left.split(op), right.split(op), ordered=True)
    return _atom(left, right)


def _side(text: str) -> str:
    """What an equation such as ``x = 3`` says of a single letter; other text as it is."""
    name, found, value = text.partition("=")
    return value if found and re.fullmatch(r"\s*(?:[a-zA-Z]|[a-z]\([a-z]\))\s*", name) else text


def _match(left: list[str], right: list[str], *, ordered: bool) -> bool:
    if len(left) != len(right) or len(left) > 24:
        return False
    if ordered:
        return all(_squeezed(a) == _squeezed(b) or _same(a, b) for a, b in zip(left, right, strict=True))
    rest = list(right)
    for one in left:
        found = next((other for other in rest if _squeezed(one) == _squeezed(other) or _same(one, other)), None)
        if found is None:
            return False
        rest.remove(found)
    return True


def _enclosed(text: str) -> tuple[str, str, str] | None:
    """The brackets around a whole text, with what is inside; None where there are none."""
    text = text.strip()
    if len(text) < 2 or text[0] not in "([{" or text[-1] not in ")]}":
        return None
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and place < len(text) - 1:
            return None
    return text[0], text[1:-1], text[-1]


def _parts(text: str) -> list[str]:
    """The parts between commas that no bracket encloses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _atom(left: str, right: str) -> bool:
    try:
        pair = tuple(parse_expression(_expression(text)) for text in (left, right))
    except ExpressionError:
        return False
    exact = tuple(evaluate(node, {}) for node in pair)
    if exact[0] is not None and exact[1] is not None:
        return exact[0] == exact[1]
    names = sorted({name for node in pair for name in symbols_of(node)} - {"pi"})
    points = [{name: Decimal(7 * k + 3 * i + 2) / 11 for i, name in enumerate(names)} for k in range(4)]
    return all(_agree(pair[0], pair[1], {**point, "pi": PI}) for point in (points if names else points[:1]))


def _agree(left: Expression, right: Expression, point: Mapping[str, Decimal]) -> bool:
    with localcontext(Context(prec=_DIGITS)):
        try:
            a, b = _decimal(left, point), _decimal(right, point)
            return a.is_finite() and b.is_finite() and abs(a - b) <= _AGREE * max(abs(a), abs(b), Decimal(1))
        except (DecimalException, ArithmeticError, KeyError):
            return False


_OPS: Mapping[str, Callable[..., Decimal]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a ** int(b),
    "neg": lambda a: -a,
    "abs": abs,
    "sqrt": lambda a: a.sqrt(),
}


def _decimal(node: Expression, point: Mapping[str, Decimal]) -> Decimal:
    if isinstance(node, Number):
        return Decimal(node.value.numerator) / Decimal(node.value.denominator)
    if isinstance(node, Apply):
        return _OPS[node.op](*(_decimal(arg, point) for arg in node.args))
    return point[node.name]


def _cleaned(text: str) -> str:
    """The text without markup: brackets, fractions, roots and powers in plain signs."""
    text = _MATRIX.sub(lambda found: _rows(found[1]), text.strip().rstrip("."))
    text = _DROPPED.sub(" ", text)
    text = _SPACED.sub("", _TEXT.sub(r" \1 ", text).replace(r"\$", ""))
    text = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", text.replace("{,}", ","))
    for _ in range(8):  # inside out
        before = text
        text = _ROOT.sub(lambda found: f" sqrt({found[1].strip('{}')}) ", text)
        text = _FRACTION.sub(lambda found: f"(({found[1].strip('{}')})/({found[2].strip('{}')}))", text)
        text = _POWER.sub(r"^(\1)", text)
        if text == before:
            break
    for written in sorted(_NAMED, key=len, reverse=True):
        text = re.sub(re.escape(written) + r"(?![a-zA-Z])", lambda _, w=written: _NAMED[w], text)  # type: ignore[misc]
    return _UNITS.sub("", text).strip()


def _rows(inner: str) -> str:
    """The inside of a matrix as a list of lists."""
    rows = (row.replace("&", ",") for row in inner.strip().removesuffix("\\\\").split("\\\\"))
    return f"[{','.join(f'[{row}]' for row in rows)}]"


def _expression(text: str) -> str:
    """Cleaned text as planneal writes expressions: products with ``*``, integer powers without parentheses."""
    text = re.sub(r"\^\s*\(\s*(-?[0-9]+)\s*\)", r"^\1", text)
    text = re.sub(
        r"(?<![A-Za-z])(?!(?:sqrt|pi|abs)(?![A-Za-z]))([a-z]{2,4})(?![A-Za-z])", lambda found: " ".join(found[1]), text
    )
    return _CALLED.sub("sqrt(", _NEXT_TO.sub(" * ", text)).strip()
