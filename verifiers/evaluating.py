"""A small closed part of Python over plain values, computed by walking a syntax tree in our own process.

Literals, comparisons, ``and``/``or``/``not``, arithmetic on numbers, indexing, and the functions of :data:`FUNCTIONS`.
There are no names but the program's calls (whose values are given), no attributes, no comprehensions, no assignment:
nothing that text could use to reach anything. Numbers are bounded to :data:`MAX_BITS` bits and sequences grow no longer
than :data:`MAX_LENGTH`.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .comparing import Comparison, NotPlain
from .readable import CONSTANTS, FUNCTIONS, NotReadable, dotted, place_of, types_of
from .sandbox.base import CallResult

MAX_BITS = 4096
MAX_LENGTH = 100_000


class CallRaised(Exception):  # noqa: N818
    """A call of the program raised; the text is ``TypeName: message``."""


_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_ORDER: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_JOINS = {(ast.Add, list), (ast.Add, tuple), (ast.Add, str), (ast.Sub, set)}
_NUMBERS = (bool, int, float, complex)


class Evaluator:
    """Computes expressions whose calls of the program were marked by :func:`mark`.

    Args:
        comparison: What ``==``, ``!=`` and ``in`` mean.
        results: What the marked calls gave, in the order of their places.
    """

    def __init__(self, comparison: Comparison, results: Sequence[CallResult] = ()) -> None:
        self._comparison = comparison
        self._results = results
        self._grown = 0

    def truth(self, node: ast.expr) -> bool:
        """Whether the expression is true.

        Raises:
            CallRaised: A call raised.
            NotPlain: A call gave an object that is no plain value.
            NotReadable: The expression goes beyond what is computed here.
            ArithmeticError, TypeError, ValueError, LookupError: As in Python.
        """
        return bool(self.value(node))

    def value(self, node: ast.AST) -> Any:
        """The value of an expression; raises as :meth:`truth` does."""
        place = place_of(node)
        if place is not None:
            return _given(self._results[place])
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise NotReadable(type(node).__name__)
        return method(node)

    def _constant(self, node: ast.Constant) -> Any:
        if node.value is ... or (type(node.value) is int and node.value.bit_length() > MAX_BITS):
            raise NotReadable("a constant that is no small plain value")
        return node.value

    def _attribute(self, node: ast.Attribute) -> float:
        return CONSTANTS[dotted(node) or ""]

    def _list(self, node: ast.List) -> list[Any]:
        return [self.value(part) for part in node.elts]

    def _tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self.value(part) for part in node.elts)

    def _set(self, node: ast.Set) -> set[Any]:
        return {self.value(part) for part in node.elts}

    def _dict(self, node: ast.Dict) -> dict[Any, Any]:
        if None in node.keys:
            raise NotReadable("a dict that is unpacked")
        return {self.value(k): self.value(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return not self.truth(node.operand)
        value = self.value(node.operand)
        if type(value) not in _NUMBERS:
            raise TypeError(f"{type(node.op).__name__} of {type(value).__name__}")
        return _UNARY[type(node.op)](value)

    def _boolop(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for part in node.values:
            value = self.value(part)
            if bool(value) == isinstance(node.op, ast.Or):
                return value
        return value

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if type(left) in _NUMBERS and type(right) in _NUMBERS:
            _bounded(node.op, left, right)
        elif isinstance(node.op, ast.Mult) and {type(left), type(right)} & {list, tuple, str}:
            times, parts = (left, right) if type(left) is int else (right, left)
            if type(times) is not int:
                raise TypeError("a repetition by no whole number")
            self._grow(max(0, times) * size_of(parts))
        elif type(left) is not type(right) or (type(node.op), type(left)) not in _JOINS:
            raise TypeError(f"{type(node.op).__name__} of {type(left).__name__} and {type(right).__name__}")
        return _ARITHMETIC[type(node.op)](left, right)

    def _grow(self, parts: int) -> None:
        self._grown += parts
        if self._grown > MAX_LENGTH:
            raise NotReadable("a long repetition")

    def _compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part)
            if not self._holds(op, left, right):
                return False
            left = right
        return True

    def _holds(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        if isinstance(op, ast.Eq | ast.NotEq):
            return self._comparison.same(left, right) == isinstance(op, ast.Eq)
        if isinstance(op, ast.In | ast.NotIn):
            return self._within(left, right) == isinstance(op, ast.In)
        if isinstance(op, ast.Is | ast.IsNot):
            return (left is right) == isinstance(op, ast.Is)
        return bool(_ORDER[type(op)](left, right))

    def _within(self, part: Any, whole: Any) -> bool:
        if type(whole) in (str, bytes):
            return bool(part in whole)
        if type(whole) not in (list, tuple, set, frozenset, dict):
            raise TypeError(f"a {type(whole).__name__} holds nothing")
        if self._comparison.tolerance:
            return any(self._comparison.same(part, other) for other in whole)
        sought = self._comparison.key(part)
        return any(self._comparison.key(other) == sought for other in whole)

    def _subscript(self, node: ast.Subscript) -> Any:
        whole = self.value(node.value)
        if type(whole) not in (list, tuple, str, bytes, dict):
            raise TypeError(f"a {type(whole).__name__} has no parts")
        if isinstance(node.slice, ast.Slice):
            bounds = (node.slice.lower, node.slice.upper, node.slice.step)
            return whole[slice(*(None if bound is None else self.value(bound) for bound in bounds))]
        return whole[self.value(node.slice)]

    def _call(self, node: ast.Call) -> Any:
        name = dotted(node.func) or ""
        if name == "isinstance":
            return isinstance(self.value(node.args[0]), types_of(node.args[1]))
        args = [self.value(argument) for argument in node.args]
        if name == "round" and any(abs(digits) > 300 for digits in args[1:] if type(digits) is int):
            raise NotReadable("rounding to many digits")
        return FUNCTIONS[name](*args, **{str(keyword.arg): self.value(keyword.value) for keyword in node.keywords})


def size_of(value: Any) -> int:
    """How many values a plain value holds, itself included; a text counts its characters."""
    if type(value) is str:
        return 1 + len(value)
    if type(value) is dict:
        return 1 + sum(size_of(key) + size_of(part) for key, part in value.items())
    return 1 + sum(map(size_of, value)) if type(value) in (list, tuple, set, frozenset) else 1


def _given(result: CallResult) -> Any:
    """What a call gave.

    Raises:
        CallRaised: It raised.
        NotPlain: It gave an object that is no plain value.
    """
    if result.status == "raised":
        raise CallRaised(result.error)
    if result.status == "unencodable":
        raise NotPlain(result.error)
    return result.value


def _bounded(op: ast.operator, left: Any, right: Any) -> None:
    """Refuses arithmetic whose result could be large.

    Raises:
        NotReadable: It could.
    """
    if type(left) not in (bool, int) or type(right) not in (bool, int):
        return
    bits = int(left).bit_length(), int(right).bit_length()
    if isinstance(op, ast.Pow) and bits[0] * abs(right) > MAX_BITS:
        raise NotReadable("a large power")
    if isinstance(op, ast.Mult) and sum(bits) > 1_000_000:
        raise NotReadable("a large product")


__all__ = ["CallRaised", "Evaluator", "size_of"]
