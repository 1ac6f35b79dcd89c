"""The family `tools`: requests over a toolbox of typed functions on a small real store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from ....decoders.answerer import Observe
from ....planner.errors import ConfigError
from ....planner.notation import parse_plan
from ....planner.plan import Plan
from ....planner.verifier import Verifier
from ....verifiers.structure import StructureVerifier
from ....verifiers.tool_calls import CallLimits, DryRunVerifier, ToolCallVerifier
from ..base import LEVELS, Family, PlanGrade, Problem, PublicProblem, Split, pick
from .draw import Difficulty, ToolsGold, ToolsPublic, generate, size_of
from .grading import fresh_store, grade_text, grade_tools_plan, run
from .records import STATUSES, VERBS
from .store import GRANTS
from .structures import structures
from .telling import answer_text, observations
from .toolbox import ANSWER, GIVES, TAKES, toolbox
from .verifier import RequestVerifier

__all__ = ["FAMILY", "ToolsFamily", "answer_text", "near_plans"]

_IDS = ("order", "invoice", "shipment")


def _public(public: PublicProblem) -> ToolsPublic:
    if not isinstance(public, ToolsPublic):
        raise ConfigError(f"{public.id} is no problem of the family tools")
    return public


class ToolsFamily(Family[ToolsGold, Difficulty]):
    """Requests whose plan is a DAG of calls, and whose answer is what executing it gives."""

    name: ClassVar[str] = "tools"
    about: ClassVar[str] = "requests over typed functions on a small SQLite store; a plan is a DAG of calls under rules"
    levels: Mapping[str, Difficulty] = dict(
        zip(
            LEVELS,
            (
                Difficulty(calls=(2, 3), writes=0.2, constraints=0, spare_facts=2, spare_tools=1),
                Difficulty(),
                Difficulty(calls=(6, 9), writes=0.4, constraints=3, spare_facts=5, spare_tools=4),
            ),
            strict=True,
        )
    )

    def generate(
        self, seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL
    ) -> Problem[ToolsGold]:
        """Draws one problem; the same arguments give the same problem. The training split never draws held-out ones."""
        return generate(seed, difficulty, split)

    def sized(self, size: int) -> Difficulty:
        """Compositions of so many calls, the answer's included.

        Raises:
            ConfigError: There are none.
        """
        sizes = {size_of(structure) for structure in structures()}
        if size not in sizes:
            raise ConfigError(f"no request needs {size} calls; they need {min(sizes)} to {max(sizes)}")
        return Difficulty(calls=(size, size))

    async def grade(self, problem: Problem[ToolsGold], text: str) -> bool:
        """Whether an answer tells the right value and, where something was to be changed, exactly the right changes."""
        return grade_text(problem.gold, text)

    def grade_plan(self, problem: Problem[ToolsGold], plan: str) -> PlanGrade:
        """Executes a plan: right are its answer, the store that it leaves and its keeping to the rules."""
        return grade_tools_plan(problem, plan)

    def wrong_answers(self, rng: np.random.Generator, problem: Problem[ToolsGold]) -> tuple[str, ...]:
        """What slightly other plans give, slips of one in a number, and other changes than the right ones."""
        public, gold = _public(problem.public), problem.gold
        deeds = [f"{tool} {key}" for tool, key in gold.changes]
        found: dict[str, None] = {}
        for plan in near_plans(gold.plan):
            ran = run(public, parse_plan(plan))
            told = [f"{tool} {key}" for tool, key in ran.changes]
            if ran.value is not None:
                found[", ".join([*told, str(ran.value)])] = None
        if isinstance(gold.value, int):
            values = [str(gold.value + slip) for slip in (-10, -1, 1, 10)]
        else:
            words = [*(row.name for row in public.records.customers), *(row.city for row in public.records.customers)]
            words += [row.name for row in public.records.currencies] + [s for both in STATUSES.values() for s in both]
            values = [word for word in dict.fromkeys(words) if word != gold.value][:6]
        found |= dict.fromkeys(", ".join([*deeds, value]) for value in values)
        if deeds:
            others = [order.id for order in public.records.orders if order.id not in {key for _, key in gold.changes}]
            other = pick(rng, others)
            told = [str(gold.value), f"cancel {other}, {gold.value}", f"{', '.join(deeds)}, hold {other}, {gold.value}"]
            found |= dict.fromkeys(told)
        return tuple(text for text in found if not grade_text(gold, text))

    def random_plan(self, rng: np.random.Generator, public: PublicProblem) -> Plan:
        """Well-typed calls of the tools at hand, with constants of the request and references to earlier results."""
        problem = _public(public)
        words = re.findall(r"[a-z]+|[0-9]+", problem.question)
        constants = {kind: [word for word in words if word in known] for kind, known in _vocabulary(problem).items()}
        lines: list[str] = []
        given: dict[str, list[str]] = {}
        for _ in range(20 * problem.size):
            if len(lines) >= problem.size:
                break
            tool = problem.tools[int(rng.integers(len(problem.tools) - 1))]  # the answer comes last
            arguments = {name: _random(rng, kind, constants, given) for name, kind in TAKES[tool].items()}
            if all(arguments.values()):
                lines.append(_line(len(lines) + 1, tool, arguments))
                for field, kind in GIVES.get(tool, {}).items():
                    given.setdefault(kind, []).append(f"$S{len(lines)}" + (f".{field}" if field else ""))
        values = [ref for kind in ("number", "city", "name", "currency", "status") for ref in given.get(kind, ())]
        if values:
            lines.append(_line(len(lines) + 1, ANSWER, {"value": pick(rng, values)}))
        return parse_plan("\n".join([f"goal: {public.goal}", *public.constraints, *lines]))

    def verifiers(self, public: PublicProblem) -> list[Verifier]:
        """Structure, calls by types and locked rules, the request's own words, and the dry run on the store."""
        problem = _public(public)
        tools = toolbox(problem.tools)
        return [
            StructureVerifier(),
            ToolCallVerifier(tools, CallLimits(grants=GRANTS), executed=True),
            RequestVerifier(problem),
            DryRunVerifier(tools, lambda: fresh_store(problem), version=problem.id),
        ]

    def observe(self, public: PublicProblem) -> Observe:
        """What the calls of a plan give, by item, for the answer's prompt (`Pipeline(observe=...)`)."""
        problem = _public(public)
        return lambda task, plan: observations(problem, plan)


