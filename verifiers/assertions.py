"""Assertions taken apart: which calls a program has to answer, and what must then hold of the values.

``f([3, 1]) == [1, 3]``, ``abs(f(2) - 1.41) < 0.01``, ``not f("")`` or ``set(f(x)) <= {1, 2}`` become calls with plain
arguments, which a sandbox answers with values, and an expression over these values, which is computed here. What a
program has to answer never meets what is expected of it. The expression is a small, closed part of Python (literals,
comparisons, arithmetic on numbers, a few built-in functions), walked on its syntax tree; it is bounded in size, and no
text is ever compiled or run. An assertion that needs more is :class:`NotReadable`: only the program's own side can
judge it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from ..planner.errors import ConfigError
from .comparing import Comparison, NotPlain, cut, shown
from .evaluating import CallRaised, Evaluator
from .readable import NotReadable, built_in, check, mark, place_of
from .sandbox.base import Call, CallResult
from .sandbox.values import Unencodable, dumps
from .syntax import NotPython, TooLarge, parse_expression

_RAISES = re.compile(r"(.+) raises ([A-Za-z_][A-Za-z0-9_]*)", re.DOTALL)
UNSAYABLE = ("nested too deeply", "too large", "MemoryError")
"""Errors of a call that say something of the sandbox's bounds, nothing of the program."""


class Finding(NamedTuple):
    """What the values say of one test.

    Attributes:
        outcome: ``pass``, ``fail``, or ``unknown`` where the value cannot be judged from outside.
        call: The call or calls, as text.
        expected: What was expected, as text.
        got: What came, as text: a value or ``raised TypeName: message``.
    """

    outcome: Literal["pass", "fail", "unknown"]
    call: str
    expected: str
    got: str


class UnitTest(Protocol):
    """Something that asks calls of a program and judges their results outside it."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls to make, in order."""

    @property
    def key(self) -> str:
        """Equal keys, equal tests."""

    def judge(self, results: Sequence[CallResult], comparison: Comparison) -> Finding:
        """Judges the results of the calls, one for each."""


@dataclass(frozen=True)
class Case:
    """A call and what it must give.

    Attributes:
        call: The call, or its text with literal arguments, for instance ``f([3, 1], reverse=True)``.
        expected: The value it must return; ``...`` where ``raises`` is given instead.
        raises: Name of the exception it must raise (a subclass does where both are built in).
        tolerance: How far floats may differ, see :class:`~.comparing.Comparison`; None leaves it to the verifier.

    Raises:
        ConfigError: The text is no call with literal arguments, or there is not exactly one expectation, a plain one.
    """

    call: Call | str
    expected: Any = ...
    raises: str | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        """Reads the call, so that a mistake is told where it is made."""
        if (self.expected is ...) == (self.raises is None):
            raise ConfigError("a case has either an expected value or the exception it raises")
        try:
            dumps(None if self.expected is ... else self.expected)
            self.calls  # noqa: B018 - read it now
        except (Unencodable, NotReadable, NotPython, TooLarge) as error:
            raise ConfigError(f"case {self.call!s:.60}: {type(error).__name__}: {error}") from None

    @property
    def calls(self) -> tuple[Call, ...]:
        """The one call."""
        if isinstance(self.call, Call):
            return (self.call,)
        node = parse_expression(self.call)
        if not isinstance(node, ast.Call):
            raise NotReadable("no call")
        return (_call(node),)

    @property
    def key(self) -> str:
        """The call and the expectation as text."""
        wanted = f"raises {self.raises}" if self.raises else dumps(self.expected)
        return f"{call_text(self.calls[0], limit=None)} -> {wanted} within {self.tolerance}"

    def judge(self, results: Sequence[CallResult], comparison: Comparison) -> Finding:
        """Compares the value, or the exception, with the expected one."""
        [result] = results
        call = self.call if isinstance(self.call, str) else call_text(self.call)
        if self.raises is not None:
            return _judge_raise(call, self.raises, result)
        expected = shown(self.expected)
        if (found := _without_value(result, call, expected)) is not None:
            return found
        if self.tolerance is not None:
            comparison = Comparison(comparison.types, comparison.sequences, self.tolerance)
        if result.status == "unencodable":
            # An object that is not of the plain types: exactly typed it is another value, else nobody can say.
            outcome: Literal["fail", "unknown"] = "fail" if comparison.types == "exact" else "unknown"
            return Finding(outcome, call, expected, f"an object of type {result.error}")
        same = comparison.same(result.value, self.expected)
        return Finding("pass" if same else "fail", call, expected, shown(result.value))


