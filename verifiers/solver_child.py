"""The child of :mod:`planneal.verifiers.bounded` that has sympy: equations in, rational solutions out.

Run as a module with two arguments, bytes of memory and seconds of processor time per call. Each line in is
``{"pairs": [[left, right], ...], "unknowns": [...]}`` with expressions as :func:`encode` writes them, each line out
``{"points": [[[numerator, denominator], ...], ...], "complete": bool}``, null where there are infinitely many, or
text where it was not solved.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ..planner.expressions import Apply, Expression, Number, Symbol
from .algebra import to_sympy

_OPERATIONS = frozenset({"+", "-", "*", "/", "**", "neg"})


def encode(node: Expression) -> list[Any]:
    """An expression as JSON: ``["n", "7/2"]``, ``["s", "x"]``, ``["+", ..., ...]``."""
    if isinstance(node, Number):
        return ["n", str(node.value)]
    if isinstance(node, Symbol):
        return ["s", node.name]
    return [node.op, *map(encode, node.args)]


def decode(data: Any) -> Expression:
    """The expression that :func:`encode` wrote.

    Raises:
        ValueError: It wrote no such thing.
    """
    if not isinstance(data, list) or len(data) < 2:
        raise ValueError("an expression is a list")
    head, *rest = data
    if head == "n":
        return Number(Fraction(rest[0]))
    if head == "s" and isinstance(rest[0], str):
        return Symbol(rest[0])
    if head not in _OPERATIONS:
        raise ValueError("an operation of polynomials and their quotients was expected")
    return Apply(head, tuple(map(decode, rest)))


def solve(pairs: Sequence[tuple[Expression, Expression]], unknowns: Sequence[str]) -> dict[str, Any] | None:
    """The rational points among the real solutions, and whether that is all; None for infinitely many.

    A Groebner basis in lexicographic order is solved from its last polynomial upwards, over the rationals: at each
    level every real root is either rational, and goes on, or is counted as missing.
    """
    import sympy

    symbols = [sympy.Symbol(name, real=True) for name in unknowns]
    polynomials = []
    for left, right in pairs:
        above, _ = sympy.fraction(sympy.together(to_sympy(Apply("-", (left, right)))))
        polynomials.append(sympy.Poly(above, *symbols, domain=sympy.QQ))
    basis = sympy.groebner([p for p in polynomials if not p.is_zero], *symbols, order="lex")
    if basis.exprs == [1]:
        return {"points": [], "complete": True}
    if not basis.is_zero_dimensional:
        return None
    points: list[dict[Any, Any]] = [{}]
    complete = True
    for symbol in reversed(symbols):
        longer = []
        for point in points:
            roots, all_rational = _roots(basis, point, symbol)
            complete = complete and all_rational
            longer += [{**point, symbol: root} for root in roots]
        points = longer
    listed = [[[int(point[s].p), int(point[s].q)] for s in symbols] for point in points]
    return {"points": sorted(listed), "complete": complete}


def _roots(basis: Any, point: dict[Any, Any], symbol: Any) -> tuple[list[Any], bool]:
    """Rational values of one symbol that fit a partial point, and whether there are no other real ones."""
    import sympy

    common = None
    for expression in basis.exprs:
        put = expression.subs(point)
        if put.free_symbols == {symbol}:
            polynomial = sympy.Poly(put, symbol, domain=sympy.QQ)
            common = polynomial if common is None else common.gcd(polynomial)
        elif not put.free_symbols and put != 0:
            return [], True
    if common is None:
        return [], False
    if common.degree() < 1:
        return [], True
    rational = list(common.ground_roots())
    return rational, common.sqf_part().count_roots() == len(rational)


def _reply(line: str) -> Any:
    request = json.loads(line)
    pairs = [(decode(left), decode(right)) for left, right in request["pairs"]]
    return solve(pairs, [str(name) for name in request["unknowns"]])


def main(arguments: Sequence[str]) -> None:
    """Limits itself, says that it is ready, and answers line by line."""
    memory, seconds = int(arguments[0]), int(arguments[1])
    import resource  # not on every system, and this module is imported for its encoding, too

    import sympy  # noqa: F401 - before the first call, so that calls are quick

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    print(json.dumps(["ready"]), flush=True)
    for line in sys.stdin:
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))
        try:
            reply = _reply(line)
        except MemoryError:
            return
        except Exception as error:  # whatever sympy cannot do, in time or at all, is told and decides nothing
            reply = f"the solver gave up ({type(error).__name__})"
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])


__all__ = ["decode", "encode", "main", "solve"]
