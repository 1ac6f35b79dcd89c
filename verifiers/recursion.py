"""Recursion, as far as a program's text shows it: circles in the graph of who calls whom.

A circle of plain calls is a fact. A circle through a mere mention (a function passed on, a method of some other object)
is a doubt, and so is a name that stands for two functions: then nothing is claimed either way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .code_facts import CodeFacts, Function, body_nodes, bound_names


class Recursion(NamedTuple):
    """What the text shows of recursion.

    Attributes:
        circle: Functions that call each other in a circle by plain calls, the first one again at the end; or empty.
        doubt: A function that may reach itself in a way that the text leaves open; or empty.
    """

    circle: tuple[str, ...] = ()
    doubt: str = ""


def find_recursion(facts: CodeFacts) -> Recursion:
    """The recursion in a program."""
    sure: dict[str, set[str]] = {}
    maybe: dict[str, set[str]] = {}
    for name, function in facts.functions.items():
        sure[name] = set(_plain_calls(facts, name, function))
        maybe[name] = sure[name] | set(_mentions(facts, function))
    if circle := _circle(sure):
        return Recursion(circle=circle)
    found = _circle(maybe)
    return Recursion(doubt=found[0]) if found else Recursion()


def _plain_calls(facts: CodeFacts, name: str, function: Function) -> Iterator[str]:
    """Qualified names of the functions that a function calls in plain sight."""
    hidden = bound_names(function)
    for node in body_nodes(function):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            called = node.func.id
            if called in hidden and f"{name}.{called}" not in facts.functions:
                continue  # a parameter or a variable: its value could be anything
            if (found := _resolved(facts, name, called)) is not None:
                yield found
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            owner, _, _ = name.rpartition(".")
            holder = owner if node.func.value.id in ("self", "cls") else node.func.value.id
            if f"{holder}.{node.func.attr}" in facts.functions and holder:
                yield f"{holder}.{node.func.attr}"


def _resolved(facts: CodeFacts, name: str, called: str) -> str | None:
    """The function that a bare name means inside another: the nearest one around it, class bodies left out."""
    path = name.split(".")
    while path:
        if ".".join(path) in facts.functions and (found := ".".join([*path, called])) in facts.functions:
            return found
        path.pop()
    return called if called in facts.functions else None


def _mentions(facts: CodeFacts, function: Function) -> Iterator[str]:
    """Functions that may be meant by a name, and methods that may be meant by an attribute, anywhere in a function."""
    hidden = bound_names(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id not in hidden:
            yield from (name for name in facts.functions if name.rpartition(".")[2] == node.id)
        elif isinstance(node, ast.Attribute):
            yield from (name for name in facts.functions if _is_method(facts, name) and name.endswith("." + node.attr))


def _is_method(facts: CodeFacts, name: str) -> bool:
    owner = name.rpartition(".")[0]
    return bool(owner) and owner not in facts.functions


def _circle(edges: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Some circle in a graph, its first member again at the end, or nothing (by a stack: graphs may be deep)."""
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        stack: list[tuple[str, Iterator[str]]] = []
        if start not in done:
            path, stack = [start], [(start, iter(sorted(edges[start])))]
        while stack:
            node, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                done.add(node)
                stack.pop()
                path.pop()
            elif following in path:
                return (*path[path.index(following) :], following)
            elif following in edges and following not in done:
                path.append(following)
                stack.append((following, iter(sorted(edges[following]))))
    return ()


__all__ = ["Recursion", "find_recursion"]