def _vocabulary(public: ToolsPublic) -> Mapping[str, frozenset[str]]:
    records = public.records
    return {
        "name": frozenset(row.name for row in records.customers),
        "city": frozenset(row.city for row in records.customers) | {row.city for row in records.shipments},
        "currency": frozenset(row.name for row in records.currencies),
        "status": frozenset(status for both in STATUSES.values() for status in both),
        "order": frozenset(str(row.id) for row in records.orders),
        "invoice": frozenset(str(row.id) for row in records.invoices),
        "shipment": frozenset(str(row.id) for row in records.shipments),
    }


def _random(
    rng: np.random.Generator, kind: str, constants: Mapping[str, Sequence[str]], given: Mapping[str, Sequence[str]]
) -> str:
    """An argument of a kind: mostly a result where there is one; empty where nothing fits."""
    results = [*given.get(kind, ()), *(given.get("id", ()) if kind in _IDS else ())]
    words = constants.get(kind, ())
    pool = results if results and (not words or rng.random() < 0.7) else words
    if not pool:
        return ""
    chosen = pick(rng, pool)
    return chosen if chosen.startswith("$") or kind in _IDS else f'"{chosen}"'


def _line(number: int, tool: str, arguments: Mapping[str, str]) -> str:
    steps = sorted({int(found) for value in arguments.values() for found in re.findall(r"^\$S([0-9]+)", value)})
    arrow = f" <- {', '.join(f'S{step}' for step in steps)}" if steps else ""
    return f"S{number}: [call: {tool}({', '.join(f'{name}={value}' for name, value in arguments.items())})]{arrow}"


_SWAPS = (
    *(("largest(", "smallest("), ("smallest(", "largest("), ("total(", "count("), ("count(", "total(")),
    *(("add(", "minus("), ("minus(", "add("), ("larger(", "add("), (".amount", ".id"), (".weight", ".cost")),
    *((f'"{a}"', f'"{b}"') for both in STATUSES.values() for a, b in (both, both[::-1])),
    *((f"{a}(", f"{b}(") for a in VERBS for b in VERBS if VERBS[a].noun == VERBS[b].noun and a != b),
)


def near_plans(plan: str) -> list[str]:
    """A plan with one word swapped, with a filter passed over, or without a conversion."""
    found = [plan.replace(old, new) for old, new in _SWAPS if old in plan]
    for number, status in re.findall(r"S([0-9]+): \[call: keep\(rows=\$S[0-9]+, status=(\"[a-z]+\")", plan):
        rows = re.search(rf"S{number}: \[call: keep\(rows=(\$S[0-9]+), status={status}", plan)
        assert rows is not None
        found.append(re.sub(rf"rows=\$S{number}\b", f"rows={rows[1]}", plan))
    for number, amount in re.findall(r"S([0-9]+): \[call: convert\(amount=(\$S[0-9]+(?:\.[a-z]+)?),", plan):
        found.append(re.sub(rf"\(value=\$S{number}\b\)", f"(value={amount})", plan))
    return found


FAMILY = ToolsFamily()
"""The family."""
