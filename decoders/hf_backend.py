"""The ``hf`` backend: any causal language model of transformers, on CPU or GPU.

Requests of many chains that arrive together share the passes of the model, a prefix that they have in common is
computed once, and each keeps its own temperature, seed, stop strings, length and citations. torch and transformers
are imported when a model is loaded, not before.

What is counted: a prompt once per request, however many completions are drawn from it; the prompt tokens that came
out of a cache or were computed for another request apart; the end token as a completion token. FLOPs are
``2 x parameters x (uncached prompt tokens + completion tokens)``; padding is not counted.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..planner.errors import ModelError
from ..planner.ledger import Usage
from .base import Capabilities, Completion, LanguageModel, Message, SampleRequest, Samples, TokenLogprob, TokenScores
from .batching import Batcher, BatchFailed
from .hf_load import apply_template, context_length, end_tokens, load_pretrained
from .hf_tokens import TokenTable

if TYPE_CHECKING:
    from .batching import Unfinished
    from .hf_decode import Row, SampleJob
    from .hf_generate import Job, Sampled, Scored

_PARTS = 2
"""Batches are taken of so many times the rows that are decoded together, to put those of like length side by side."""


class HFModel(LanguageModel):
    """A local transformers model.

    Drawing is by temperature alone; ``top_k`` and ``top_p`` of a model's generation config are not applied, so
    that reported log-probabilities are those of the distribution that was drawn from. With the same seed a request
    gives the same text whatever else is in the batch, up to the rounding of the hardware (in half precision, two
    all but equally likely tokens can change places).

    Args:
        model: An ``AutoModelForCausalLM``; it is put in evaluation mode.
        tokenizer: Its tokenizer.
        name: What to call it in reports.
        dialect: Which prompts suit it.
        default_temperature: What a request without a temperature gets; None takes the generation config's, or 1.
        max_rows: Most completions decoded together.
        window: Seconds to wait for requests to arrive together.
        cache_tokens: Bound on the prompt tokens whose keys and values are kept between calls; 0 keeps none.
        clock: Seconds, for measuring.

    Attributes:
        engine: What runs the model; it also holds the prefixes kept between calls.

    Raises:
        ConfigError: The architecture cannot be run here.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        dialect: Literal["chat", "compact"] = "chat",
        default_temperature: float | None = None,
        max_rows: int = 64,
        window: float = 0.002,
        cache_tokens: int = 16384,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        from .hf_forward import Forward
        from .hf_generate import Engine

        model.eval()
        self.name = name
        self._tokenizer, self._clock = tokenizer, clock
        # A prompt is counted, bounded and weighed against a budget a dozen times before it is sent, beside others'.
        self._encoded = functools.lru_cache(maxsize=4096)(self._encode)
        self._ends = end_tokens(model, tokenizer)
        config = model.generation_config
        stated = getattr(config, "temperature", None) if config is not None else None
        self._temperature = default_temperature if default_temperature is not None else stated or 1.0
        self._table = TokenTable(tokenizer)
        self.engine = Engine(Forward(model), self._table, self._ends, max_rows=max_rows, cache_tokens=cache_tokens)
        self._batcher: Batcher[Job, Sampled | Scored] = Batcher(
            self._timed_run, max_rows=_PARTS * max_rows, window=window
        )
        self.capabilities = Capabilities(
            n=True,
            seed=True,
            stop=True,
            logprobs=True,
            score=True,
            usage=True,
            constrained_citations=True,
            dialect=dialect,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            context=context_length(model),
        )

    @classmethod
    def load(cls, repo_or_path: str, device: str | None = None, dtype: str | None = None, **options: Any) -> HFModel:
        """Loads a model and its tokenizer.

        Args:
            repo_or_path: A Hugging Face repository or a local folder.
            device: Such as ``cpu`` or ``cuda:0``; None takes a GPU where there is one.
            dtype: Such as ``bfloat16``; None takes float32 on a CPU and the stored type on a GPU.
            **options: Passed on to the class.

        Raises:
            MissingExtra: torch or transformers is not installed.
            ConfigError: The model cannot be loaded from there.
        """
        model, tokenizer = load_pretrained(repo_or_path, device, dtype)
        return cls(model, tokenizer, **{"name": f"hf/{repo_or_path}", **options})

    def encode_prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The prompt's tokens: through the chat template where there is one, else the contents joined.

        Raises:
            ModelError: The chat template refuses these messages, or the prompt is empty.
        """
        return self._encoded(tuple(messages))

    def _encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        if getattr(self._tokenizer, "chat_template", None):
            text, special = apply_template(self._tokenizer, messages), False
        else:
            text, special = "".join(message.content for message in messages), True
        ids = self._ids(text, special=special)
        if special and ids and ids[-1] in self._ends:
            ids.pop()  # some tokenizers close every text; a prompt is not closed
        if not ids:
            start = self._tokenizer.bos_token_id
            ids = [start] if start is not None else sorted(self._ends)[:1]
        if not ids:
            raise ModelError(f"the prompt is empty and {self.name} has no token to start with; give it some text")
        return tuple(ids)

    def encode_text(self, text: str) -> tuple[int, ...]:
        """The tokens of a text alone, nothing added.

        Raises:
            ModelError: The text is no valid Unicode.
        """
        return tuple(self._ids(text, special=False))

    def _ids(self, text: str, *, special: bool) -> list[int]:
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise ModelError(f"the text holds half a surrogate pair at character {exc.start}; remove it") from exc
        return list(self._tokenizer(text, add_special_tokens=special)["input_ids"])

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Exact prompt tokens, the chat template included."""
        return len(self.encode_prompt(messages))

    async def sample(self, request: SampleRequest) -> Samples:
        """Draws ``request.n`` completions.

        Log-probabilities are in nats, under the model's own distribution: untempered and unconstrained. They
        cover the tokens of the text; the end token, and tokens after a stop string, are left out.

        Raises:
            ModelError: The prompt leaves no room in the context, or the model failed.
        """
        job = self._sample_job(request)
        sampled = await self._answer(job)
        completions = tuple(self._completion(row) for row in sampled.rows)
        written = sum(len(row.tokens) for row in sampled.rows)
        usage = self._usage(len(job.prompt), sampled.reused, written, job.seconds)
        return Samples(completions, usage, self._notes(request, job))

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """Log-probability of each token of ``continuation`` after ``prompt``, nats, untempered.

        The prompt is tokenized alone (as for sampling) and the continuation alone, without special tokens; the
        two are concatenated. The boundary is therefore where the caller put it, even where a tokenizer would
        have merged across it. All tokens are counted as prompt tokens: nothing is generated.

        Raises:
            ModelError: The text does not fit the context, or the model failed.
        """
        from .hf_generate import ScoreJob

        messages = SampleRequest.of(prompt).messages
        head = self.encode_prompt(messages)
        tail = self.encode_text(continuation)
        if not tail:
            return TokenScores(logprobs=(), offsets=())
        self._check_room(len(head) + len(tail) - 1)
        job = ScoreJob(head, tail)
        scored = await self._answer(job)
        return TokenScores(
            logprobs=tuple(scored.logprobs),
            offsets=self._table.offsets(tail, continuation),
            usage=self._usage(len(head) + len(tail), scored.reused, 0, job.seconds),
        )

    async def aclose(self) -> None:
        """Forgets the prompt prefixes; the weights go with the object."""
        self.engine.prefixes.clear()

    def _sample_job(self, request: SampleRequest) -> SampleJob:
        from .hf_decode import SampleJob

        prompt = self.encode_prompt(request.messages)
        room = self._check_room(len(prompt))
        temperature = self._temperature if request.temperature is None else request.temperature
        return SampleJob(
            prompt=prompt,
            n=request.n,
            max_tokens=min(request.max_tokens, room),
            temperature=temperature,
            seed=request.seed,
            stop=tuple(stop.encode(errors="surrogatepass") for stop in request.stop if stop),
            allowed=request.allowed_citations,
            top=request.top_logprobs if request.logprobs else None,
        )

    def _check_room(self, length: int) -> int:
        """Tokens that still fit the context after ``length`` of them."""
        context = self.capabilities.context
        if context is None:
            return 1 << 30
        if length >= context:
            raise ModelError(
                f"{length} prompt tokens leave no room in the {context}-token context of {self.name}; "
                "shorten the task or use a model with a longer context"
            )
        return context - length

    async def _answer(self, job: Any) -> Any:
        try:
            return await self._batcher.submit(job)
        except BatchFailed as exc:
            raise ModelError(f"{self.name} failed: {type(exc.__cause__).__name__}: {exc}") from exc.__cause__

    def _timed_run(self, jobs: Sequence[Job]) -> list[Sampled | Scored | Unfinished]:
        """The batch's answers; the seconds that it took are shared equally among its jobs."""
        started = self._clock()
        answers = self.engine.run(jobs)
        share = (self._clock() - started) / len(jobs)
        for job in jobs:
            job.seconds += share
        return answers

    def _usage(self, prompt: int, reused: int, written: int, seconds: float) -> Usage:
        fresh = prompt - reused + written
        return Usage(
            prompt_tokens=prompt,
            cached_prompt_tokens=reused,
            completion_tokens=written,
            calls=1,
            seconds=seconds,
            flops=2.0 * (self.capabilities.parameters or 0) * fresh,
        )

    def _completion(self, row: Row) -> Completion:
        data = bytes(row.data if row.cut is None else row.data[: row.cut])
        logprobs = self._logprobs(row, len(data)) if row.job.top is not None else None
        return Completion(
            text=data.decode("utf-8", errors="replace"),
            finish_reason=row.finish or "other",
            tokens=len(row.tokens),
            logprobs=logprobs,
        )

    def _logprobs(self, row: Row, length: int) -> tuple[TokenLogprob, ...]:
        """The tokens that lie in the text at least in part."""
        entries, position = [], 0
        for token, logprob, top in zip(row.tokens, row.logprobs, row.top, strict=True):
            if token in self._ends or (row.cut is not None and position >= length):
                break
            alternatives: dict[str, float] = {}
            for other, value in top:  # likeliest first; two tokens of equal text keep the likelier
                alternatives.setdefault(self._table.label(other), value)
            entries.append(TokenLogprob(token=self._table.label(token), logprob=logprob, top=alternatives))
            position += len(self._table[token])
        return tuple(entries)

    @staticmethod
    def _notes(request: SampleRequest, job: SampleJob) -> tuple[str, ...]:
        if job.max_tokens < request.max_tokens:
            return (f"max_tokens {request.max_tokens} cut to {job.max_tokens}: the context ends there",)
        return ()
