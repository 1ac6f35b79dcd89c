"""A process reward model behind HTTP: vLLM's pooling endpoint (``POST /pooling``).

Many solutions go in one request, equal ones once; a beginning that they share is the server's to compute once (its
prefix cache). Retries, faults and errors are those of the language-model endpoints: what can pass is tried again, what
cannot is told at once, and the key appears in no message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..planner.errors import BadResponse, ConfigError, PlannealError
from ..planner.ledger import Usage
from .clients import Clients, check_base_url, open_client
from .faults import Endpoint, Failure
from .prm import Solution, StepResult, StepScorer, StepScores
from .prm_formats import Layout, StepFormat
from .prm_text import StepTokenizer
from .prm_wire import Entry, PooledReply, read_pooled, step_rows
from .retries import Effort, RetryPolicy, persist
from .tokens import estimate_tokens
from .wire import Malformed

if TYPE_CHECKING:
    import httpx2


class _Asked(NamedTuple):
    """One solution as it is sent."""

    solution: Solution
    layout: Layout | None
    body: str | list[int]
    tokens: int


class PooledStepScorer(StepScorer):
    """A served process reward model.

    Safe to use from several tasks of one event loop, and from several loops one after another.

    Args:
        model: The endpoint's name for the model.
        form: The format that the model was trained in.
        base_url: Where the server is, without ``/pooling``; vLLM serves it at the root, not under ``/v1``.
        values: What the server sends: ``probabilities`` (its activation is on) or raw ``logits``.
        tokenizer: The model's transformers tokenizer. With it tokens are sent, the separator is checked, and the server
            may return a row per token; without it text is sent, and a row per step must come back (step pooling).
        api_key: The key, if the server wants one. It is never taken from the environment.
        parameters: The model's size, for counting FLOPs; None counts none.
        timeout: Seconds for one request, from sending to the last byte of the answer.
        policy: How persistently a failed request is tried again.
        batch: Most solutions in one request.
        parallel: Most requests in flight at once.
        transport: Replaces the network, for tests.

    Raises:
        ConfigError: An empty model name, a malformed URL or key.
        SeparatorError: The tokenizer does not keep the format's separator apart.
    """

    def __init__(
        self,
        model: str,
        form: StepFormat,
        base_url: str,
        *,
        values: Literal["probabilities", "logits"] = "probabilities",
        tokenizer: Any = None,
        api_key: str = "",
        parameters: int | None = None,
        timeout: float = 120.0,
        policy: RetryPolicy | None = None,
        batch: int = 64,
        parallel: int = 4,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if not model.strip():
            raise ConfigError("the reward model's name is empty; give the name that the server uses")
        if values not in ("probabilities", "logits"):
            raise ConfigError(f"values are probabilities or logits, not {values!r}")
        url = check_base_url(base_url)
        key = api_key.strip()
        if not (key.isascii() and key.isprintable()):
            raise ConfigError("the key holds characters that no HTTP header can carry; copy it again")
        self.name = f"pooling/{model}"
        self.model = model
        self.form = form
        self.base_url = url.shown
        self.timeout = timeout
        self.policy = policy or RetryPolicy()
        self._logits = values == "logits"
        self._tokenizer = None if tokenizer is None else StepTokenizer(tokenizer)
        if self._tokenizer is not None:
            form.check(self._tokenizer)
        self._parameters = parameters or 0
        self._batch, self._parallel = max(1, batch), max(1, parallel)
        self._endpoint = Endpoint(url.shown, model, (key,), self.policy.wall, "step scores")
        self._clients = Clients(partial(open_client, url.full, key, timeout, transport))

    def __repr__(self) -> str:
        return f"PooledStepScorer({self.model!r}, base_url={self.base_url!r})"

    async def aclose(self) -> None:
        """Closes the running loop's connections; the scorer stays usable."""
        await self._clients.aclose()

    def bound(self, solution: Solution) -> Usage:
        """Every attempt that the policy allows, as if each had been computed and then lost."""
        try:
            tokens = self._ask(solution).tokens
        except PlannealError:  # it will not be sent either
            return Usage()
        tokens *= self.policy.attempts
        return Usage(prompt_tokens=tokens, calls=self.policy.attempts, flops=2.0 * self._parameters * tokens)

    async def score(self, solutions: Sequence[Solution]) -> list[StepResult]:
        """Scores solutions in as few requests as ``batch`` allows; a solution that occurs again costs nothing."""
        results: dict[Solution, StepResult] = {}
        sent: list[_Asked] = []
        for solution in dict.fromkeys(solutions):
            try:
                sent.append(self._ask(solution))
            except PlannealError as error:
                results[solution] = error
        gate = asyncio.Semaphore(self._parallel)

        async def send(part: Sequence[_Asked]) -> list[StepResult]:
            async with gate:
                return await self._request(part)

        parts = [sent[start : start + self._batch] for start in range(0, len(sent), self._batch)]
        for part, found in zip(parts, await asyncio.gather(*map(send, parts)), strict=True):
            results.update({asked.solution: result for asked, result in zip(part, found, strict=True)})
        return [_once(results, solution) for solution in solutions]

    def _ask(self, solution: Solution) -> _Asked:
        if self._tokenizer is None:
            text = self.form.text(solution)
            # Where the server counts for itself, a byte a token is the only bound that always holds.
            return _Asked(solution, None, text, len(text.encode("utf-8", "replace")) + 16)
        layout = self.form.layout(self._tokenizer, solution)
        return _Asked(solution, layout, list(layout.ids), len(layout.ids))

    async def _request(self, part: Sequence[_Asked]) -> list[StepResult]:
        """One request with its retries: a result for each of its solutions."""
        started = self.policy.clock()
        effort = Effort(max_attempts=None, bound=None)
        bound = sum(asked.tokens for asked in part)
        worst = Usage(prompt_tokens=bound, calls=1)
        lost = Usage(prompt_tokens=bound, retries=1, estimated=True)
        guess = sum(estimate_tokens(a.body) if isinstance(a.body, str) else a.tokens for a in part)

        async def attempt() -> PooledReply | Failure:
            effort.begin(worst)
            cost = lost
            try:
                result = await self._post(part, guess)
                if isinstance(result, PooledReply):
                    cost = result.usage
                elif not result.lost:
                    cost = (result.cost or Usage()).model_copy(update={"calls": 0, "retries": 1})
            finally:  # a cancelled request is charged as a lost one
                effort.end(worst, cost)
            return result

        reply = await persist(attempt, self.policy)
        computed = effort.usage.prompt_tokens - effort.usage.cached_prompt_tokens
        spent = effort.usage.model_copy(
            update={"seconds": self.policy.clock() - started, "flops": 2.0 * self._parameters * computed}
        )
        if isinstance(reply, Failure):
            return [reply.error(spent if place == 0 else Usage()) for place in range(len(part))]
        shares = _shared(spent, [asked.tokens for asked in part])
        return [self._read(*one) for one in zip(part, reply.entries, shares, strict=True)]

    async def _post(self, part: Sequence[_Asked], guess: int) -> PooledReply | Failure:
        import httpx2
        import openai

        body = {"model": self.model, "input": [asked.body for asked in part]}
        try:
            client = await self._clients.get()
            async with asyncio.timeout(self.timeout):
                response = await client.post("/pooling", cast_to=httpx2.Response, body=body)
            text = response.content.decode("utf-8", "replace")
            return read_pooled(text, response.headers.get("content-type", ""), len(part), guess)
        except Malformed as error:
            return self._endpoint.malformed(error)
        except openai.APIStatusError as error:
            return self._endpoint.status_failure(error)
        except (openai.APIConnectionError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            return self._endpoint.connection_failure(error, self.timeout)

    def _read(self, asked: _Asked, entry: Entry, usage: Usage) -> StepResult:
        try:
            if isinstance(entry, BadResponse):
                raise entry
            rows = step_rows(entry, len(asked.solution.steps), asked.layout)
            return StepScores(tuple(self.form.probability(row, logits=self._logits) for row in rows), usage)
        except BadResponse as error:
            told = BadResponse(f"{self.base_url}: {error}")
            told.usage = usage
            return told


def _once(results: dict[Solution, StepResult], solution: Solution) -> StepResult:
    """The result of a solution; what it cost is told the first time only."""
    found = results[solution]
    if isinstance(found, StepScores):
        results[solution] = found._replace(usage=Usage())
    return found


def _shared(spent: Usage, weights: Sequence[int]) -> list[Usage]:
    """What one request cost, split over its solutions by their length; the parts add up to the whole."""
    total, before = sum(weights), 0
    shares: list[Usage] = []
    for place, weight in enumerate(weights):
        after = before + weight

        def part(count: int, before: int = before, after: int = after) -> int:
            return count * after // total - count * before // total

        share = Usage(
            prompt_tokens=part(spent.prompt_tokens),
            cached_prompt_tokens=part(spent.cached_prompt_tokens),
            calls=spent.calls if place == 0 else 0,
            retries=spent.retries if place == 0 else 0,
            seconds=spent.seconds * weight / total,
            flops=spent.flops * weight / total,
            estimated=spent.estimated,
        )
        shares.append(share)
        before = after
    return shares
