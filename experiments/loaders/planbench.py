"""PlanBench: plan generation in Blocksworld and Logistics. Any valid plan counts, not only the published one.

The start and the goal are read from the question itself (its last statement), so that a problem is graded by what was
asked. An answer gives its plan in words (``unstack the red block from on top of the blue block``) or in PDDL
(``(unstack red blue)``), one action a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ..families.base import Problem
from .base import PublicSet, SealedGold
from .pddl import Atom, Domain, Situation, read_domain, simulate
from .rows import Row

__all__ = ["PlanBench", "PlanGold", "plan_in", "situation_in"]

BLOCKSWORLD = """
(define (domain blocksworld)
  (:action pick-up :parameters (?x)
    :precondition (and (clear ?x) (ontable ?x) (handempty))
    :effect (and (holding ?x) (not (clear ?x)) (not (ontable ?x)) (not (handempty))))
  (:action put-down :parameters (?x)
    :precondition (holding ?x)
    :effect (and (clear ?x) (handempty) (ontable ?x) (not (holding ?x))))
  (:action stack :parameters (?x ?y)
    :precondition (and (clear ?y) (holding ?x))
    :effect (and (handempty) (clear ?x) (on ?x ?y) (not (clear ?y)) (not (holding ?x))))
  (:action unstack :parameters (?x ?y)
    :precondition (and (on ?x ?y) (clear ?x) (handempty))
    :effect (and (holding ?x) (clear ?y) (not (on ?x ?y)) (not (clear ?x)) (not (handempty)))))
"""
LOGISTICS = """
(define (domain logistics)
  (:action load-truck :parameters (?p ?v ?l)
    :precondition (and (obj ?p) (truck ?v) (location ?l) (at ?v ?l) (at ?p ?l))
    :effect (and (in ?p ?v) (not (at ?p ?l))))
  (:action load-airplane :parameters (?p ?v ?l)
    :precondition (and (obj ?p) (airplane ?v) (location ?l) (at ?v ?l) (at ?p ?l))
    :effect (and (in ?p ?v) (not (at ?p ?l))))
  (:action unload-truck :parameters (?p ?v ?l)
    :precondition (and (obj ?p) (truck ?v) (location ?l) (at ?v ?l) (in ?p ?v))
    :effect (and (at ?p ?l) (not (in ?p ?v))))
  (:action unload-airplane :parameters (?p ?v ?l)
    :precondition (and (obj ?p) (airplane ?v) (location ?l) (at ?v ?l) (in ?p ?v))
    :effect (and (at ?p ?l) (not (in ?p ?v))))
  (:action drive-truck :parameters (?v ?a ?b ?c)
    :precondition (and (truck ?v) (location ?a) (location ?b) (city ?c) (at ?v ?a) (in-city ?a ?c) (in-city ?b ?c))
    :effect (and (at ?v ?b) (not (at ?v ?a))))
  (:action fly-airplane :parameters (?v ?a ?b)
    :precondition (and (airplane ?v) (airport ?a) (airport ?b) (at ?v ?a))
    :effect (and (at ?v ?b) (not (at ?v ?a)))))
