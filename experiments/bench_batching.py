"""How much faster many problems are at once than one by one: ``python -m planneal.experiments.bench_batching``.

Each problem is a chain of two dependent calls, as in the pipeline: a plan is drafted, then the answer is decoded
after it. The same chains, with the same seeds, are run one after the other and all at once through the same local
model; between the two the prompt cache is emptied, so that neither profits from the other. The texts must be equal.
Times are wall seconds in one process, and the two ways take turns, so that a noisy machine hurts both.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

from ..decoders.base import SampleRequest
from ..decoders.embedded_backend import EmbeddedModel
from ..decoders.hf_backend import HFModel
from .families.arithmetic import Difficulty, generate

__all__ = ["chains", "main", "measure", "stand_in"]


def stand_in(seed: int) -> HFModel:
    """A random model of the embedded one's size and vocabulary, for when its weights are not there.

    It never ends a text, so every completion takes all its tokens.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from .training.tokenizer import train_tokenizer

    torch.manual_seed(seed)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=train_tokenizer(seed))
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=None,
    )
    return HFModel(LlamaForCausalLM(config), tokenizer, name="stand-in", dialect="compact")


async def chain(model: HFModel, question: str, seed: int, max_tokens: int) -> tuple[str, str, int]:
    """Drafts a plan and answers after it: the two texts and how many tokens were written."""
    options: dict[str, Any] = {"temperature": 0.7, "seed": seed, "max_tokens": max_tokens}
    plan = await model.sample(SampleRequest.of(f"{question}\nplan:\n", **options))
    answer = await model.sample(SampleRequest.of(f"{question}\nplan:\n{plan[0].text.strip()}\nanswer:\n", **options))
    return plan[0].text, answer[0].text, plan.usage.completion_tokens + answer.usage.completion_tokens


def chains(
    model: HFModel, questions: Sequence[str], max_tokens: int, *, together: bool
) -> tuple[float, list[tuple[str, str, int]]]:
    """Runs one chain per question, all at once or one by one; wall seconds and what they wrote."""

    async def run() -> list[tuple[str, str, int]]:
        tasks = [chain(model, question, seed, max_tokens) for seed, question in enumerate(questions)]
        return list(await asyncio.gather(*tasks)) if together else [await task for task in tasks]

    model.engine.prefixes.clear()
    started = time.perf_counter()
    written = asyncio.run(run())
    return time.perf_counter() - started, written


def measure(model: HFModel, questions: Sequence[str], max_tokens: int, repeats: int) -> list[float]:
    """Prints each repeat's times and returns how many times faster the problems were at once.

    Raises:
        RuntimeError: The two ways gave different texts.
    """
    chains(model, questions[:4], max_tokens, together=True)  # warm-up: memory, thread pools
    ratios = []
    for repeat in range(repeats):
        alone, one_by_one = chains(model, questions, max_tokens, together=False)
        merged, at_once = chains(model, questions, max_tokens, together=True)
        differing = sum(one != two for one, two in zip(one_by_one, at_once, strict=True))
        if differing:
            raise RuntimeError(f"{differing} of {len(questions)} problems got another text in a batch than alone")
        tokens = sum(count for _, _, count in at_once)
        ratios.append(alone / merged)
        print(
            f"run {repeat + 1}: one by one {alone:.2f} s ({tokens / alone:.0f} tokens/s), "
            f"at once {merged:.2f} s ({tokens / merged:.0f} tokens/s), ratio {alone / merged:.2f}"
        )
    return ratios


def main(arguments: Sequence[str] | None = None) -> float:
    """Runs the benchmark from the command line and returns the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="embedded", help="embedded, stand-in, or a local folder or repository")
    parser.add_argument("--problems", type=int, default=32)
    parser.add_argument("--quantities", type=int, default=8, help="size of the problems")
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the problems and of a stand-in's weights")
    options = parser.parse_args(arguments)
    if options.model == "embedded":
        model: HFModel = EmbeddedModel.open()
    elif options.model == "stand-in":
        model = stand_in(options.seed)
    else:
        model = HFModel.load(options.model)
    difficulty = Difficulty(quantities=options.quantities)
    seeds = range(options.seed, options.seed + options.problems)
    questions = [generate(seed, difficulty).public.question for seed in seeds]
    print(f"{model.name}: {model.capabilities.parameters:,} parameters, {options.problems} problems")
    ratio = statistics.median(measure(model, questions, options.max_tokens, options.repeats))
    print(f"median ratio: {ratio:.2f}")
    return ratio


if __name__ == "__main__":
    main()
