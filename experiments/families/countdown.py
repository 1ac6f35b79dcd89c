"""The family `countdown`: reach a target from given numbers. **Deceptive** on purpose: the negative control.

Distance to the target is exact and cheap, and hardly tells how far a solution is: one step before the end a plan may
stand anywhere. So refinement that follows it should win nothing here over random plans with the same verifier, and an
experiment in which it does win is to be distrusted first. Wherever the family is shown it is called deceptive.

The plan names each step (``a = 86 + 28``) and leaves its value to the answer, which ends in one expression of the given
numbers. Every way to the target counts, not the one it was drawn with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, model_validator

from ...planner.checks import RelationCheck
from ...planner.errors import ConfigError, PlanError
from ...planner.evaluation import check_statement, shown, written
from ...planner.expressions import Apply, Expression, Number, Symbol, nodes_of
from ...planner.notation import parse_plan
from ...planner.plan import Item, Plan
from ...planner.verifier import Verifier
from ...verifiers.relations import RelationsVerifier
from ...verifiers.structure import StructureVerifier
from .base import Family, Frozen, Gold, PlanGrade, Problem, PublicProblem, Split, pick
from .countdown_answers import right
from .countdown_moves import Move, drawn_moves, lines_of, random_moves
from .countdown_rules import RESULT, Results, Rules
from .countdown_verifiers import DistanceVerifier, RulesVerifier, plan_steps, plan_walk
from .countdown_wording import question

__all__ = ["FAMILY", "Countdown", "CountdownProblem", "CountdownPublic", "Difficulty", "answer_text", "problem_of"]

TRIES = 20_000


class Difficulty(Frozen):
    """How hard a problem is.

    Attributes:
        numbers: How many numbers are given.
        largest: The numbers given are from 1 to this.
        aims: The least and the largest target.
        largest_result: No result on the drawn way is larger; others may be.
        every: Whether every number must be used; else each may be used once at most.
    """

    numbers: Annotated[int, Field(ge=3, le=6)] = 4
    largest: Annotated[int, Field(ge=10, le=999)] = 50
    aims: tuple[int, int] = (10, 100)
    largest_result: Annotated[int, Field(ge=20, le=99_999)] = 999
    every: bool = True

    @model_validator(mode="after")
    def _possible(self) -> Difficulty:
        if not 1 <= self.aims[0] < self.aims[1] <= self.largest_result:
            raise ValueError("aims must be two rising numbers, from 1 to largest_result")
        return self


class CountdownPublic(PublicProblem):
    """What a method sees.

    Attributes:
        rules: The numbers, the target and what is allowed.
    """

    rules: Rules


CountdownProblem = Problem[Gold]


class Countdown(Family[Gold, Difficulty]):
    """Countdown; see the module."""

    name: ClassVar[str] = "countdown"
    about: ClassVar[str] = "reach a target from given numbers; deceptive: distance to the target misleads"
    deceptive: ClassVar[bool] = True
    levels: Mapping[str, Difficulty] = {
        "easy": Difficulty(numbers=3),
        "middle": Difficulty(numbers=4),
        "hard": Difficulty(numbers=5, largest=99, largest_result=9999),
    }

    def generate(self, seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> CountdownProblem:
        """Draws one problem; the same arguments give the same problem."""
        difficulty = difficulty or self.levels["middle"]
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=split.spawn_key))
        rules, moves = _draw(rng, difficulty)
        public = public_of(rules, f"countdown-{split}-{difficulty.numbers}-{seed}", question(rng, rules))
        return CountdownProblem(public=public, gold=Gold(plan=plan_text(rules, moves)))

    def sized(self, size: int) -> Difficulty:
        """The difficulty with this many numbers."""
        if not 3 <= size <= 6:
            raise ConfigError(f"countdown has 3 to 6 numbers, not {size}")
        return self.levels["middle"].model_copy(update={"numbers": size})

    async def grade(self, problem: CountdownProblem, text: str) -> bool:
        """Whether an answer reaches the target by the rules, in steps or in one expression; any way counts."""
        return right(rules_of(problem.public), text)

    def grade_plan(self, problem: CountdownProblem, plan: str) -> PlanGrade:
        """How good a plan is: right when its steps keep to the rules, reach the target and all it states is true."""
        try:
            read = parse_plan(plan)
        except PlanError:
            return PlanGrade(right=False, missing=1)
        rules = rules_of(problem.public)
        faults, walked = plan_walk(rules, read)
        false = sum(map(bool, faults.values())) + sum(not _holds(item, read, walked.values) for item in read.items)
        reached = walked.values.get(RESULT) == rules.aim and walked.reached(rules)
        good = reached and not false
        extra = len(read.items) - len(faults) - sum(item.locked for item in read.items)
        return PlanGrade(good, good and not extra, missing=int(not reached), false=false, extra=max(0, extra))

    def wrong_answers(self, rng: np.random.Generator, problem: CountdownProblem) -> tuple[str, ...]:
        """Near misses, wrong by construction: other numbers, a number twice, a false claim, another value, no way."""
        rules = rules_of(problem.public)
        gold = expression_of(parse_plan(problem.gold.plan))
        used, aim = written(gold), rules.aim
        other = next(n for n in range(aim + 7, aim + 99) if n not in rules.numbers)
        number = pick(rng, rules.numbers)
        return (
            f"answer: {other} - {other - aim}",
            f"answer: {used} + {number} - {number}",
            f"answer: {used} = {aim + int(rng.integers(1, 10))}",
            f"answer: {_slipped(rng, rules, gold)}",
            f"answer: {aim}",
        )

    def random_plan(self, rng: np.random.Generator, public: PublicProblem) -> Plan:
        """Random steps by the rules; only the target is left to luck."""
        rules = rules_of(public)
        return parse_plan(plan_text(rules, random_moves(rng, rules)))

    def verifiers(self, public: PublicProblem) -> list[Verifier]:
        """Structure, relations, the numbers at hand, and the deceptive distance to the target."""
        rules = rules_of(public)
        return [StructureVerifier(), RelationsVerifier(), RulesVerifier(rules), DistanceVerifier(rules)]


def rules_of(public: PublicProblem) -> Rules:
    """The rules of a problem.

    Raises:
        ConfigError: It is a problem of another family.
    """
    if not isinstance(public, CountdownPublic):
        raise ConfigError(f"{public.id} is no countdown problem")
    return public.rules


def public_of(rules: Rules, name: str, text: str) -> CountdownPublic:
    """The public part of a problem with these rules."""
    return CountdownPublic(
        id=name,
        family=Countdown.name,
        question=text,
        goal=f"make {rules.aim}",
        target=RESULT,
        constraints=(f"C1: [{RESULT} = {rules.aim}]",),
        size=len(rules.numbers),
        rules=rules,
    )


def problem_of(rules: Rules, name: str, plan: str = "") -> CountdownProblem:
    """A published puzzle as a problem, in the first wording; `plan` is the published way, where there is one."""
    return CountdownProblem(public=public_of(rules, name, question(None, rules)), gold=Gold(plan=plan))


def plan_text(rules: Rules, moves: Sequence[Move]) -> str:
    """A derivation in plan notation, the demand first."""
    lines = [f"goal: make {rules.aim} [{RESULT}]", f"C1!: [{RESULT} = {rules.aim}]"]
    for index, (relation, needs) in enumerate(lines_of(rules, moves), start=1):
        needed = f" <- {', '.join(f'S{need}' for need in needs)}" if needs else ""
        lines.append(f"S{index}: [{relation}]{needed}")
    return "\n".join(lines)


def answer_text(problem: CountdownProblem, plan: str | None = None) -> str:
    """The answer that a plan implies: each step with its values, and the whole as one expression.

    Args:
        problem: The problem.
        plan: The plan to follow, right or wrong; the gold one if None.

    Raises:
        PlanError: The plan cannot be read, or gives no result.
    """
    read = parse_plan(problem.gold.plan if plan is None else plan)
    steps, values = plan_steps(read), plan_walk(rules_of(problem.public), read)[1].values
    lines: list[str] = []
    for item_id, step in steps.items():
        if step.name not in values:
            raise PlanError(f"{item_id} gives no result")
        told = [written(step.made), written(_filled(step.made, {n: Number(v) for n, v in values.items()}))]
        lines.append(f"{' = '.join([step.name, *dict.fromkeys(told), shown(values[step.name])])} [{item_id}]")
    last = next((i for i, step in reversed(steps.items()) if step.name == RESULT), "")
    return "\n".join([*lines, f"answer: {written(expression_of(read))} [{last}]"])


def expression_of(plan: Plan) -> Expression:
    """The result of a plan as one expression of the numbers given.

    Raises:
        PlanError: The plan gives no result.
    """
    known: dict[str, Expression] = {}
    for step in plan_steps(plan).values():
        known[step.name] = _filled(step.made, known)
    if RESULT not in known:
        raise PlanError(f"no step gives {RESULT}")
    return known[RESULT]


def _filled(node: Expression, known: Mapping[str, Expression]) -> Expression:
    """An expression with symbols replaced."""
    if isinstance(node, Symbol):
        return known.get(node.name, node)
    return Apply(node.op, tuple(_filled(arg, known) for arg in node.args)) if isinstance(node, Apply) else node


def _draw(rng: np.random.Generator, difficulty: Difficulty) -> tuple[Rules, list[Move]]:
    """Draws numbers and a way until what it comes to makes a target."""
    count, (low, high) = difficulty.numbers, difficulty.aims
    least = count - 1 if difficulty.every else 2
    for _ in range(TRIES):
        draws = rng.random(4 * count - 2).tolist()
        numbers = tuple(1 + int(draw * difficulty.largest) for draw in draws[:count])
        steps = least + int(draws[count] * (count - least))
        moves = drawn_moves(draws[count + 1 : count + 1 + 3 * steps], numbers, Results.POSITIVE)
        aim = moves[-1].value
        if low <= aim <= high and aim not in numbers and _plain(moves, difficulty, numbers):
            rules = Rules(numbers=numbers, aim=int(aim), every=difficulty.every)
            return rules, _rooted(moves, count)
    raise RuntimeError(f"no problem found in {TRIES} draws for {difficulty}")


def _plain(moves: Sequence[Move], difficulty: Difficulty, numbers: Sequence[int]) -> bool:
    """Whether all results are small enough, and the last rests on every other."""
    if any(move.value > difficulty.largest_result for move in moves):
        return False
    return len(_rooted(moves, len(numbers))) == len(moves)


def _rooted(moves: Sequence[Move], count: int) -> list[Move]:
    """The moves that the last one rests on, each before what uses it, depth first with operands from left to right."""
    places: dict[int, int] = {}
    ordered: list[Move] = []

    def visit(place: int) -> None:
        if place < count or place in places:
            return
        move = moves[place - count]
        visit(move.left)
        visit(move.right)
        places[place] = count + len(ordered)
        left, right = (places.get(operand, operand) for operand in (move.left, move.right))
        ordered.append(move._replace(left=left, right=right))

    visit(count + len(moves) - 1)
    return ordered


def _slipped(rng: np.random.Generator, rules: Rules, gold: Expression) -> str:
    """The gold expression with a number that is not given in place of one that is."""
    used = [int(node.value) for node in nodes_of(gold) if isinstance(node, Number)]
    given = pick(rng, used)
    stranger = next(n for n in range(given + 1, given + 20) if n not in rules.numbers)
    return written(_swapped(gold, given, stranger)[0])


def _swapped(node: Expression, given: int, stranger: int) -> tuple[Expression, bool]:
    """The first place of a number replaced, and whether there was one."""
    if isinstance(node, Number):
        return (Number(type(node.value)(stranger)), True) if node.value == given else (node, False)
    if not isinstance(node, Apply):
        return node, False
    args: list[Expression] = []
    done = False
    for arg in node.args:
        new, found = (arg, False) if done else _swapped(arg, given, stranger)
        done = done or found
        args.append(new)
    return Apply(node.op, tuple(args)), done


def _holds(item: Item, plan: Plan, values: Mapping[str, Fraction]) -> bool:
    """Whether what an item asserts holds at the plan's values; steps are judged elsewhere."""
    if item.kind == "S" and item.id in plan_steps(plan):
        return True
    if not isinstance(item.check, RelationCheck):
        return True
    relation = item.check.relation
    if isinstance(relation, Exception):
        return False
    return check_statement(relation, values).outcome == "pass"


FAMILY = Countdown()
