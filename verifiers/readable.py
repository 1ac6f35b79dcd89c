"""The small closed part of Python that assertions are read in: which parts of a syntax tree belong to it.

Literals, comparisons, ``and``/``or``/``not``, arithmetic, indexing, the functions of :data:`FUNCTIONS`, and the
program's own calls, which are marked with their places. :mod:`.evaluating` computes what is readable.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_PLACE = "planneal_place"


class NotReadable(Exception):  # noqa: N818 - reads as what it states
    """The text goes beyond what is computed here; the message names what."""


def mark(node: ast.Call, place: int) -> None:
    """Marks a node as the program's call number ``place``, so that its value is looked up, not computed."""
    setattr(node, _PLACE, place)


def place_of(node: ast.AST) -> int | None:
    """The number of the program's call that a node stands for, or None."""
    place = getattr(node, _PLACE, None)
    return place if isinstance(place, int) else None


def _is_close(a: Any, b: Any, *, rel_tol: float = 1e-9, abs_tol: float = 0.0) -> bool:
    return math.isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "dict": dict,
    "float": float,
    "frozenset": frozenset,
    "int": int,
    "len": len,
    "list": list,
    "math.isclose": _is_close,
    "math.isnan": math.isnan,
    "math.sqrt": math.sqrt,
    "max": max,
    "min": min,
    "round": round,
    "set": set,
    "sorted": sorted,
    "str": str,
    "sum": sum,
    "tuple": tuple,
}
"""Functions that mean their built-in selves; ``isinstance`` is known too."""
CONSTANTS: Mapping[str, float] = {"math.pi": math.pi, "math.e": math.e, "math.inf": math.inf, "math.nan": math.nan}
_TYPES: Mapping[str, type] = {
    kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)
}
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_SHAPES = (
    ast.Constant
    | ast.List
    | ast.Tuple
    | ast.Set
    | ast.Dict
    | ast.UnaryOp
    | ast.BoolOp
    | ast.BinOp
    | ast.Compare
    | ast.Subscript
    | ast.Slice
    | ast.expr_context
    | ast.unaryop
    | ast.boolop
    | ast.operator
    | ast.cmpop
)


def types_of(node: ast.expr) -> tuple[type, ...]:
    """The built-in types that the second argument of ``isinstance`` names.

    Raises:
        NotReadable: It names another.
    """
    parts: Sequence[ast.expr] = node.elts if isinstance(node, ast.Tuple) else (node,)
    names = [part.id if isinstance(part, ast.Name) else "" for part in parts]
    if any(name not in _TYPES for name in names):
        raise NotReadable("a type that is not built in")
    return tuple(_TYPES[name] for name in names)


def check(node: ast.AST) -> None:
    """Whether every part of an expression is one that can be computed, the program's calls being marked.

    Raises:
        NotReadable: Some part is not.
    """
    if place_of(node) is not None:
        return
    parts: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.Call):
        parts = _arguments(node)
    elif isinstance(node, ast.Attribute):
        if dotted(node) not in CONSTANTS:
            raise NotReadable(f"the attribute {node.attr:.40}")
        return
    elif isinstance(node, ast.BinOp) and not isinstance(node.op, _OPERATORS):
        raise NotReadable(f"the operator {type(node.op).__name__}")
    elif isinstance(node, ast.Compare):
        _identities(node)
    elif not isinstance(node, _SHAPES):
        raise NotReadable(f"the name {node.id:.40}" if isinstance(node, ast.Name) else type(node).__name__)
    for part in parts:
        check(part)


def _arguments(node: ast.Call) -> list[ast.expr]:
    name = dotted(node.func)
    if name == "isinstance" and len(node.args) == 2 and not node.keywords:
        types_of(node.args[1])
        return node.args[:1]
    if name not in FUNCTIONS or any(keyword.arg is None for keyword in node.keywords):
        raise NotReadable("a call of something that is no plain name")
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _identities(node: ast.Compare) -> None:
    """``is`` makes sense only against None, True and False: other values are copies when they come through a pipe."""
    sides = [node.left, *node.comparators]
    for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
        if isinstance(op, ast.Is | ast.IsNot) and not any(
            isinstance(side, ast.Constant) and (side.value is None or type(side.value) is bool)
            for side in (left, right)
        ):
            raise NotReadable("identity of values other than None, True and False")


def built_in(function: ast.expr) -> bool:
    """Whether what is called is one of the functions that are known here."""
    return dotted(function) in {*FUNCTIONS, "isinstance"}


def dotted(node: ast.expr) -> str | None:
    """``f``, or ``math.f``; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "math":
        return f"math.{node.attr}"
    return None


__all__ = ["CONSTANTS", "FUNCTIONS", "NotReadable", "built_in", "check", "dotted", "mark", "place_of", "types_of"]
