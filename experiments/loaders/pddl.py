"""A small simulator for PDDL without types, conditions and numbers: STRIPS, as Blocksworld and Logistics need it.

A plan is *valid* when every action's preconditions hold where it is taken and the goal holds at the end; any valid plan
counts, whatever the published one is. Texts are read by a bounded reader of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ...planner.errors import PlanError

__all__ = ["Action", "Atom", "Domain", "Outcome", "Situation", "read_domain", "read_situation", "simulate"]

MAX_CHARS = 200_000
MAX_DEPTH = 32

Atom = tuple[str, ...]
"""A fact: its predicate and its objects, in lower case."""
Tree = str | list["Tree"]


class Action(NamedTuple):
    """An action schema.

    Attributes:
        name: Its name.
        parameters: Names of its parameters, with the question marks.
        needs: What must hold before.
        adds: What holds afterwards.
        deletes: What no longer holds, unless it is added.
    """

    name: str
    parameters: tuple[str, ...]
    needs: tuple[Atom, ...]
    adds: tuple[Atom, ...]
    deletes: tuple[Atom, ...]


class Domain(NamedTuple):
    """The actions of a world, by name."""

    name: str
    actions: Mapping[str, Action]


class Situation(NamedTuple):
    """What holds at the start, and what must hold at the end."""

    start: frozenset[Atom]
    goal: frozenset[Atom]


class Outcome(NamedTuple):
    """What came of a plan.

    Attributes:
        valid: Whether every action could be taken and the goal holds.
        reason: What went wrong, empty where nothing did.
        taken: How many actions could be taken.
    """

    valid: bool
    reason: str
    taken: int


def simulate(domain: Domain, situation: Situation, plan: Sequence[Atom]) -> Outcome:
    """Takes a plan's actions one after the other, from the start."""
    state = set(situation.start)
    for taken, (name, *objects) in enumerate(plan):
        action = domain.actions.get(name)
        told = f"step {taken + 1}, ({' '.join((name, *objects))})"
        if action is None:
            return Outcome(False, f"{told}: no such action", taken)
        if len(objects) != len(action.parameters):
            return Outcome(False, f"{told}: takes {len(action.parameters)} objects", taken)
        bound = dict(zip(action.parameters, objects, strict=True))
        lacking = [atom for atom in _bound(action.needs, bound) if atom not in state]
        if lacking:
            return Outcome(False, f"{told}: ({' '.join(lacking[0])}) does not hold", taken)
        state -= set(_bound(action.deletes, bound))
        state |= set(_bound(action.adds, bound))
    unmet = sorted(situation.goal - state)
    reason = f"at the end ({' '.join(unmet[0])}) does not hold" if unmet else ""
    return Outcome(not unmet, reason, len(plan))


def _bound(atoms: Sequence[Atom], bound: Mapping[str, str]) -> Iterator[Atom]:
    return (tuple(bound.get(word, word) for word in atom) for atom in atoms)


def read_domain(text: str) -> Domain:
    """A domain from PDDL.

    Raises:
        PlanError: It is no PDDL that this reader knows.
    """
    parts = _lists(_tree(text))
    name = next((str(part[1]) for part in parts if part[:1] == ["domain"] and len(part) > 1), "")
    actions: dict[str, Action] = {}
    for part in parts:
        if part[:1] == [":action"] and len(part) % 2 == 0 and isinstance(part[1], str):
            fields = dict(zip(map(str, part[2::2]), part[3::2], strict=True))
            effects = _atoms(fields.get(":effect", []))
            words = fields.get(":parameters", [])
            actions[part[1]] = Action(
                part[1],
                tuple(word for word in words if isinstance(word, str)),
                tuple(atom for atom, holds in _atoms(fields.get(":precondition", [])) if holds),
                tuple(atom for atom, holds in effects if holds),
                tuple(atom for atom, holds in effects if not holds),
            )
    if not actions:
        raise PlanError("the domain has no actions")
    return Domain(name, actions)


def read_situation(text: str) -> Situation:
    """Start and goal from a PDDL problem.

    Raises:
        PlanError: It is no PDDL that this reader knows.
    """
    parts = {str(part[0]): part[1:] for part in _lists(_tree(text)) if part}
    if ":init" not in parts or ":goal" not in parts:
        raise PlanError("the problem has no :init or no :goal")
    start = (atom for fact in parts[":init"] for atom, _ in _atoms(fact))
    return Situation(frozenset(start), frozenset(atom for fact in parts[":goal"] for atom, _ in _atoms(fact)))


def _lists(tree: Tree) -> list[list[Tree]]:
    return [part for part in tree if isinstance(part, list)] if isinstance(tree, list) else []


def _atoms(tree: Tree) -> list[tuple[Atom, bool]]:
    """The facts of a conjunction, each with whether it is asserted.

    Raises:
        PlanError: It holds something else.
    """
    if not isinstance(tree, list):
        raise PlanError(f"{tree!r:.40} is no fact")
    if tree[:1] == ["and"]:
        return [found for part in tree[1:] for found in _atoms(part)]
    if tree[:1] == ["not"] and len(tree) == 2:
        return [(atom, not holds) for atom, holds in _atoms(tree[1])]
    if not tree:
        return []
    words = [word for word in tree if isinstance(word, str)]
    if len(words) != len(tree):
        raise PlanError("a fact holds a list")
    return [(tuple(words), True)]


def _tree(text: str) -> Tree:
    """Nested lists of words.

    Raises:
        PlanError: Parentheses do not match, or it is too large.
    """
    if len(text) > MAX_CHARS:
        raise PlanError(f"{len(text)} characters, over {MAX_CHARS}")
    stack: list[list[Tree]] = [[]]
    for word in re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text.lower())):
        if word == "(":
            if len(stack) > MAX_DEPTH:
                raise PlanError(f"nested deeper than {MAX_DEPTH}")
            stack.append([])
        elif word != ")":
            stack[-1].append(word)
        elif len(stack) == 1:
            raise PlanError("a parenthesis is closed that was never opened")
        else:
            inner = stack.pop()
            stack[-1].append(inner)
    if len(stack) > 1 or not stack[0]:
        raise PlanError("a parenthesis is open at the end")
    return stack[0][0]
