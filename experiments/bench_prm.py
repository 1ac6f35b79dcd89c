"""How much faster a reward model judges many plans at once: ``python -m planneal.experiments.bench_prm``.

Plans for one problem of the arithmetic family are judged by :class:`~planneal.verifiers.prm.PRMVerifier` one after the
other and all in one call. Three kinds of plans: ``siblings`` share the question and all but their last three items
(what is proposed once the beginning stands), ``neighbours`` are what several chains propose (each changes one item,
anywhere, of one of a few incumbents), and ``strangers`` share the question alone. With ``--baseline items`` the slow
way asks for each item by itself, when it is written, as a search over steps does.

Nothing is kept between calls: the prefix cache is emptied before each plan (one by one) or once (at once), and every
verifier is new, so neither way profits from what was judged before. The scores must be equal. Times are seconds of one
process with one thread; the two ways take turns, so that a noisy machine hurts both, and ``--clock cpu`` counts the
processor's own time, which a busy machine changes less.

The model is random: times do not depend on what the weights say. On one thread of a CPU nearly all time goes into the
tokens themselves, so a batch saves what its plans share and little else.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..decoders.prm import StepScorer
from ..planner.ledger import Usage
from ..planner.notation import parse_plan
from ..planner.plan import Item, Plan
from ..planner.task import Task
from ..planner.verdicts import Assessment
from ..verifiers.prm import PRMVerifier
from .families.arithmetic import Difficulty, generate

Clock = Callable[[], float]
Slow = Callable[[StepScorer, Task, Sequence[Plan], Clock], tuple[float, list[Assessment]]]

__all__ = ["SIZES", "main", "measure", "neighbours", "scorer", "siblings", "strangers"]


class Size(NamedTuple):
    """Width and depth of a model."""

    hidden: int
    layers: int


SIZES = {"tiny": Size(32, 2), "small": Size(128, 4), "embedded": Size(256, 6), "half-billion": Size(896, 24)}


def scorer(size: Size, seed: int, device: str | None = None) -> StepScorer:
    """A random token classifier over a vocabulary of problem texts, on one thread."""
    import torch
    from transformers import LlamaConfig, LlamaForTokenClassification, PreTrainedTokenizerFast

    from ..decoders.prm_formats import TokenClassification
    from ..decoders.prm_hf import HFStepScorer
    from ..decoders.prm_load import RewardModel
    from .training.tokenizer import train_tokenizer

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=train_tokenizer(seed))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        intermediate_size=size.hidden * 11 // 4,
        num_hidden_layers=size.layers,
        num_attention_heads=max(2, size.hidden // 64),
        num_key_value_heads=2,
        max_position_embeddings=2048,
        num_labels=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    whole = LlamaForTokenClassification(config).to(device or "cpu")
    model = RewardModel.of(whole.base_model, whole.score)
    return HFStepScorer(model, tokenizer, TokenClassification(), name="random", window=0.0)


def _changed(rng: np.random.Generator, items: Sequence[Item]) -> list[Item]:
    """The items with another number in one of them (an operand appended where it has none)."""
    changed = list(items)
    place = int(rng.integers(len(items)))
    text = str(changed[place].check)
    number = str(int(rng.integers(2, 90)))
    found = re.findall(r"\d+", text)
    text = text.replace(found[-1], number) if found else f"{text} + {number}"
    changed[place] = Item(id=changed[place].id, check=text, needs=changed[place].needs)
    return changed


def neighbours(rng: np.random.Generator, gold: Plan, plans: int, chains: int = 8) -> list[Plan]:
    """What chains propose: each plan differs in one item from one of a few incumbents, which err in one to three."""
    incumbents: list[list[Item]] = []
    for _ in range(chains):
        items = list(gold.items)
        for _ in range(int(rng.integers(1, 4))):
            items = _changed(rng, items)
        incumbents.append(items)
    return [gold.with_items(_changed(rng, incumbents[number % chains])) for number in range(plans)]


def siblings(rng: np.random.Generator, gold: Plan, plans: int, own: int = 3) -> list[Plan]:
    """Plans that share all items but the last few, in which each has changes of its own."""
    made = []
    for _ in range(plans):
        items = list(gold.items)
        for _ in range(own):
            items[-own:] = _changed(rng, items[-own:])
        made.append(gold.with_items(items))
    return made


def strangers(rng: np.random.Generator, gold: Plan, plans: int) -> list[Plan]:
    """Plans that differ from their first item on: all they share is the question."""
    made = []
    for number in range(plans):
        items = list(gold.items)
        items[0] = Item(id=items[0].id, check=f"{items[0].check} + {number + 1}", needs=items[0].needs)
        made.append(gold.with_items(_changed(rng, items)))
    return made


def one_by_one(
    model: StepScorer, task: Task, plans: Sequence[Plan], clock: Clock = time.perf_counter
) -> tuple[float, list[Assessment]]:
    """Seconds and assessments of judging each plan for itself."""

    async def judge() -> tuple[float, list[Assessment]]:
        seconds, found = 0.0, []
        for plan in plans:
            await model.aclose()
            verifier = PRMVerifier(model)
            started = clock()
            found.append(await verifier.assess(task, plan))
            seconds += clock() - started
        return seconds, found

    return asyncio.run(judge())


def item_by_item(
    model: StepScorer, task: Task, plans: Sequence[Plan], clock: Clock = time.perf_counter
) -> tuple[float, list[Assessment]]:
    """Seconds of judging each beginning of every plan for itself; the whole plans' assessments, with all it cost."""

    async def judge() -> tuple[float, list[Assessment]]:
        seconds, found = 0.0, []
        for plan in plans:
            usage = Usage()
            for count in range(1, len(plan.items) + 1):
                await model.aclose()
                verifier, part = PRMVerifier(model), plan.with_items(plan.items[:count])
                started = clock()
                assessment = await verifier.assess(task, part)
                seconds += clock() - started
                usage += assessment.usage
            found.append(assessment.model_copy(update={"usage": usage}))
        return seconds, found

    return asyncio.run(judge())


