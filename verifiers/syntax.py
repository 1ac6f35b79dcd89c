"""Python text as a syntax tree: parsed, never compiled or run, and bounded in size."""

from __future__ import annotations

import ast
import warnings

MAX_PROGRAM_CHARS = 100_000
"""Longest program that is looked at."""
MAX_NODES = 50_000


class NotPython(Exception):  # noqa: N818 - reads as what it states
    """The text does not parse; the message says where."""


class TooLarge(Exception):  # noqa: N818
    """The text is too long or nested too deeply to be looked at, which says nothing about it."""


def parse_program(text: str) -> ast.Module:
    """The tree of a program.

    Raises:
        NotPython: It does not parse.
        TooLarge: It is too long or nested too deeply.
    """
    tree = _parsed(text, "exec")
    assert isinstance(tree, ast.Module)
    return tree


def parse_expression(text: str) -> ast.expr:
    """The tree of one expression.

    Raises:
        NotPython: It does not parse.
        TooLarge: It is too long or nested too deeply.
    """
    tree = _parsed(text.strip(), "eval")
    assert isinstance(tree, ast.Expression)
    return tree.body


def _parsed(text: str, mode: str) -> ast.AST:
    if len(text) > MAX_PROGRAM_CHARS:
        raise TooLarge(f"{len(text)} characters, over {MAX_PROGRAM_CHARS}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape sequence is the program's business
            tree = ast.parse(text, mode=mode)
    except SyntaxError as error:
        raise NotPython(f"line {error.lineno or 1}: {error.msg}") from None
    except ValueError as error:
        raise NotPython(str(error)) from None
    except (RecursionError, MemoryError):  # the parser's own bounds on depth
        raise TooLarge("nested too deeply") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise TooLarge(f"more than {MAX_NODES} syntax nodes")
    return tree


__all__ = ["MAX_PROGRAM_CHARS", "NotPython", "TooLarge", "parse_expression", "parse_program"]
