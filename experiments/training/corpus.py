"""The training text: one question and a tree of continuations for every role, in the compact dialect.

A tree's branches share the question and see their own path only, so that one encoding of the question serves them
all. Each node's `prompt` is read, its `target` is learnt, and `ends` says that the end token follows the target even
where the next node of the path goes on with something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ..families.arithmetic import ArithmeticProblem, closure
from ..families.arithmetic_answers import worked_out
from ..families.relations import Relation
from .corrupt import corrupt, gold_lines, in_turn, tolerable
from .lines import Line, Witness, draft_text, find_witnesses, plan_text, tidy
from .repair import Repairer

__all__ = ["Node", "answer_text", "answer_tree", "doubt", "draft_tree", "edit_branch", "question_text", "repair_tree"]


@dataclass(slots=True)
class Node:
    """A piece of text and what may follow it.

    Attributes:
        prompt: Text that is read only.
        target: Text that is learnt.
        ends: Whether the end token is learnt after the target.
        question: Whether the target is the question, which is learnt with a small weight.
        children: Branches; they see this node and its ancestors, and not each other.
    """

    prompt: str = ""
    target: str = ""
    ends: bool = False
    question: bool = False
    children: list[Node] = field(default_factory=list)


def question_text(problem: ArithmeticProblem) -> str:
    """The question as every prompt of the dialect begins."""
    return problem.public.question + "\n"


def answer_text(lines: Sequence[Line], target: str, truth: dict[str, Relation], cite: bool = True) -> str | None:
    """The answer that follows a plan: a claim per item as soon as its operands are known, up to the goal.

    What the plan lacks is supplied from the question, without a citation, when nothing else can be claimed.

    Returns:
        The claims, one a line; None when a value is no positive integer below a thousand, or the plan has a cycle.
    """
    values: dict[str, Fraction] = {}
    cited: dict[str, str] = {}
    rows: list[str] = []
    waiting = [(line.relation, f" [S{line.number}]" if cite else "") for line in lines if line.relation is not None]
    defined = {relation.symbol for relation, _ in waiting}
    while target not in values:
        ready = next((i for i, (r, _) in enumerate(waiting) if all(o in values for o in r.operands)), None)
        if ready is None:
            wanted = dict.fromkeys(o for r, _ in waiting for o in (*r.operands, r.symbol))
            lacking = [s for w in (*wanted, target) for s in closure(w, truth) if s not in defined]
            lacking = [s for s in lacking if all(o in values for o in truth[s].operands)]
            if not lacking:
                return None
            waiting.insert(0, (truth[lacking[0]], ""))
            defined.add(lacking[0])
            continue
        relation, cite_text = waiting.pop(ready)
        if relation.symbol in values:
            return None
        value = relation.evaluate(values)
        if value.denominator != 1 or not 0 < value < 1000:
            return None
        values[relation.symbol] = value
        # Symbols before numbers: each number is then one look at the name before it, not two looks at once.
        rows.append(f" {worked_out(relation, values)}{cite_text}\n")
        cited[relation.symbol] = cite_text
    return "".join(rows) + f"answer: {values[target]}{cited[target]}\n"


def _answer(problem: ArithmeticProblem, lines: Sequence[Line]) -> Node | None:
    text = answer_text(lines, problem.public.target, dict(problem.gold.relations))
    return None if text is None else Node("answer:\n", text, ends=True)


def _checks(rng: np.random.Generator, repairer: Repairer, lines: Sequence[Line], count: int) -> list[Node]:
    """Self-checks on false lines first, so that both answers are about as frequent."""
    readable = [line for line in lines if line.relation is not None]
    false = [line for line in readable if not repairer.true(line)][:count]
    true = [line for line in readable if repairer.true(line)]
    spare = int(rng.random() < 0.5)
    chosen = false + [true[int(i)] for i in rng.permutation(len(true))[:spare]]
    return [
        Node(f"check S{line.number}:{line.quoted}:", " no" if line in false else " yes") for line in chosen[: count + 1]
    ]


def _quiz(rng: np.random.Generator, problem: ArithmeticProblem) -> Node:
    """The start of a plan, and for every quantity the item that defines it.

    The symbol is read and only the rest of the item is learnt, so that this teaches where things stand in the
    question and says nothing about what a draft should hold.
    """
    target = problem.public.target
    node = Node(f"plan:\ngoal: how many {target}? [ {target}]\n")
    for relation in problem.gold.relations.values():
        ends = "" if relation.operands else "\n"
        prompt = f"S{int(rng.integers(1, 10))}: [ {relation.symbol} ="
        node.children.append(Node(prompt, f" {relation.expression}]{ends}"))
    return node


def draft_tree(
    rng: np.random.Generator,
    problem: ArithmeticProblem,
    answers: float = 1.0,
    quiz: float = 0.0,
    direct: float = 1.0,
    drafts: float = 1.0,
) -> Node:
    """Question, then the draft, the answer to the plan that it becomes, and the direct answer.

    Args:
        rng: Source of the choices.
        problem: The problem.
        answers: Share of the trees with the answer to the plan.
        quiz: Share of the trees with a quiz on every quantity.
        direct: Share of the trees with the direct answer.
        drafts: Share of the trees with the draft; it is there where nothing else is.
    """
    lines = gold_lines(problem)
    draft = Node("plan:\n", draft_text(problem.public.target, problem.gold.relations), ends=True)
    shown = in_turn(lines) if rng.random() < 0.35 else lines
    plan = Node("plan:\n" + plan_text(problem.public.target, shown))
    answer = _answer(problem, shown)
    chain = answer_text(lines, problem.public.target, dict(problem.gold.relations), cite=False)
    assert answer is not None
    assert chain is not None
    plan.children = [answer] if answers == 1.0 or rng.random() < answers else []
    if rng.random() < 0.1:
        plan.children += _checks(rng, Repairer.of(problem), shown, 1)
    branches = [plan] if plan.children else []
    if direct == 1.0 or rng.random() < direct:
        branches.append(Node("answer:\n", chain, ends=True))
    if quiz and rng.random() < quiz:
        branches.append(_quiz(rng, problem))
    if drafts == 1.0 or not branches or rng.random() < drafts:
        branches.insert(0, draft)
    return Node("", question_text(problem), question=True, children=branches)


def doubt(line: Line) -> Witness:
    """What a noisy judge says of a line that it believes to be wrong."""
    return Witness("doubtful", f"S{line.number} is doubtful{line.quoted}", (line.number,), line.symbol)


def _false_witness(rng: np.random.Generator, line: Line) -> Witness:
    """A witness against a false line: the low log-probability, or now and then an equality that does not hold."""
    if rng.random() < 0.8 or line.relation is None or len(line.relation.operands) != 1:
        return doubt(line)
    shown = line.relation.written(dict.fromkeys(line.relation.operands, int(rng.integers(2, 60))))
    right, wrong = rng.integers(2, 120, size=2)
    text = f"S{line.number} is false: {shown} is {right}, not {wrong}{line.quoted}"
    return Witness("false", text, (line.number,), line.symbol)


_REASONS = ("cannot read the check", "expected a number or a symbol", "no relation in the check")


def edit_branch(rng: np.random.Generator, repairer: Repairer, lines: Sequence[Line], most: int = 3) -> Node | None:
    """One to three problems with a plan and the gold edits; None when nothing is wrong with the plan."""
    found = find_witnesses(lines, repairer.target)
    weights = [1.0] * len(found)
    for line in lines:
        if line.relation is None:
            reason = _REASONS[int(rng.integers(len(_REASONS)))]
            text = f"S{line.number} is malformed: {reason}{line.quoted}"
            found.append(Witness("malformed", text, (line.number,), line.symbol))
            weights.append(2.0)
        elif not repairer.true(line):
            found.append(_false_witness(rng, line))
            weights.append(1.0)
        elif rng.random() < 0.03:
            found.append(doubt(line))
            weights.append(1.0)
        lost = [n for n in line.needs if n not in {other.number for other in lines}]
        if lost and line.relation is not None and not any(w.lines == (line.number,) for w in found):
            text = f"S{line.number} needs S{lost[0]}, not in the plan"
            found.append(Witness("unresolved", text, (line.number,), line.symbol))
            weights.append(1.0)
    if not found:
        return None
    count = min(len(found), int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15))), most)
    chosen = rng.choice(len(found), size=count, replace=False, p=np.array(weights) / sum(weights))
    if rng.random() < 0.5:
        chosen = np.sort(chosen)
    # Two items that lack the same symbol are one problem: the first that is shown stands for it.
    distinct = {
        (w.kind, w.symbol if w.kind == "undefined" else w.lines): w for w in (found[int(i)] for i in chosen[::-1])
    }
    shown = list(distinct.values())[::-1]
    prompt = "".join(f"problem: {witness.text}\n" for witness in shown) + "edit:\n"
    target = "".join(repairer.edit(witness, lines) + "\n" for witness in shown)
    return Node(prompt, target, ends=True)


def _plan_with_edits(rng: np.random.Generator, problem: ArithmeticProblem, lines: Sequence[Line]) -> Node | None:
    repairer = Repairer.of(problem)
    edits = [edit_branch(rng, repairer, lines) for _ in range(2)]
    distinct = {node.prompt: node for node in edits if node is not None}
    node = Node("plan:\n" + plan_text(problem.public.target, lines))
    node.children = [*distinct.values(), *_checks(rng, repairer, lines, 2)]
    return node


def answer_tree(rng: np.random.Generator, problem: ArithmeticProblem) -> Node:
    """Question, then a plan that is not the gold plan's text, and the answer that follows it."""
    root = Node("", question_text(problem), question=True)
    for _ in range(5):
        lines = tolerable(rng, problem)
        answer = _answer(problem, lines)
        if answer is not None:
            root.children.append(Node("plan:\n" + plan_text(problem.public.target, lines), children=[answer]))
            break
    return root


def repair_tree(rng: np.random.Generator, problem: ArithmeticProblem, sampled: Sequence[Sequence[Line]] = ()) -> Node:
    """Question, then two faulty plans with problems, edits and self-checks; or the sampled plans, where given."""
    plans = [tidy(plan) for plan in sampled] or [corrupt(rng, problem) for _ in range(2)]
    nodes = [_plan_with_edits(rng, problem, lines) for lines in plans if lines]
    return Node("", question_text(problem), question=True, children=[node for node in nodes if node is not None])