def at_once(
    model: StepScorer, task: Task, plans: Sequence[Plan], clock: Clock = time.perf_counter
) -> tuple[float, list[Assessment]]:
    """Seconds and assessments of judging all plans in one call."""

    async def judge() -> tuple[float, list[Assessment]]:
        await model.aclose()
        started = clock()
        found = await PRMVerifier(model).assess_many(task, plans)
        return clock() - started, found

    return asyncio.run(judge())


def measure(
    model: StepScorer,
    task: Task,
    plans: Sequence[Plan],
    repeats: int,
    clock: Clock = time.perf_counter,
    slow: Slow = one_by_one,
) -> tuple[float, float]:
    """Prints each repeat's times; the median of how many times faster it was at once, and of how little was computed.

    Raises:
        RuntimeError: The two ways gave different scores.
    """
    at_once(model, task, plans[:4])  # warm-up: memory, imports
    ratios, shares = [], []
    for repeat in range(repeats):
        alone, expected = slow(model, task, plans, clock)
        merged, found = at_once(model, task, plans, clock)
        apart = max(_apart(one, other) for one, other in zip(expected, found, strict=True))
        if apart > 1e-5:
            raise RuntimeError(f"a score in a batch is {apart:.1e} off the score alone")
        ratios.append(alone / merged)
        shares.append(_computed(found) / _computed(expected))
        print(
            f"  run {repeat + 1}: one by one {1000 * alone:.0f} ms, at once {1000 * merged:.0f} ms, "
            f"ratio {alone / merged:.1f}; tokens computed {_computed(expected)} and {_computed(found)}; "
            f"scores apart by {apart:.0e}"
        )
    return statistics.median(ratios), statistics.median(shares)


def _apart(one: Assessment, other: Assessment) -> float:
    if one.abstained or other.abstained:
        raise RuntimeError(f"no verdict: {one.abstained or other.abstained}")
    return max(abs(verdict.score - other.verdicts[item_id].score) for item_id, verdict in one.verdicts.items())


def _computed(assessments: Sequence[Assessment]) -> int:
    usage = sum((assessment.usage for assessment in assessments), Usage())
    return usage.prompt_tokens - usage.cached_prompt_tokens


KINDS = {"siblings": siblings, "neighbours": neighbours, "strangers": strangers}
BASELINES: dict[str, Slow] = {"plans": one_by_one, "items": item_by_item}


def main(arguments: Sequence[str] | None = None) -> float:
    """Runs the benchmark from the command line and returns the median ratio of the first size and kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["embedded"])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["siblings"])
    parser.add_argument("--baseline", choices=BASELINES, default="plans", help="what the slow way judges one by one")
    parser.add_argument("--plans", type=int, default=64)
    parser.add_argument("--items", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the problem, the plans and the weights")
    parser.add_argument("--device", default=None, help="such as cuda; the CPU by default")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args(arguments)
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    problem = generate(options.seed, Difficulty(quantities=options.items + 4, needed=options.items))
    task, gold = Task(question=problem.public.question), parse_plan(problem.gold.plan)
    first: float | None = None
    for size in options.sizes:
        model = scorer(SIZES[size], options.seed, options.device)
        for kind in options.kinds:
            plans = KINDS[kind](np.random.default_rng(options.seed), gold, options.plans)
            print(f"{size} {tuple(SIZES[size])}, {options.plans} {kind} of {len(gold.items)} items")
            ratio, share = measure(model, task, plans, options.repeats, clock, BASELINES[options.baseline])
            print(f"  median: {ratio:.2f} times faster at once, {share:.0%} of the tokens computed")
            first = ratio if first is None else first
    assert first is not None
    return first


if __name__ == "__main__":
    main()
