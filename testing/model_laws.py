"""The laws of language models, and :func:`check_model`, which tries them on any backend."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence

from ..decoders.base import LanguageModel, Message, SampleRequest, Samples, TokenScores
from ..pipeline import run_sync
from ..planner.errors import ModelError
from .laws import Law, LawReport, Seen, judge_laws, unclaimed
from .verifier_laws import bad_usage

MODEL_LAWS: tuple[Law, ...] = (
    Law("number", "sample gives as many completions as were asked for"),
    Law("length", "no completion has more tokens than allowed", ("number",)),
    Law("stop", "no completion holds a stop string", ("number",)),
    Law("usage", "usage is finite, not negative, and has one call, the prompt and the completions in it", ("number",)),
    Law("bound", "no request costs more tokens or calls than the model's own bound on it", ("usage",)),
    Law("seeded", "a model that says it honours seeds gives the same texts for the same seed", ("number",)),
    Law("scores", "log-probabilities are at most 0, their offsets rise within the text; what cannot score raises"),
)
"""The laws, each after those it rests on."""

PROMPTS = ("Say yes.", "goal: how many wigs? [wigs]\nS1: [nuts = 4]\nEdits:", "\u05d0\u05d1 \U0001f9ee")


def check_model(make: Callable[[], LanguageModel], *, skip: Collection[str] = ()) -> LawReport:
    """Tries every law of :data:`MODEL_LAWS` on a language model; about twenty short calls.

    Args:
        make: Makes the model anew, or returns the same one where it holds no state.
        skip: Laws it does not claim.

    Raises:
        ConfigError: ``skip`` names no law.
    """
    bench = _Bench(make)
    trials = {law.name: getattr(bench, law.name) for law in MODEL_LAWS}
    idle = unclaimed(MODEL_LAWS, skip)
    return run_sync(lambda: judge_laws(make().name, MODEL_LAWS, trials, cases=len(PROMPTS), skip=idle))


class _Bench:
    """One model; a method for each law."""

    def __init__(self, make: Callable[[], LanguageModel]) -> None:
        self.make = make

    async def sampled(
        self, n: int = 2, max_tokens: int = 6, stop: Sequence[str] = ()
    ) -> AsyncGenerator[tuple[str, Samples], None]:
        """What a new model says to every prompt."""
        for number, prompt in enumerate(PROMPTS):
            request = SampleRequest.of(
                prompt, n=n, max_tokens=max_tokens, stop=tuple(stop), temperature=1.0, seed=7, max_attempts=1
            )
            yield f"prompt {number}", await self.make().sample(request)

    async def number(self) -> AsyncGenerator[Seen, None]:
        for n in (1, 3):
            async for where, samples in self.sampled(n):
                if len(list(samples)) != n:
                    yield Seen(where, f"{len(list(samples))} completions for n = {n}")

    async def length(self) -> AsyncGenerator[Seen, None]:
        for most in (1, 6):
            async for where, samples in self.sampled(max_tokens=most):
                for completion in samples:
                    if completion.tokens is not None and completion.tokens > most:
                        yield Seen(where, f"{completion.tokens} tokens where {most} were allowed")

    async def stop(self) -> AsyncGenerator[Seen, None]:
        async for _, free in self.sampled(max_tokens=32):
            for text in [completion.text for completion in free if len(completion.text) > 1]:
                word = text[len(text) // 2]
                async for where, samples in self.sampled(max_tokens=32, stop=(word,)):
                    if any(word in completion.text for completion in samples):
                        yield Seen(where, f"the stop string {word!r} is in a completion")
                return  # one stop string that the model does say is enough

    async def usage(self) -> AsyncGenerator[Seen, None]:
        async for where, samples in self.sampled():
            usage = samples.usage
            told = [completion.tokens for completion in samples]
            known = sum(tokens for tokens in told if tokens is not None)
            if (fault := bad_usage(usage)) is not None:
                yield Seen(where, fault)
            elif usage.calls < 1 or usage.prompt_tokens < 1:
                yield Seen(where, f"{usage.calls} calls and {usage.prompt_tokens} prompt tokens")
            elif None not in told and not usage.estimated and usage.completion_tokens < known:
                yield Seen(where, f"{usage.completion_tokens} completion tokens, but the completions have {known}")

    async def bound(self) -> AsyncGenerator[Seen, None]:
        for number, prompt in enumerate(PROMPTS):
            model, request = self.make(), SampleRequest.of(prompt, n=2, max_tokens=6, seed=7)
            bound, usage = model.bound(request), (await model.sample(request)).usage
            for name in ("prompt_tokens", "completion_tokens", "calls"):
                if getattr(usage, name) > getattr(bound, name):
                    yield Seen(f"prompt {number}", f"{getattr(usage, name)} {name}, bound {getattr(bound, name)}")

    async def seeded(self) -> AsyncGenerator[Seen, None]:
        if not self.make().capabilities.seed:
            return
        first = [[c.text for c in samples] async for _, samples in self.sampled()]
        second = [[c.text for c in samples] async for _, samples in self.sampled()]
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            if one != other:
                yield Seen(f"prompt {number}", f"{one!r:.80}, then {other!r:.80}")

    async def scores(self) -> AsyncGenerator[Seen, None]:
        model, text = self.make(), "S1: [nuts = 4]\nS2: [bolts = 7]"
        try:
            scores = await model.score((Message(role="user", content=PROMPTS[0]),), text)
        except ModelError as error:
            if model.capabilities.score:
                yield Seen("scoring", f"it says that it can score, and raised {error}")
            return
        for fault in _score_faults(model, scores, text):
            yield Seen("scoring", fault)


def _score_faults(model: LanguageModel, scores: TokenScores, text: str) -> Iterator[str]:
    offsets = list(scores.offsets)
    if not model.capabilities.score:
        yield "it says that it cannot score, and did"
    if len(scores.logprobs) != len(offsets):
        yield f"{len(scores.logprobs)} log-probabilities and {len(offsets)} offsets"
    if not all(math.isfinite(value) and value <= 1e-6 for value in scores.logprobs):
        yield f"log-probabilities {scores.logprobs!r:.80}"
    if offsets != sorted(offsets) or any(not 0 <= offset < len(text) for offset in offsets):
        yield f"offsets {offsets!r:.80} in a text of {len(text)} characters"


__all__ = ["MODEL_LAWS", "check_model"]
