"""Assert-style test files, as benchmarks publish them, with the cases that can be taken out of them.

An assert over calls with literal arguments becomes a case whose value is judged outside the program. What is left (a
loop, a helper, random input) can only run inside the program's process, and is trusted less.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .assertions import Assertion, assertion_of
from .readable import FUNCTIONS, NotReadable
from .syntax import NotPython, TooLarge, parse_program


@dataclass(frozen=True)
class AssertFile:
    """A test text.

    Attributes:
        text: The whole text, to be run after the program.
        setup: Text run before it.
        cases: The asserts that could be taken out, in order.
        complete: Whether these are all there is to the text, so that nothing is lost by judging them alone.
        name: What to call it in a reason.
    """

    text: str
    setup: str = ""
    cases: tuple[Assertion, ...] = field(default=(), compare=False)
    complete: bool = False
    name: str = "the test file"

    @classmethod
    def humaneval(cls, test: str, entry_point: str) -> AssertFile:
        """A file that defines ``check(candidate)``, as HumanEval's do.

        Args:
            test: The file.
            entry_point: Name of the function that is tested.
        """
        cases, complete = _checked(test, entry_point)
        return cls(text=f"{test}\n\ncheck({entry_point})\n", cases=cases, complete=complete)

    @classmethod
    def mbpp(cls, test_list: Sequence[str], setup: str = "") -> AssertFile:
        """A list of assert statements, as MBPP's rows have.

        Args:
            test_list: The statements.
            setup: Code that they rest on.
        """
        statements = [statement for text in test_list for statement in _statements(text)]
        cases, complete = _taken(statements, frozenset())
        return cls(text="\n".join(test_list) + "\n", setup=setup, cases=cases, complete=complete)


def _statements(text: str) -> list[ast.stmt]:
    try:
        return parse_program(text.strip() + "\n").body
    except (NotPython, TooLarge):
        return [ast.Raise()]  # no assert: it stays where it is


def _checked(test: str, entry_point: str) -> tuple[tuple[Assertion, ...], bool]:
    for statement in _statements(test):
        if isinstance(statement, ast.FunctionDef) and statement.name == "check" and len(statement.args.args) == 1:
            candidate = statement.args.args[0].arg
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and node.id == candidate and isinstance(node.ctx, ast.Load):
                    node.id = entry_point
            return _taken(statement.body, frozenset({candidate, entry_point}))
    return (), False


def _taken(statements: Sequence[ast.stmt], functions: frozenset[str]) -> tuple[tuple[Assertion, ...], bool]:
    """The asserts that can be judged from outside, and whether that is all the statements do."""
    found: list[Assertion] = []
    complete = True
    for statement in statements:
        if isinstance(statement, ast.Assert):
            try:
                found.append(assertion_of(statement.test, ast.unparse(statement.test)))
            except (NotReadable, TooLarge):
                complete = False
        elif not _idle(statement):
            complete = False
            if (functions | FUNCTIONS.keys()) & set(_bound(statement)):
                return (), False  # the asserts may not mean what they seem to
    return tuple(found), complete and bool(found)


def _idle(statement: ast.stmt) -> bool:
    """Whether a statement does nothing: ``pass``, a docstring, a print of a constant."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement gives another meaning."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


__all__ = ["AssertFile"]