"""
_B = r"(?:the )?(\w+)(?: block)?"
_L = r"((?:location|l)[_-]?\d+[_-]\d+)"
_FACTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "blocksworld": (
        (r"the hand is empty", "handempty"),
        (r"the (\w+) block is clear", "clear"),
        (r"the (\w+) block is on the table", "ontable"),
        (r"the (\w+) block is on top of the (\w+) block", "on"),
    ),
    "logistics": (
        (r"(\w+) is an airport", "airport"),
        (r"(\w+) is at (\w+)", "at"),
        (r"(\w+) is in the city (\w+)", "in-city"),
        (r"(\w+) is in (\w+)", "in"),
    ),
}
_STEPS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "blocksworld": (
        (rf"unstack {_B} from (?:on top of )?{_B}", "unstack"),
        (rf"stack {_B} on (?:top of )?{_B}", "stack"),
        (rf"pick up {_B}", "pick-up"),
        (rf"put down {_B}", "put-down"),
    ),
    "logistics": (
        (rf"load (\w+) into (t\w+) at {_L}", "load-truck"),
        (rf"load (\w+) into (a\w+) at {_L}", "load-airplane"),
        (rf"unload (\w+) from (t\w+) at {_L}", "unload-truck"),
        (rf"unload (\w+) from (a\w+) at {_L}", "unload-airplane"),
        (rf"drive (t\w+) from {_L} to {_L} in (?:the city )?(\w+)", "drive-truck"),
        (rf"fly (a\w+) from {_L} to {_L}", "fly-airplane"),
    ),
}
_KINDS = {"p": "obj", "t": "truck", "a": "airplane", "l": "location", "c": "city"}
_LONG = re.compile(r"\b(package|truck|airplane|location|city)_([0-9]+)(?:[_-]([0-9]+))?\b")
_PDDL = re.compile(r"\(\s*([a-z][a-z-]*(?:\s+[\w-]+){1,4})\s*\)")
_LABEL = re.compile(r"^\s*(?:[-*•]|(?:step\s*)?[0-9]{1,3}\s*[.):]|action\s*:)\s*", re.IGNORECASE)
MAX_STEPS = 400


class PlanGold(SealedGold):
    """What a plan is judged by.

    Attributes:
        domain: ``blocksworld`` or ``logistics``.
        statement: The last statement of the question, which holds start and goal.
        steps: The published plan in PDDL, one action a line.
    """

    domain: str
    statement: str
    steps: str


class Read(NamedTuple):
    """A plan that was read: its actions, and the first line that is none."""

    steps: list[Atom]
    stray: str


class PlanBench(PublicSet[PlanGold]):
    """PlanBench, task 1 (Valmeekam et al. 2022, arXiv 2206.10498)."""

    name = "planbench"
    about = "plans in Blocksworld and Logistics"
    form = "json: domain, instances with query, ground_truth_plan"
    grader = "any plan that the simulator finds valid"
    pattern = "*task_1*.json"

    def problem(self, row: Row) -> Problem[PlanGold]:
        """A row as a problem."""
        query, steps = row.text("query"), row.text("ground_truth_plan")
        domain = "blocksworld" if "blocks" in query else "logistics" if "truck" in query else ""
        statement = query.rpartition("[STATEMENT]")[2]
        if not domain or situation_in(domain, statement) is None:
            raise row.error("'query' has no statement of start and goal that can be read")
        read = plan_in(domain, steps)
        if read.stray or not read.steps:
            raise row.error(f"'ground_truth_plan' has a line that is no action: {read.stray[:60]!r}")
        size = len(read.steps)
        key = f"{domain}-{row.field('instance_id', int)}"
        return Problem[PlanGold](
            public=self.public(row, query, goal="a plan that reaches the goal", size=size, key=key),
            gold=PlanGold(domain=domain, statement=statement, steps=steps),
        )

    async def grade(self, problem: Problem[PlanGold], text: str) -> bool:
        """Whether the plan in a text is valid."""
        gold = problem.gold
        situation = situation_in(gold.domain, gold.statement)
        read = plan_in(gold.domain, text)
        if situation is None or read.stray or not 0 < len(read.steps) <= MAX_STEPS:
            return False
        return simulate(domains()[gold.domain], situation, read.steps).valid

    def gold_answer(self, problem: Problem[PlanGold]) -> str:
        """The published plan."""
        return f"[PLAN]\n{problem.gold.steps}[PLAN END]"


@lru_cache(maxsize=1)
def domains() -> Mapping[str, Domain]:
    """Both domains."""
    return {"blocksworld": read_domain(BLOCKSWORLD), "logistics": read_domain(LOGISTICS)}


def _short(text: str) -> str:
    """Objects of Logistics by their short names: ``l1-0`` for ``location_1_0``."""
    return _LONG.sub(lambda m: f"{m[1][0]}{m[2]}" + (f"-{m[3]}" if m[3] else ""), text.lower())


def situation_in(domain: str, statement: str) -> Situation | None:
    """Start and goal of a statement in words; None where a part of it cannot be read."""
    found = re.search(r"initial conditions I have that,?(.+?)\.\s*My goal is to have that(.+?)\.", statement, re.DOTALL)
    if found is None:
        return None
    start, goal = (_facts(domain, part) for part in found.groups())
    if start is None or goal is None:
        return None
    if domain == "logistics":
        objects = {word for atom in start for word in atom[1:]}
        start |= {(_KINDS[name[0]], name) for name in objects if name[0] in _KINDS}
    return Situation(frozenset(start), frozenset(goal))


def _facts(domain: str, text: str) -> set[Atom] | None:
    facts: set[Atom] = set()
    for part in re.split(r",\s*|\s+and\s+", " ".join(text.split())):
        if not part:
            continue
        for pattern, name in _FACTS[domain]:
            matched = re.fullmatch(pattern, part)
            if matched:
                facts.add((name, *(_short(word) for word in matched.groups())))
                break
        else:
            return None
    return facts


def plan_in(domain: str, text: str) -> Read:
    """The plan in a text: between ``[PLAN]`` and ``[PLAN END]`` where they stand, one action a line.

    Lines before the first action and after the last may be prose; between them every line must be an action.
    """
    text = text[-100_000:]
    if "[PLAN]" in text:
        text = text.rpartition("[PLAN]")[2]
    lines = [line for line in text.partition("[PLAN END]")[0].split("\n") if line.strip(" `")]
    read = [_step(domain, line) for line in lines]
    places = [place for place, step in enumerate(read) if step is not None]
    if not places:
        return Read([], "")
    between = range(places[0], places[-1] + 1)
    stray = next((lines[place] for place in between if read[place] is None), "")
    return Read([step for step in read if step is not None], stray)


def _step(domain: str, line: str) -> Atom | None:
    line = _LABEL.sub("", line).strip(" .*`").lower()
    pddl = _PDDL.fullmatch(line)
    if pddl:
        return tuple(_short(pddl[1]).split())
    for pattern, name in _STEPS[domain]:
        matched = re.fullmatch(pattern, line)
        if matched:
            return (name, *(_short(word) for word in matched.groups()))
    return None
