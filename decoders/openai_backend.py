"""Any OpenAI-compatible endpoint as a :class:`~planneal.decoders.base.LanguageModel`.

The client's own retries are off; :mod:`planneal.decoders.retries` decides. What an endpoint ignores is made up for
and told: too few choices are topped up with further requests, stop strings are cut off here, a refused field is left
out from then on. What cannot be made up for (log-probabilities, a repeatable seed) is stated in ``capabilities``.

**What is counted.** ``calls`` are requests that were answered, ``retries`` requests that were not, the last one of
a sample that failed included; together they are what reached the endpoint. Tokens are the endpoint's own count, or
an estimate marked as one. ``flops`` stay 0 unless ``capabilities.parameters`` was given.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..planner.errors import ConfigError
from ..planner.ledger import Usage
from .base import Capabilities, Completion, LanguageModel, Message, SampleRequest, Samples
from .clients import Clients, check_base_url, is_loopback, open_client
from .faults import Endpoint, Failure
from .quirks import Quirks
from .retries import Effort, RetryPolicy, persist, spending_bound
from .wire import Malformed, Reply, read_reply

if TYPE_CHECKING:
    import httpx2

OPENAI_URL = "https://api.openai.com/v1"
_log = logging.getLogger(__name__)


class OpenAIModel(LanguageModel):
    """A model behind ``/chat/completions``.

    Safe to use from several tasks of one event loop, and from several loops one after another.

    Args:
        model: The endpoint's name for the model.
        base_url: Where the endpoint is; by default ``OPENAI_BASE_URL``, else OpenAI's own.
        api_key: The key; by default ``OPENAI_API_KEY``. An endpoint on this machine needs none.
        timeout: Seconds for one request, from sending to the last byte of the answer.
        policy: How persistently a failed request is tried again.
        parallel: Requests in flight at once within one sample, where choices must be topped up.
        capabilities: What is known of the endpoint already, for instance a doctor's report.
        transport: Replaces the network, for tests.

    Raises:
        ConfigError: No key for a remote endpoint, a malformed URL, an empty model name.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 120.0,
        policy: RetryPolicy | None = None,
        parallel: int = 4,
        capabilities: Capabilities | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if not model.strip():
            raise ConfigError("the model's name is empty; write openai/<name>, the name that the endpoint uses")
        url = check_base_url(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
        key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not key and not is_loopback(url.host):
            raise ConfigError(f"{url.shown} needs a key: set OPENAI_API_KEY or pass api_key")
        if not (key.isascii() and key.isprintable()):
            raise ConfigError("the key holds characters that no HTTP header can carry; copy it again")
        self.name = f"openai/{model}"
        self.model = model
        self.base_url = url.shown
        self.timeout = timeout
        self.policy = policy or RetryPolicy()
        self.capabilities = capabilities or Capabilities()
        self._parallel = max(1, parallel)
        self._endpoint = Endpoint(url.shown, model, (key,), self.policy.wall)
        self._quirks = Quirks()
        self._told: set[str] = set()
        self._template_tokens = 0
        self._partial_usage = False
        self._clients = Clients(partial(open_client, url.full, key, timeout, transport))

    def __repr__(self) -> str:
        return f"OpenAIModel({self.model!r}, base_url={self.base_url!r})"

    async def aclose(self) -> None:
        """Closes the running loop's connections; the model stays usable."""
        await self._clients.aclose()

    def prompt_bound(self, messages: Sequence[Message]) -> int:
        """An upper bound on prompt tokens, widened where the endpoint has counted more than it."""
        return super().prompt_bound(messages) + self._template_tokens

    def bound(self, request: SampleRequest) -> Usage:
        """The most that :meth:`sample` may cost with the request's ``max_attempts``, lost answers included.

        Equal to :meth:`worst_case` where ``max_attempts`` leaves no attempt to spare. It holds for an endpoint
        that keeps to ``max_tokens`` and to a template of less than 16 tokens a message; one that is seen not to
        is told of in the notes.
        """
        clean = self.worst_case(request)
        return spending_bound(clean, self._worst(request, request.n), request.max_attempts or clean.calls)

    async def sample(self, request: SampleRequest) -> Samples:
        """Draws ``request.n`` completions; with fewer from the endpoint, by more requests, each with its own seed.

        Raises:
            EndpointError: The endpoint refused: key, model name, URL or request are wrong. Told at once.
            TransientError: A failure that could have passed was still there after the last attempt.
            BadResponse: The endpoint answered with something else than completions, or with too few of them
                for ``max_attempts``.
        """
        started = self.policy.clock()
        limited = request.max_attempts is not None
        effort = Effort(max_attempts=request.max_attempts, bound=self.bound(request) if limited else None)
        replies: list[Reply] = []
        failure = await self._draw(request, effort, replies)
        flops = 2.0 * (self.capabilities.parameters or 0) * (effort.usage.tokens - effort.usage.cached_prompt_tokens)
        usage = effort.usage.model_copy(update={"seconds": self.policy.clock() - started, "flops": flops})
        if failure is not None:
            raise failure.error(usage)
        completions = tuple(choice for reply in replies for choice in reply.completions)[: request.n]
        return Samples(completions, usage, tuple(self._notes(request, replies, completions)))

    async def _draw(self, request: SampleRequest, effort: Effort, replies: list[Reply]) -> Failure | None:
        """Fills ``replies`` with at least ``request.n`` choices; the failure that prevented it, else None."""
        ask = 1 if self.capabilities.n is False else request.n
        first = await self._persist(request, effort, n=ask, draw=0)
        if isinstance(first, Failure):
            return first
        replies.append(first)
        missing = request.n - len(first.completions)
        if missing <= 0:
            return None
        gate, stopped = asyncio.Semaphore(self._parallel), asyncio.Event()

        async def top_up(draw: int) -> Reply | Failure | None:
            async with gate:
                if stopped.is_set():
                    return None
                result = await self._persist(request, effort, n=1, draw=draw)
                if isinstance(result, Failure):
                    stopped.set()
                return result

        # Requests beside a failed one run to their end: they are paid for, and must be counted.
        results = await asyncio.gather(*(top_up(request.n - missing + index) for index in range(missing)))
        replies.extend(result for result in results if isinstance(result, Reply))
        failure = next((result for result in results if isinstance(result, Failure)), None)
        if failure is None:
            return None
        got = sum(len(reply.completions) for reply in replies)
        return replace(failure, message=f"{got} of {request.n} choices came, then: {failure.message}")

    async def _persist(self, request: SampleRequest, effort: Effort, *, n: int, draw: int) -> Reply | Failure:
        def ask() -> int:
            return 1 if "n" in self._quirks.dropped else n

        async def attempt() -> Reply | Failure:
            asked = ask()
            worst = self._worst(request, asked)
            reason = effort.veto(worst)
            if reason is not None:
                return Failure(f"{self.base_url} was not asked again: {reason}", "bad", final=True)
            body = self._quirks.body(self.model, request, n=asked, draw=draw)
            effort.begin(worst)
            cost = worst.model_copy(update={"calls": 0, "retries": 1, "estimated": True})
            try:
                result = await self._post(body, request)
                if isinstance(result, Reply):
                    cost = result.usage
                elif not result.lost:
                    cost = (result.cost or Usage()).model_copy(update={"calls": 0, "retries": 1})
            finally:  # a cancelled request is charged as a lost one
                effort.end(worst, cost)
            return self._take_in(result, body, request, asked)

        return await persist(attempt, self.policy, lambda: effort.veto(self._worst(request, ask())))

    async def _post(self, body: dict[str, Any], request: SampleRequest) -> Reply | Failure:
        import httpx2
        import openai

        try:
            client = await self._clients.get()
            async with asyncio.timeout(self.timeout):
                response = await client.post("/chat/completions", cast_to=httpx2.Response, body=body)
            text = response.content.decode("utf-8", "replace")
            content_type = response.headers.get("content-type", "")
            return read_reply(text, content_type, request, partial_usage=self._partial_usage)
        except Malformed as error:
            return self._endpoint.malformed(error)
        except openai.APIStatusError as error:
            return self._endpoint.status_failure(error)
        except (openai.APIConnectionError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            return self._endpoint.connection_failure(error, self.timeout)

    def _take_in(
        self, result: Reply | Failure, body: dict[str, Any], request: SampleRequest, asked: int
    ) -> Reply | Failure:
        """Learns from one outcome what the endpoint does and refuses."""
        if isinstance(result, Failure):
            if result.refusal is None:
                return result
            learned = self._quirks.learn(result.refusal, body)
            if learned is None:
                return result
            self._tell(learned)
            if "n" in self._quirks.dropped:
                self._state(n=False)
            return replace(result, learned=learned)
        found: dict[str, bool] = {"usage": result.reported}
        if asked > 1:
            found["n"] = len(result.completions) >= asked
        if result.stop is not None and "stop" not in self._quirks.dropped:
            found["stop"] = result.stop
        if result.logprobs is not None:
            found["logprobs"] = result.logprobs
        self._state(**found)
        if result.partial == "certain":
            self._partial_usage = True
            self._tell("usage counts one choice of several: completion tokens are estimated")
        notes = [*result.notes, *self._overruns(result, request, asked)]
        return replace(result, notes=tuple(notes))

    def _overruns(self, reply: Reply, request: SampleRequest, asked: int) -> list[str]:
        if reply.usage.estimated:
            return []
        notes = {}
        bound = self.prompt_bound(request.messages)
        if reply.usage.prompt_tokens > bound:
            self._template_tokens += reply.usage.prompt_tokens - bound
            notes["prompt"] = f"{reply.usage.prompt_tokens} prompt tokens counted, at most {bound} were expected"
        allowed = max(asked, len(reply.completions)) * request.max_tokens
        if reply.usage.completion_tokens > allowed:
            notes["length"] = f"{reply.usage.completion_tokens} completion tokens counted, {allowed} were allowed"
        for key, note in notes.items():
            self._tell(key, note)
        return list(notes.values())

    def _notes(self, request: SampleRequest, replies: Sequence[Reply], completions: Sequence[Completion]) -> list[str]:
        notes = dict.fromkeys(self._quirks.notes(request))
        notes.update(dict.fromkeys(note for reply in replies for note in reply.notes))
        extra = len(replies) - 1
        if extra > 0:
            note = f"n ignored: {extra} extra call{'s' * (extra > 1)}"
            notes[note] = None
            self._tell("n ignored", f"{note}; from now on one request a choice")
        if self.capabilities.logprobs is False and (request.logprobs or request.top_logprobs):
            notes["logprobs asked for, none came"] = None
        distinct = len({completion.text for completion in completions})
        if request.n > 1 and (request.temperature or 0) > 0 and distinct < request.n:
            notes[f"identical draws: {distinct} distinct of {request.n} at temperature {request.temperature:g}"] = None
        return list(notes)

    def _state(self, **found: bool) -> None:
        if any(getattr(self.capabilities, name) != value for name, value in found.items()):
            self.capabilities = self.capabilities.model_copy(update=found)

    def _tell(self, key: str, message: str | None = None) -> None:
        """Logs a warning, once per model object."""
        if key not in self._told:
            self._told.add(key)
            _log.warning("%s at %s: %s", self.name, self.base_url, message or key)

    def _worst(self, request: SampleRequest, n: int) -> Usage:
        prompt, completion = self.prompt_bound(request.messages), n * request.max_tokens
        flops = 2.0 * (self.capabilities.parameters or 0) * (prompt + completion)
        return Usage(prompt_tokens=prompt, completion_tokens=completion, calls=1, flops=flops)
