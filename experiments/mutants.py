"""Mutants: programs that differ from one in a single place, for measuring how many wrong programs tests fail.

First an operator or a constant is changed. Only where a program has too few of these, a returned value is replaced or
negated, or the arguments of a call are swapped or cut. A mutant may still mean the same as the original.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

import numpy as np

Change = Callable[[ast.AST], None]
_GROUPS: tuple[tuple[type[ast.AST], ...], ...] = (
    (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Div, ast.Pow),
    (ast.BitAnd, ast.BitOr, ast.BitXor),
    (ast.LShift, ast.RShift),
    (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
    (ast.And, ast.Or),
    (ast.USub, ast.UAdd),
)
_OTHERS = {kind: tuple(other for other in group if other is not kind) for group in _GROUPS for kind in group}


def mutants(source: str, count: int, rng: np.random.Generator) -> list[str]:
    """Programs that differ from one in a single place, drawn without repetition.

    Args:
        source: The program.
        count: Most mutants that are wanted; a very short program has fewer.
        rng: Draws the places.
    """
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    idle = {id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    found: dict[str, None] = {}
    original = ast.unparse(tree)
    for changes_of in (_first, _second):
        places = [(i, change) for i, node in enumerate(nodes) if id(node) not in idle for change in changes_of(node)]
        for place in rng.permutation(len(places)):
            if len(found) == count:
                break
            index, change = places[int(place)]
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[index])
            text = ast.unparse(changed)
            if text != original:
                found[text] = None
    return list(found)


def _first(node: ast.AST) -> list[Change]:
    """Operators and constants."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp | ast.UnaryOp):
        return [_set("op", other()) for other in _OTHERS.get(type(node.op), ())]
    if isinstance(node, ast.Compare):
        return [_compared(place, other) for place, op in enumerate(node.ops) for other in _OTHERS[type(op)]]
    if isinstance(node, ast.Constant):
        value = node.value
        if type(value) is bool:
            return [_set("value", not value)]
        if isinstance(value, int | float):
            return [_set("value", value + 1), _set("value", value - 1)]
        if isinstance(value, str):
            return [_set("value", value + "x"), _set("value", value[1:])]
    return []


def _second(node: ast.AST) -> list[Change]:
    """Returned values and arguments."""
    if isinstance(node, ast.Return) and node.value is not None:
        return [*(_set("value", ast.Constant(value)) for value in (None, 0, "", True)), _negated]
    if isinstance(node, ast.Call) and node.args:
        return [_set("args", node.args[:-1]), _set("args", [*node.args[1::-1], *node.args[2:]])]
    return []


def _set(name: str, value: object) -> Change:
    return lambda node: setattr(node, name, value)


def _compared(place: int, other: type[ast.AST]) -> Change:
    def change(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[place] = other()  # type: ignore[call-overload]

    return change


def _negated(node: ast.AST) -> None:
    assert isinstance(node, ast.Return)
    assert node.value is not None
    node.value = ast.UnaryOp(ast.Not(), node.value)


__all__ = ["mutants"]
