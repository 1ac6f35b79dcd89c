"""OptiLLM's approaches as its proxy calls them, on an OpenAI client: best of n by its own judge, and PlanSearch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

Job = dict[str, Any]
Scores = Callable[[Job, list[str]], list[dict[str, Any]]]


def load(scores: Scores) -> Callable[[Job], dict[str, Any]]:
    """Imports the library; what runs a job. It has no use for rewards: it judges by the model itself, or not at all.

    Raises:
        ImportError: It is not there.
    """
    openai: Any = import_module("openai")
    approaches = {
        "best_of_n": import_module("optillm.bon").best_of_n_sampling,
        "plansearch": import_module("optillm.plansearch").plansearch,
    }
    logging.disable(logging.CRITICAL)
    return lambda job: _run(openai, approaches[job["method"]], job)


def _run(openai: Any, approach: Any, job: Job) -> dict[str, Any]:
    system = "\n".join(one["content"] for one in job["messages"] if one["role"] == "system")
    query = "".join(one["content"] for one in job["messages"] if one["role"] != "system")
    with openai.OpenAI(base_url=job["url"], api_key=job["key"], max_retries=0) as client:
        config = {"max_tokens": job["max_tokens"]}
        found, tokens = approach(system, query, client, job["model"], n=job["n"], request_config=config)
    texts = found if isinstance(found, list) else [found]
    return {"texts": [text for text in texts if not text.startswith("Error: ")], "own": {"tokens": tokens}}