@dataclass(frozen=True)
class Assertion:
    """An assertion taken apart.

    Attributes:
        text: As it was written.
        calls: What the program must answer.
        raises: Name of the exception that the only call must raise (``f(-1) raises ValueError``), else empty.
        tree: The expression over the answers, its calls marked with their places.
    """

    text: str
    calls: tuple[Call, ...]
    raises: str = ""
    tree: ast.expr = field(default_factory=lambda: ast.Constant(None), repr=False, compare=False)

    @property
    def key(self) -> str:
        """The text."""
        return self.text

    @property
    def _called(self) -> str:
        return cut(", ".join(dict.fromkeys(call_text(call) for call in self.calls)))

    def judge(self, results: Sequence[CallResult], comparison: Comparison) -> Finding:
        """Computes the assertion over the values that the calls gave."""
        if self.raises:
            return _judge_raise(self._called, self.raises, results[0])
        evaluator = Evaluator(comparison, results)
        expected = ""
        try:
            expected, side = _sides(self.tree)
            holds = evaluator.truth(self.tree)
            got = shown(evaluator.value(side)) if side is not None else _values(results)
        except CallRaised as error:
            sayable = not str(error).startswith(UNSAYABLE)
            return Finding("fail" if sayable else "unknown", self._called, expected, f"raised {cut(str(error))}")
        except NotPlain as error:
            return self._opaque(str(error), comparison, expected)
        except (ArithmeticError, TypeError, ValueError, LookupError) as error:
            told = cut(f"{_values(results)} ({type(error).__name__}: {error})")
            return Finding("fail", self._called, expected, told)  # the assertion would raise just so
        except (NotReadable, RecursionError) as error:
            return Finding("unknown", self._called, expected, cut(f"{_values(results)}, with {error}"))
        return Finding("pass" if holds else "fail", self._called, expected, got)

    def _opaque(self, name: str, comparison: Comparison, expected: str) -> Finding:
        """An object of another type is surely not None, and not the plain value that ``==`` wants if types count."""
        tree = self.tree
        surely = False
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and not name.startswith(UNSAYABLE):
            direct = place_of(tree.left) is not None or place_of(tree.comparators[0]) is not None
            strict = isinstance(tree.ops[0], ast.Eq) and comparison.types == "exact"
            surely = direct and (strict or isinstance(tree.ops[0], ast.Is))
        return Finding("fail" if surely else "unknown", self._called, expected, f"an object of type {name}")


def _values(results: Sequence[CallResult]) -> str:
    return cut("; ".join(shown(result.value) if result.status == "value" else result.error for result in results))


def take_apart(text: str) -> Assertion:
    """An assertion as calls and an expression over their values.

    A name that is called means the program's function, unless it is one of the known built-in ones; where nothing else
    is called, the built-in names mean the program's functions too (``sum(10, 15) == 25`` tests a ``sum``).

    Args:
        text: The assertion without the word ``assert``.

    Raises:
        NotPython: It does not parse.
        TooLarge: It is too long or nested too deeply.
        NotReadable: It parses, but can only be judged by running it.
    """
    if (found := _RAISES.fullmatch(text.strip())) is not None:
        call = parse_expression(found[1])
        if not isinstance(call, ast.Call):
            raise NotReadable("what raises must be one call")
        return Assertion(text=text, calls=(_call(call),), raises=found[2])
    return assertion_of(parse_expression(text), text)


