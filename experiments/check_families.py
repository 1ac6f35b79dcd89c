"""Checks what every problem family promises, on many fresh problems, and prints one line for each.

For each problem: it is drawn without a failure, its text is like no other's, the gold answer passes the grader, near
misses do not, the gold plan is exact, and the gold plan with an item left out is not right. On a sample the gold plan
must also pass every verifier that the family judges plans with.

Run: ``python -m planneal.experiments.check_families --family arithmetic --n 10000``
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..planner.energy import Anchor
from ..planner.notation import format_plan, parse_plan
from ..planner.stopping import solved
from .comparison import AnyProblem
from .families.base import LEVELS, Family, Split
from .families.registry import answer_text, difficulty_of, family, names
from .judging_kernel import judging_kernel

AnyFamily = Family[Any, Any]
KEPT = 3
"""How many faults of a kind are told."""


@dataclass
class Checked:
    """What one family kept of its promises at one difficulty.

    Attributes:
        family: Its name.
        difficulty: A level or a size.
        problems: How many were drawn.
        rate: Problems drawn per second of processor time.
        distinct: How many different questions there are among them.
        graded: Gold answers that were graded.
        right: Those that passed.
        near: Near misses that were graded.
        let_pass: Those that passed.
        exact: Gold plans graded exact.
        dropped: Gold plans that lacked an item.
        still_right: Those of them that were graded right.
        verified: Gold plans put before the family's verifiers.
        solved: Those that count as solved, with no item failing.
        faults: The first problems that broke a promise, with what they broke.
    """

    family: str
    difficulty: str
    problems: int = 0
    rate: float = 0.0
    distinct: int = 0
    graded: int = 0
    right: int = 0
    near: int = 0
    let_pass: int = 0
    exact: int = 0
    dropped: int = 0
    still_right: int = 0
    verified: int = 0
    solved: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        right = self.right == self.graded and self.exact == self.problems and self.solved == self.verified
        return right and self.distinct == self.problems and not self.let_pass and not self.still_right

    def fault(self, problem: AnyProblem, what: str) -> None:
        """Notes a broken promise."""
        if sum(line.startswith(what) for line in self.faults) < KEPT:
            self.faults.append(f"{what}: {problem.public.id}")


def draw(made: AnyFamily, difficulty: str, count: int, seed: int, split: Split) -> tuple[list[AnyProblem], float]:
    """Problems of seeds ``seed`` and up, and how many were drawn per second of processor time."""
    hard = difficulty_of(made, difficulty)
    started = time.process_time()
    drawn = [made.generate(seed + index, hard, split) for index in range(count)]
    return drawn, count / max(1e-9, time.process_time() - started)


def without_an_item(rng: np.random.Generator, problem: AnyProblem) -> str | None:
    """The gold plan without one of its own items, None where it has none of its own."""
    plan = parse_plan(problem.gold.plan)
    own = [item for item in plan.items if not item.locked and item.kind == "S"]
    if not own:
        return None
    gone = own[int(rng.integers(len(own)))]
    return format_plan(plan.with_items(item for item in plan.items if item is not gone))


async def passes(made: AnyFamily, problem: AnyProblem) -> bool:
    """Whether the gold plan counts as solved under the family's verifiers, with no item failing."""
    kernel = judging_kernel(made.task(problem.public), made.verifiers(problem.public))
    plan = parse_plan(problem.gold.plan)
    judged = await kernel.judge(plan, Anchor.of(plan))
    failed = any(v.outcome == "fail" for assessment in judged.assessments for v in assessment.verdicts.values())
    abstained = any(assessment.abstained is not None for assessment in judged.assessments)
    return solved(judged, kernel.exact) and not failed and not abstained


async def check(
    made: AnyFamily,
    difficulty: str,
    count: int,
    *,
    seed: int = 0,
    split: Split = Split.EVAL,
    graded: int | None = None,
    spoilt: int = 1000,
    verified: int = 100,
) -> Checked:
    """All checks of one family at one difficulty.

    Args:
        made: The family.
        difficulty: A level or a size.
        count: How many problems.
        seed: The first seed.
        split: Which half of the seed space.
        graded: How many gold answers are graded; all if None.
        spoilt: From how many problems near misses are graded and items left out.
        verified: How many gold plans are put before the verifiers.
    """
    chosen, rate = draw(made, difficulty, count, seed, split)
    found = Checked(made.name, difficulty, problems=count, rate=rate)
    found.distinct = len({problem.public.question for problem in chosen})
    for problem in chosen:
        exact = made.grade_plan(problem, problem.gold.plan).exact
        found.exact += exact
        if not exact:
            found.fault(problem, "gold plan is not exact")
    for problem in chosen[:graded]:
        right = await made.grade(problem, answer_text(problem))
        found.graded += 1
        found.right += right
        if not right:
            found.fault(problem, "gold answer is not right")
    rng = np.random.default_rng(seed)
    for problem in chosen[:spoilt]:
        await _spoil(found, made, problem, rng)
    for problem in chosen[:verified]:
        good = await passes(made, problem)
        found.verified += 1
        found.solved += good
        if not good:
            found.fault(problem, "gold plan does not verify")
    return found


async def _spoil(found: Checked, made: AnyFamily, problem: AnyProblem, rng: np.random.Generator) -> None:
    for wrong in made.wrong_answers(rng, problem):
        passed = await made.grade(problem, wrong)
        found.near += 1
        found.let_pass += passed
        if passed:
            found.fault(problem, f"wrong answer passes ({wrong[:60]!r})")
    plan = without_an_item(rng, problem)
    if plan is not None:
        right = made.grade_plan(problem, plan).right
        found.dropped += 1
        found.still_right += right
        if right:
            found.fault(problem, "plan without an item is right")


HEAD = (
    "family",
    "difficulty",
    "problems",
    "per second",
    "distinct",
    "gold right",
    "near misses refused",
    "gold plan exact",
    "lacking plans refused",
    "gold plans solved",
)


def table(rows: Iterable[Checked]) -> str:
    """The findings as a Markdown table."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for row in rows:
        cells = [
            row.family,
            row.difficulty,
            str(row.problems),
            f"{row.rate:.0f}",
            str(row.distinct),
            f"{row.right}/{row.graded}",
            f"{row.near - row.let_pass}/{row.near}",
            f"{row.exact}/{row.problems}",
            f"{row.dropped - row.still_right}/{row.dropped}",
            f"{row.solved}/{row.verified}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", default=list(names()), choices=names())
    parser.add_argument("--difficulty", nargs="+", default=list(LEVELS), help="levels or sizes")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", type=Split, default=Split.EVAL, choices=tuple(Split))
    parser.add_argument("--graded", type=int, help="gold answers to grade; all of them if not given")
    parser.add_argument("--spoilt", type=int, default=1000, help="problems to grade near misses and lacking plans of")
    parser.add_argument("--verified", type=int, default=100, help="gold plans to put before the verifiers")
    options = parser.parse_args(arguments)
    rows = []
    for name in options.family:
        for difficulty in options.difficulty:
            work = check(
                family(name),
                difficulty,
                options.n,
                seed=options.seed,
                split=options.split,
                graded=options.graded,
                spoilt=options.spoilt,
                verified=options.verified,
            )
            rows.append(asyncio.run(work))
            for fault in rows[-1].faults:
                print(f"{name} {difficulty}: {fault}", flush=True)
    print(table(rows))
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
