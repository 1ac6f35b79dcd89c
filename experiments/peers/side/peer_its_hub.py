"""its_hub as its own pages use it: an OpenAI-compatible model, an algorithm, a reward model, ``ainfer``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

Job = dict[str, Any]
Scores = Callable[[Job, list[str]], list[dict[str, Any]]]
BEAM_WIDTH = 2
MOST_STEPS = 24
_FINAL = re.compile(r"^\W*(?:final\s+)?answer\W*?[:=]\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_BLOCK = re.compile(r"```.*?```", re.DOTALL)
_REFUSED = "\N{SYMBOL FOR NULL}"


def load(scores: Scores) -> Callable[[Job], dict[str, Any]]:
    """Imports the library; what runs a job.

    Raises:
        ImportError: It is not there.
    """
    import_module("its_hub")
    made = _parts(scores)
    return lambda job: asyncio.run(_run(made, job))


def said(text: str) -> str:
    """What an answer votes for: its block of code, or else its last ``answer:`` line; text that has neither, itself."""
    code = _BLOCK.findall(text)
    finals = _FINAL.findall(text)
    return str(code[-1] if code else finals[-1].strip(" *_`.").lower() if finals else text)


def _parts(scores: Scores) -> dict[str, Any]:
    """The library's parts, and what a user adds to them."""
    api: Any = import_module("its_hub.api")
    orchestrator: Any = import_module("its_hub.core.orchestrator")

    class Outcome(api.AbstractOutcomeRewardModel):  # type: ignore[misc]
        """planneal's verifiers as a reward model of whole answers."""

        def __init__(self, job: Job) -> None:
            self.job = job

        def score(self, messages: Any, **_: Any) -> Any:
            many = bool(messages) and isinstance(messages[0], list)
            texts = [talk[-1].extract_text_content() for talk in (messages if many else [messages])]
            found = [float(one["reward"]) for one in scores(self.job, texts)]
            return found if many else found[0]

        async def ascore(self, messages: Any, orchestrator: Any = None, **_: Any) -> Any:
            return await asyncio.to_thread(self.score, messages)

    class Process(api.AbstractProcessRewardModel):  # type: ignore[misc]
        """The same of answers that are not finished."""

        def __init__(self, job: Job) -> None:
            self.job = job

        def score(self, prompt_or_messages: Any, steps: list[str]) -> list[float]:
            return [float(one["reward"]) for one in scores(self.job, list(steps))]

        async def ascore(self, prompt_or_messages: Any, steps: list[str]) -> list[float]:
            return await asyncio.to_thread(self.score, prompt_or_messages, steps)

    class Paid(orchestrator.LMOrchestrator):  # type: ignore[misc]
        """Leaves out the answers that the endpoint refused, so that nobody votes for them.

        The rest is put in an order of its own: that in which answers arrive depends on the machine.
        """

        async def agenerate(self, *given: Any, **named: Any) -> Any:
            found = await super().agenerate(*given, **named)
            return sorted((one for one in found if one["content"] != _REFUSED), key=lambda one: str(one["content"]))

    return {"Outcome": Outcome, "Process": Process, "Paid": Paid}


async def _run(made: dict[str, Any], job: Job) -> dict[str, Any]:
    sampling = job["method"] in ("self_consistency", "best_of_n")
    system = [one["content"] for one in job["messages"] if one["role"] == "system"]
    prompt = "".join(one["content"] for one in job["messages"] if one["role"] != "system")
    lm = import_module("its_hub.core.lms.openai_lm").OpenAICompatibleLanguageModel(
        endpoint=job["url"],
        api_key=job["key"],
        model_name=job["model"],
        system_prompt="\n".join(system) or None,
        max_completion_tokens=job["max_tokens"],
        temperature=job["temperature"],
        replace_error_with_message=_REFUSED if sampling else None,
    )
    async with lm:
        result = await _algorithm(made, job).ainfer(lm, prompt, job["n"], return_response_only=False)
    usage = getattr(result, "usage", None)
    own = {"tokens": usage.total_tokens, "calls": usage.num_calls} if usage is not None else None
    return {"texts": [result.the_one["content"]], "own": own}


def _algorithm(made: dict[str, Any], job: Job) -> Any:
    if job["method"] == "self_consistency":
        kind = import_module("its_hub.core.algorithms.self_consistency").SelfConsistency
        return kind(said, orchestrator=made["Paid"]())
    if job["method"] == "best_of_n":
        kind = import_module("its_hub.core.algorithms.bon").BestOfN
        return kind(made["Outcome"](job), orchestrator=made["Paid"]())
    generation = import_module("its_hub.core.lms.step_generation").StepGeneration
    if job["program"]:  # a program is written in one step: its lines mean little alone
        steps = generation(max_steps=0, tokens_per_step=job["max_tokens"], temperature=job["temperature"])
    else:
        steps = generation(max_steps=MOST_STEPS, step_token="\n", stop_token="answer:", temperature=job["temperature"])
    if job["method"] == "particle_filtering":
        kind = import_module("its_hub.core.algorithms.particle_gibbs").ParticleFiltering
        return kind(steps, made["Process"](job))
    if job["method"] == "beam_search":
        kind = import_module("its_hub.core.algorithms.beam_search").BeamSearch
        return kind(steps, made["Process"](job), beam_width=BEAM_WIDTH)
    raise ValueError(f"no method {job['method']!r} of its_hub here")