def assertion_of(tree: ast.expr, text: str) -> Assertion:
    """As :func:`take_apart`, for a tree.

    Raises:
        NotReadable: It can only be judged by running it.
    """
    for known in (True, False):
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and not (known and built_in(node.func))]
        if nodes:
            break
    else:
        raise NotReadable("no call of the program")
    nodes.sort(key=lambda node: (node.lineno, node.col_offset))
    calls = tuple(_call(node) for node in nodes)
    for place, node in enumerate(nodes):
        mark(node, place)
    try:
        check(tree)
    except RecursionError:
        raise TooLarge("nested too deeply") from None
    return Assertion(text=text, calls=calls, tree=tree)


def _call(node: ast.Call) -> Call:
    """The call that a node writes, its arguments computed (they are literals or small expressions of literals)."""
    if not isinstance(node.func, ast.Name):
        raise NotReadable("what is called is no plain name")
    evaluator = Evaluator(Comparison())
    try:
        for part in (*node.args, *(keyword.value for keyword in node.keywords)):
            check(part)
        args = tuple(evaluator.value(argument) for argument in node.args)
        if any(keyword.arg is None for keyword in node.keywords):
            raise NotReadable("keywords are unpacked")
        kwargs = {str(keyword.arg): evaluator.value(keyword.value) for keyword in node.keywords}
        dumps([*args, *kwargs.values()])
    except (ArithmeticError, TypeError, ValueError, LookupError, RecursionError, NotPlain, Unencodable) as error:
        raise NotReadable(f"an argument has no plain value ({type(error).__name__}: {error})") from None
    return Call(node.func.id, args, kwargs)


def call_text(call: Call, limit: int | None = 200) -> str:
    """A call as text."""
    parts = [shown(value, 10**6) for value in call.args]
    parts += [f"{name}={shown(value, 10**6)}" for name, value in call.kwargs.items()]
    text = f"{call.function}({', '.join(parts)})"
    return text if limit is None else cut(text, limit)


_SIGNS = {ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in", ast.NotIn: "not in"}
_SIGNS |= {ast.IsNot: "not"}


def _sides(tree: ast.expr) -> tuple[str, ast.expr | None]:
    """What is expected, as text, and the part of the tree whose value is what was got; None shows every value."""
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        about, other, sign = tree.left, tree.comparators[0], _SIGNS.get(type(tree.ops[0]), "")
        if not _asks(about) and type(tree.ops[0]) in (ast.Eq, ast.NotEq):
            about, other = other, about
        if not _asks(other):
            return cut(f"{sign} {ast.unparse(other)}".strip()), about
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not) and place_of(tree.operand) is not None:
        return "a false value", tree.operand
    if place_of(tree) is not None:
        return "a true value", tree
    return cut(ast.unparse(tree)), None


def _asks(node: ast.expr) -> bool:
    return any(place_of(part) is not None for part in ast.walk(node))


def _without_value(result: CallResult, call: str, expected: str) -> Finding | None:
    """The finding on a call that gave nothing to compare, None where it gave something."""
    if result.status == "value":
        return None
    sayable = not result.error.startswith(UNSAYABLE)
    if result.status == "raised":
        return Finding("fail" if sayable else "unknown", call, expected, f"raised {cut(result.error)}")
    return None if sayable else Finding("unknown", call, expected, f"a value {result.error}")


def _judge_raise(call: str, wanted: str, result: CallResult) -> Finding:
    expected = f"raises {wanted}"
    if result.status != "raised":
        got = shown(result.value) if result.status == "value" else f"an object of type {result.error}"
        return Finding("fail", call, expected, got)
    if result.error.startswith(UNSAYABLE) and wanted != "MemoryError":
        return Finding("unknown", call, expected, f"raised {cut(result.error)}")
    raised = re.match(r"[A-Za-z0-9_.]*", result.error)
    name = raised.group().rpartition(".")[2] if raised else ""
    kinds = [getattr(builtins, kind, None) for kind in (name, wanted)]
    known = all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds)
    fits = name == wanted or (known and issubclass(*kinds))  # type: ignore[arg-type]
    return Finding("pass" if fits else "fail", call, expected, f"raised {cut(result.error)}")


__all__ = ["Assertion", "Case", "Finding", "UnitTest", "assertion_of", "call_text", "take_apart"]
