"""Benchmark: what re-judging a plan's relations costs after one edit, beside judging it from scratch.

Two shapes of plan. ``groups``: groups of nine chained definitions, two bounds and a congruence, which share no symbols,
so that an edit touches one group. ``chain``: one chain through the whole plan, edited in the middle, where
every item shares symbols with the next and nothing can be kept: the worst case. Seconds are of this process's
processor; parsing is done before the clock starts.

With ``--oracle N`` it compares N random sets of constraints on three integers from -6 to 6 with brute force instead:
how many contradictions are found, how many missed, and how many claimed where there is a solution.

Run: ``python -m planneal.experiments.bench_relations --edits 60``
"""

from __future__ import annotations

import argparse
import itertools
import statistics as stats
import time
from fractions import Fraction

import numpy as np

from ..planner.cores import refuted
from ..planner.evaluation import check_statement
from ..planner.expressions import parse_relation
from ..planner.graph import links
from ..planner.notation import parse_plan
from ..planner.plan import Plan
from ..planner.task import Task
from ..verifiers.relations import SOLVERS, RelationsVerifier

SIZES = (12, 60, 240)
TASK = Task(question="bench")


def groups_plan(items: int, edited: int = -1, number: int = 1) -> Plan:
    """Groups of twelve items; in one of them one definition may be edited.

    Args:
        items: How many items, a multiple of twelve.
        edited: The group with the edit; -1 for none.
        number: What its definition adds.
    """
    lines = ["goal: how many? [a0q8]"]
    for group in range(items // 12):
        first, names = 12 * group + 1, [f"a{group}q{place}" for place in range(9)]
        lines.append(f"S{first}: [{names[0]} = 4]")
        for place in range(1, 9):
            more = number if group == edited and place == 4 else 1
            lines.append(f"S{first + place}: [{names[place]} = {names[place - 1]} + {more}]")
        lines.append(f"C{first}: [{names[8]} > 3]")
        lines.append(f"C{first + 1}: [open{group} > {names[2]}]")
        lines.append(f"C{first + 2}: [open{group} % 3 = 1]")
    return parse_plan("\n".join(lines))


def chain_plan(items: int, number: int = 1) -> Plan:
    """One chain of definitions, edited in the middle."""
    lines = [f"goal: how many? [x{items}]", "S1: [x1 = 4]"]
    for place in range(2, items + 1):
        more = number if place == items // 2 else 1
        lines.append(f"S{place}: [x{place} = x{place - 1} + {more}]")
    return parse_plan("\n".join(lines))


def _read(plan: Plan) -> Plan:
    for item in plan.items:
        getattr(item.check, "relation", None)
    return plan


def _seconds(verifier: RelationsVerifier, plan: Plan) -> float:
    started = time.process_time()
    for item_id in (*plan.by_id, "goal"):
        verifier.scope(TASK, plan, item_id)
    return time.process_time() - started


def measure(shape: str, items: int, edits: int, rng: np.random.Generator) -> tuple[float, float]:
    """Median seconds after an edit, and from scratch, over the same edited plans."""
    kept = RelationsVerifier()
    plan = _read(groups_plan(items) if shape == "groups" else chain_plan(items))
    _seconds(kept, plan)
    after: list[float] = []
    fresh: list[float] = []
    for number in range(2, edits + 2):
        place = int(rng.integers(items // 12))
        other = _read(groups_plan(items, place, number) if shape == "groups" else chain_plan(items, number))
        edited = [new if new.check != old.check else old for old, new in zip(plan.items, other.items, strict=True)]
        plan = plan.with_items(edited)
        runs = [(after, kept), (fresh, RelationsVerifier())]
        for times, verifier in runs if number % 2 else reversed(runs):  # whoever comes first warms the new relation
            links.cache_clear()
            times.append(_seconds(verifier, plan.with_items(edited)))
    return stats.median(after), stats.median(fresh)


SHAPES = (
    *("{0} > {n}", "{0} < {n}", "{0} + {1} <= {n}", "{0} - {1} = {n}", "2 * {0} + {1} = {n}", "{0} % 3 = {k}"),
    *("{0} % {p} = {k}", "abs({0} - {1}) > {n}", "max({0}, {1}) < {n}", "{0} = if({1} > {k}, {2}, {n})"),
    *("{0} != {1}", "{0} * {1} = {n}", "floor({0} / 2) = {k}", "{0} * {0} = {n}", "{0} >= {1} * 2"),
    *("positive({0}, {1})", "0 < {0} <= {1} < {n}", "min({0}, {1}, {2}) = {k}", "{0} % 4 >= {k}"),
)
REACH = range(-6, 7)


def agreement(count: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """Contradictions found, missed, and claimed wrongly, against every point of the box."""
    found = missed = wrong = 0
    fixed = ["C90: [integer(x, y, z)]", *(f"C{91 + i}: [-6 <= {name} <= 6]" for i, name in enumerate("xyz"))]
    for _ in range(count):
        lines = []
        for number in range(1, int(rng.integers(2, 6)) + 1):
            numbers = {"n": int(rng.integers(-6, 7)), "k": int(rng.integers(3)), "p": int(rng.choice([2, 4, 5]))}
            text = str(rng.choice(SHAPES)).format(*rng.choice(list("xyz"), 3), **numbers)
            lines.append(f"C{number}: [{text}]")
        plan = parse_plan("\n".join(["goal: g", *lines, *fixed]))
        relations = [parse_relation(item.check.text) for item in plan.items if item.check is not None]
        solvable = any(
            all(
                check_statement(relation, dict(zip("xyz", point, strict=True))).outcome == "pass"
                for relation in relations
            )
            for point in itertools.product(map(Fraction, REACH), repeat=3)
        )
        told = refuted(plan.items, SOLVERS)
        found += told and not solvable
        missed += not told and not solvable
        wrong += told and solvable
    return found, missed, wrong


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--oracle", type=int, default=0)
    options = parser.parse_args()
    if options.oracle:
        found, missed, wrong = agreement(options.oracle, np.random.default_rng(options.seed))
        print(
            f"seed {options.seed}, {options.oracle} sets: {found} contradictions found, {missed} missed, {wrong} wrong"
        )
        return
    print(f"seed {options.seed}, {options.edits} edits, median milliseconds of processor time")
    print(f"{'shape':<8}{'items':>6}{'after an edit':>16}{'from scratch':>16}{'ratio':>8}")
    for shape in ("groups", "chain"):
        for items in SIZES:
            after, fresh = measure(shape, items, options.edits, np.random.default_rng(options.seed))
            print(f"{shape:<8}{items:>6}{1000 * after:>16.2f}{1000 * fresh:>16.2f}{fresh / after:>8.1f}")


if __name__ == "__main__":
    main()
