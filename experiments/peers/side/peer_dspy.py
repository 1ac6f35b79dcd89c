"""DSPy as its own pages use it: a chain-of-thought module, and ``BestOfN`` or ``Refine`` around it; cache off."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

Job = dict[str, Any]
Scores = Callable[[Job, list[str]], list[dict[str, Any]]]
_INSTRUCTIONS = "Answer the question."
_UNSOLVED = 0.999
"""Keeps an answer that nothing speaks against below the threshold, as long as not all that is asked is verified."""


def load(scores: Scores) -> Callable[[Job], dict[str, Any]]:
    """Imports the library and switches its cache off; what runs a job.

    Raises:
        ImportError: It is not there.
    """
    dspy: Any = import_module("dspy")
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    return lambda job: _run(dspy, scores, job)


def _run(dspy: Any, scores: Scores, job: Job) -> dict[str, Any]:
    lm = dspy.LM(
        f"openai/{job['model']}",
        api_base=job["url"],
        api_key=job["key"],
        max_tokens=job["max_tokens"],
        temperature=job["temperature"],
        cache=False,
        num_retries=0,
    )
    told = "\n".join(one["content"] for one in job["messages"] if one["role"] == "system") or _INSTRUCTIONS
    question = "".join(one["content"] for one in job["messages"] if one["role"] != "system")

    def verified(arguments: dict[str, Any], prediction: Any) -> float:
        """How far planneal's verifiers can follow the reasoning to the answer: 1 where every demand is verified."""
        (found,) = scores(job, [_text(prediction)])
        return 1.0 if found["solved"] else _UNSOLVED * float(found["reward"])

    kind = {"best_of_n": dspy.BestOfN, "refine": dspy.Refine}[job["method"]]
    with dspy.context(lm=lm), dspy.track_usage() as tracked:
        module = dspy.ChainOfThought(dspy.Signature("question -> answer", told))
        # Attempts that the endpoint refused count as failures, and too many of them would lose the best one.
        tried = kind(module, N=job["n"], reward_fn=verified, threshold=1.0, fail_count=2 * job["n"] + 2)
        best = tried(question=question)
    own = {"tokens": sum(int(used.get("total_tokens") or 0) for used in tracked.get_total_tokens().values())}
    return {"texts": [] if best is None else [_text(best)], "own": own}


def _text(prediction: Any) -> str:
    """A prediction as an answer is written: the reasoning, then the answer's line or its block of code."""
    answer = str(prediction.answer or "").strip()
    reasoning = str(getattr(prediction, "reasoning", "") or "").strip()
    last = answer if "```" in answer or "answer:" in answer.lower() else f"answer: {answer}"
    return f"{reasoning}\n{last}" if reasoning else last
