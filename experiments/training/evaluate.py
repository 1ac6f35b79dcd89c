"""Role by role, how often a model folder is right: `python -m planneal.experiments.training.evaluate --model DIR`.

Problems come from the `eval` split. Decoding is greedy and in float32. A draft is right when it determines the value
from true relations alone; an answer when its last line has the gold value; an edit when it is the gold edit to the
letter.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from ..families.arithmetic import ArithmeticProblem, Difficulty, generate, grade, grade_plan
from ..families.base import Split
from .batches import load_tokenizer
from .corpus import answer_text, doubt
from .corrupt import corrupt, gold_lines
from .export import load_exported
from .lines import Line, Witness, find_witnesses, plan_text
from .model import Llama
from .repair import Repairer
from .sampling import decode
from .wording import draft_prompt

__all__ = ["evaluate", "final_value", "main", "repair_case"]

FIRST_SEED = 1_000_000_000
"""Evaluation during development uses seeds from here on, so that reported experiments can use the small ones."""


def final_value(text: str) -> str:
    """What stands after `answer:` on the last line, citation left out; empty when there is none."""
    rows = text.strip().split("\n")
    return rows[-1].removeprefix("answer:").split("[")[0] if rows[-1].startswith("answer:") else ""


def repair_case(problem: ArithmeticProblem, rng: np.random.Generator) -> tuple[str, str]:
    """An edit prompt with one structural witness, and its gold edit."""
    repairer = Repairer.of(problem)
    while True:
        lines = corrupt(rng, problem)
        witnesses = find_witnesses(lines, problem.public.target)
        if witnesses:
            return _edit_case(problem, repairer, lines, witnesses[int(rng.integers(len(witnesses)))])


def doubt_case(problem: ArithmeticProblem, rng: np.random.Generator) -> tuple[str, str]:
    """An edit prompt that names a false item as doubtful, and its gold edit."""
    repairer = Repairer.of(problem)
    while True:
        lines = corrupt(rng, problem)
        false = [line for line in lines if line.relation is not None and not repairer.true(line)]
        if false:
            return _edit_case(problem, repairer, lines, doubt(false[int(rng.integers(len(false)))]))


def _edit_case(
    problem: ArithmeticProblem, repairer: Repairer, lines: Sequence[Line], witness: Witness
) -> tuple[str, str]:
    plan = plan_text(problem.public.target, lines)
    prompt = f"{problem.public.question}\nplan:\n{plan}problem: {witness.text}\nedit:\n"
    return prompt, repairer.edit(witness, lines)


def check_cases(problem: ArithmeticProblem, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Self-check prompts on one faulty plan, with their gold answers."""
    repairer = Repairer.of(problem)
    lines = corrupt(rng, problem)
    plan = plan_text(problem.public.target, lines)
    before = f"{problem.public.question}\nplan:\n{plan}"
    return [
        (f"{before}check S{line.number}:{line.quoted}:", " yes" if repairer.true(line) else " no")
        for line in lines
        if line.relation is not None
    ]


class _Decoder:
    """Greedy decoding of many prompts, a few at a time."""

    def __init__(self, model: Llama, tokenizer: Tokenizer, batch: int) -> None:
        self.model, self.tokenizer, self.batch = model, tokenizer, batch

    def __call__(self, prompts: Sequence[str], max_tokens: int) -> list[str]:
        out: list[str] = []
        for start in range(0, len(prompts), self.batch):
            out += decode(self.model, self.tokenizer, prompts[start : start + self.batch], max_tokens)
        return out


def _share(hits: Sequence[bool]) -> float:
    return round(float(np.mean(hits)), 4) if hits else float("nan")


def evaluate(model: Llama, tokenizer: Tokenizer, quantities: int, problems: int, batch: int = 50) -> dict[str, float]:
    """Shares of right outputs on problems of one size.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        quantities: Size of the problems.
        problems: How many.
        batch: Prompts decoded together.

    Returns:
        Shares by role; `repair_insert` and the like are shares among the edits whose gold operator that is, `doubt_...`
        the same where the problem names the false item, and `check_no` and `check_yes` those among the false and the
        true items.
    """
    run = _Decoder(model, tokenizer, batch)
    drawn = [generate(FIRST_SEED + i, Difficulty(quantities=quantities), Split.EVAL) for i in range(problems)]
    rng = np.random.default_rng(quantities)
    questions = [problem.public.question for problem in drawn]
    drafts = run([draft_prompt(problem) for problem in drawn], 400)
    grades = [grade_plan(problem.gold, text) for problem, text in zip(drawn, drafts, strict=True)]
    direct = run([f"{question}\nanswer:\n" for question in questions], 400)
    plans = [plan_text(problem.public.target, gold_lines(problem)) for problem in drawn]
    answers = run([f"{q}\nplan:\n{plan}answer:\n" for q, plan in zip(questions, plans, strict=True)], 400)
    told = [answer_text(gold_lines(p), p.public.target, dict(p.gold.relations)) for p in drawn]
    result = {
        "draft_right": _share([g.right for g in grades]),
        "draft_exact": _share([g.exact for g in grades]),
        "draft_only_lacks": _share([g.missing > 0 and not g.false for g in grades if not g.right]),
        "draft_false_items": _share([g.false > 0 for g in grades]),
        "direct": _share([grade(p.gold, final_value(t)) for p, t in zip(drawn, direct, strict=True)]),
        "answer": _share([grade(p.gold, final_value(t)) for p, t in zip(drawn, answers, strict=True)]),
        "answer_exact": _share([a == t for a, t in zip(answers, told, strict=True)]),
    }
    cases = [repair_case(problem, rng) for problem in drawn]
    edits = run([prompt for prompt, _ in cases], 60)
    kinds: dict[str, list[bool]] = defaultdict(list)
    for (_, gold), edit in zip(cases, edits, strict=True):
        kinds["repair"].append(edit == gold + "\n")
        kinds["repair_" + gold.split()[0]].append(edit == gold + "\n")
    doubts = [doubt_case(problem, rng) for problem in drawn]
    for (_, gold), edit in zip(doubts, run([prompt for prompt, _ in doubts], 60), strict=True):
        kinds["doubt_" + gold.split()[0]].append(edit == gold + "\n")
    checks = [case for problem in drawn[: max(1, problems // 4)] for case in check_cases(problem, rng)]
    for (_, gold), said in zip(checks, run([prompt for prompt, _ in checks], 1), strict=True):
        kinds["check_" + gold.strip()].append(said == gold)
    return result | {name: _share(hits) for name, hits in sorted(kinds.items())}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--quantities", type=int, nargs="+", default=[6, 10, 14, 16, 20])
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, tokenizer = load_exported(arguments.model), load_tokenizer(str(arguments.model))
    for quantities in arguments.quantities:
        found = evaluate(model, tokenizer, quantities, arguments.problems)
        print(json.dumps({"quantities": quantities, "problems": arguments.problems} | found), flush=True)


if __name__ == "__main__":
    main()
