"""The endpoint of one attempt without its HTTP: chat requests and texts to score come in, all paid from one ledger.

The budget is a hard cap. A request is admitted while its worst case fits what is left; one that does not fit *yet*
waits until those under way have been answered for less than their worst case. When nothing is under way and it still
does not fit, it is cut at what is left, as long as that is twice what the longest completion so far took; a completion
that is cut off in its midst would only mislead a peer that judges it. Else it is refused with OpenAI's
``insufficient_quota``. Of several completions that are asked for at once, as many are given as there is room for.

**Seeds.** Peers name none, so that no two of their runs agree. A request without a seed gets one that is derived from
the attempt's, what is asked and how often that was asked before: it does not depend on the order of arrival.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ...decoders.base import Completion, Message, SampleRequest, Samples
from ...planner.errors import BudgetExhausted, ModelError
from ...planner.ledger import Usage
from ..methods.asking import LONGEST_ANSWER, Seat
from ..methods.base import Case
from ..methods.judging import Judge, plan_of_answer
from .chat import Chat, Refused

__all__ = ["Desk", "Score", "reward"]

_LEAST = 16
"""A completion of fewer tokens is not worth asking for."""
_GO_ON = "Go on with your last message exactly where it ends. Repeat nothing of it."


class Score(NamedTuple):
    """What the verifiers say of an answer, or of its beginning.

    Attributes:
        reward: In [0, 1], see :func:`reward`; 0 where the budget did not pay for the judgement.
        solved: Whether every demand of the task was verified on it.
    """

    reward: float
    solved: bool


def reward(energy: float) -> float:
    """An energy as a reward: ``1 / (1 + energy)``, in [0, 1], higher is better.

    Peers want rewards in [0, 1]. This one is strictly decreasing in the energy over its whole range, so that the best
    under one is the best under the other, and its log-odds, by which a particle filter weighs, are ``-log(energy)``:
    neither a violated demand (energies in the thousands) nor a nearly right answer saturates it.
    """
    return 1.0 / (1.0 + max(0.0, energy))


class Desk:
    """Answers the chat requests of one attempt and scores its answers.

    Args:
        seat: The attempt's model and ledger.
        judge: Who judges answers.
        case: The case.
        seed: What seeds are derived from.
        most: Completion tokens of a request that names no limit.

    Attributes:
        served: What the completions cost, by the model's own account: to be compared with the ledger.
        scoring: What the judge's model calls cost, by the ledger.
        requests: How many chat requests came.
        refused: How many of them were refused for want of budget.
        failure: The last error of the model, None where it had none.
        texts: The texts of all completions, each with the beginning that it went on with.
    """

    def __init__(self, seat: Seat, judge: Judge, case: Case, seed: int, most: int = LONGEST_ANSWER) -> None:
        self._seat, self._judge, self._case, self._seed, self._most = seat, judge, case, seed, most
        self._asked: Counter[str] = Counter()
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Samples]] = set()
        self._scores: dict[str, Score] = {}
        self._longest = 0
        self.served = Usage()
        self.requests = 0
        self.refused = 0
        self.failure: ModelError | None = None
        self.texts: list[str] = []

    @property
    def under_way(self) -> int:
        """Requests to the model that are not answered yet."""
        return len(self._under_way)

    async def complete(self, chat: Chat) -> tuple[list[Completion], Usage]:
        """The completions of a request, as many of ``n`` as the budget pays for, with what they cost.

        Raises:
            Refused: The budget pays for none, or the model failed.
        """
        self.requests += 1
        seed = chat.seed if chat.seed is not None else self._drawn(chat)
        found: list[Completion] = []
        spent = Usage()
        try:
            while len(found) < chat.n:
                task = await self._admitted(chat, chat.n - len(found), seed + len(found))
                if task is None:
                    break
                samples = await asyncio.shield(task)
                found += samples
                spent += samples.usage
        except BudgetExhausted as error:
            self._seat.stop = error.limit or "budget"
        except ModelError as error:
            self.failure = error
            if not found:
                raise Refused(f"the model failed: {error}", code="model_error") from error
        if not found:
            self.refused += 1
            raise Refused(
                f"you exceeded your current quota: the budget's {self._seat.stop or 'tokens'} are spent",
                code="insufficient_quota",
            )
        begun = chat.messages[-1].content if chat.messages[-1].role == "assistant" else ""
        self.texts += [begun + completion.text for completion in found]
        return found, spent

    async def score(self, texts: Sequence[str]) -> list[Score]:
        """What the verifiers say of answers; each text is judged once."""
        async with self._turn:
            await self._settled()
            for text in texts:
                if text not in self._scores:
                    self._scores[text] = await self._scored(text)
        return [self._scores[text] for text in texts]

    async def close(self) -> None:
        """Waits for what the model still works at, even if nobody waits for the answer any more: it is paid for."""
        await self._settled()

    def abandon(self) -> None:
        """Cancels what the model still works at."""
        for task in self._under_way:
            task.cancel()

    async def _settled(self) -> None:
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def _scored(self, text: str) -> Score:
        try:
            judged = await self._judge.judge(plan_of_answer(self._case, text))
        except ModelError as error:
            self.failure, judged = error, None
        if judged is None:
            return Score(0.0, False)
        return Score(reward(judged.energy.total), self._judge.solves(judged))

    async def _admitted(self, chat: Chat, wanted: int, seed: int) -> asyncio.Task[Samples] | None:
        """The model at work on as many completions as surely fit; None where not even a cut one does."""
        async with self._turn:
            while True:
                request = self._fitting(chat, wanted, seed)
                if request is not None:
                    return await self._begun(request)
                if not self._under_way:
                    return None
                await asyncio.wait(set(self._under_way), return_when=asyncio.FIRST_COMPLETED)

    def _fitting(self, chat: Chat, wanted: int, seed: int) -> SampleRequest | None:
        """The largest part of a request that surely fits now; a cut one only where nothing is under way."""
        messages = self._messages(chat)
        most = min(chat.max_tokens or self._most, self._most)
        room = self._room(messages, most * wanted)
        count = min(wanted, room // most)
        if not count and (self._under_way or room < min(most, max(_LEAST, 2 * self._longest))):
            self._seat.stop = self._seat.stop if self._under_way else "tokens"
            return None
        request = SampleRequest(
            messages=messages,
            n=count or 1,
            temperature=chat.temperature,
            max_tokens=most if count else room,
            stop=chat.stop,
            seed=seed % 2**31,
            logprobs=chat.logprobs,
            top_logprobs=chat.top_logprobs,
        )
        short = self._seat.ledger.shortfall(self._seat.model.worst_case(request))
        if short is None:
            return request
        self._seat.stop = short[0]
        return self._fitting(chat, 1, seed) if wanted > 1 else None

    def _room(self, messages: Sequence[Message], most: int) -> int:
        """Completion tokens that are left beside what is spent and what is held for requests under way."""
        budget, ledger = self._seat.ledger.budget, self._seat.ledger
        used = ledger.spent + ledger.reserved + ledger.held
        limits = [most]
        if budget.tokens is not None:
            limits.append(budget.tokens - used.tokens - self._seat.model.prompt_bound(messages))
        if budget.completion_tokens is not None:
            limits.append(budget.completion_tokens - used.completion_tokens)
        return max(0, min(limits))

    async def _begun(self, request: SampleRequest) -> asyncio.Task[Samples]:
        """A request that the ledger holds room for by the time this returns."""
        task = asyncio.create_task(self._sample(request))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        await asyncio.sleep(0)  # the task runs up to its first wait, past the ledger's admission
        return task

    async def _sample(self, request: SampleRequest) -> Samples:
        samples = await self._seat.model.sample(request)
        self.served += samples.usage
        known = [one.tokens for one in samples if one.tokens is not None] or [samples.usage.completion_tokens]
        self._longest = max(self._longest, *known)
        return samples

    def _ended(self, task: asyncio.Task[Samples]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            error = task.exception()  # taken here, so that one that nobody waits for is not lost
            if isinstance(error, ModelError) and isinstance(error.usage, Usage):
                self.served += error.usage

    def _messages(self, chat: Chat) -> tuple[Message, ...]:
        """The messages for the model: raw text is gone on with as it is, a chat model is asked to go on."""
        if chat.messages[-1].role != "assistant" or self._seat.model.capabilities.dialect == "compact":
            return chat.messages
        return (*chat.messages, Message(role="user", content=_GO_ON))

    def _drawn(self, chat: Chat) -> int:
        """A seed for a request that names none."""
        asked = json.dumps(chat.model_dump(mode="json", exclude={"model"}), sort_keys=True)
        key = hashlib.sha256(asked.encode()).hexdigest()
        self._asked[key] += 1
        told = f"{self._seed}:{key}:{self._asked[key]}"
        return int.from_bytes(hashlib.sha256(told.encode()).digest()[:4], "big") % 2**31
