"""Peer libraries as methods: each runs as its users run it, against an endpoint that is the method's own model.

The library is handed the prompt of a direct answer and an OpenAI-compatible address, and returns a text. Everything
that it asks for passes through :class:`.desk.Desk`, so that the ledger holds what the endpoint counted; what the
library itself says it used is kept in the notes beside it and counts nowhere.

**How many samples.** Libraries take a number of samples, not a budget. Those whose samples cost nothing where they are
refused are told a large number and get as many as the budget pays for. The others are tried with the least number
first; what that cost, measured, says how many more the rest of the budget pays for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...decoders.base import LanguageModel
from ...decoders.prompts import asks_for_program
from ...planner.errors import EndpointError, TransientError
from ...planner.ledger import Budget
from ...settings import Settings
from ..methods.asking import LONGEST_ANSWER, Seat, answered
from ..methods.base import Answered, Case, Method
from ..methods.direct import MOST_SAMPLES
from ..methods.judging import Judge
from ..methods.plans import judges
from ..voting import said
from .desk import Desk
from .endpoint import MODEL, Endpoint
from .processes import Peer, check, processes

__all__ = ["PEERS", "RECIPES", "PeerMethod", "Recipe"]

_MARGIN = 0.85
"""Share of the rest of a budget that is planned for: the next samples may cost more than the first."""
_MOST_SECONDS_TO_IMPORT = 600.0
_PASSING = (TransientError, EndpointError)


@dataclass(frozen=True)
class Recipe:
    """How a peer's method is run.

    Attributes:
        library: The library.
        method: Its method, as :mod:`.side` calls it.
        about: One line about it.
        first: How many samples are asked for first.
        step: The number of samples is a multiple of this.
        pilot: Whether the first run only tells what a sample costs.
        pick: Whether it returns several answers of equal rank, out of which planneal's verifiers choose.
    """

    library: str
    method: str
    about: str
    first: int = MOST_SAMPLES
    step: int = 1
    pilot: bool = False
    pick: bool = False

    @property
    def name(self) -> str:
        """The name of the method in tables."""
        return f"{self.library}_{self.method}"


RECIPES = (
    Recipe("its_hub", "self_consistency", "its_hub: majority vote over sampled answers"),
    Recipe("its_hub", "best_of_n", "its_hub: sampled answers, chosen by planneal's verifiers as its reward model"),
    Recipe("its_hub", "particle_filtering", "its_hub: particles of lines, weighted by the same", first=1, pilot=True),
    Recipe("its_hub", "beam_search", "its_hub: beams of lines, scored by the same", first=2, step=2, pilot=True),
    Recipe("dspy", "best_of_n", "DSPy: attempts until planneal's verifiers are content"),
    Recipe("dspy", "refine", "DSPy: the same, with the model's advice after each attempt"),
    Recipe(
        "optillm", "plansearch", "OptiLLM: observations, a plan in words, a program", first=1, pilot=True, pick=True
    ),
    Recipe("optillm", "best_of_n", "OptiLLM: sampled answers, rated by the model itself", first=1, pilot=True),
)
"""Every peer's method, in the order of tables."""


@dataclass
class _Run:
    """What an attempt has come to."""

    texts: list[str]
    error: str = ""
    message: str = ""
    own: Mapping[str, Any] | None = None
    version: str = ""
    n: int = 0


class PeerMethod(Method):
    """A method of a peer library, on the method's own model.

    Args:
        recipe: Which.
        settings: As for planneal; says who judges.
        temperature: Where the library leaves it to its user.
        patience: Seconds without a word between library and endpoint after which the library is ended.

    Raises:
        MissingExtra: The library is not installed.
    """

    def __init__(
        self, recipe: Recipe, settings: Settings | None = None, temperature: float = 0.7, patience: float = 120.0
    ) -> None:
        check(recipe.library)
        self.name, self.about, self.recipe = recipe.name, recipe.about, recipe
        self.settings, self.temperature, self.patience = settings or Settings(), temperature, patience

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Lets the library answer within the budget; the best that it had where it came to no end."""
        seat = Seat(model, budget)
        judge = Judge(seat, case, judges(seat, case, self.settings), self.settings)
        seed = int(rng.integers(2**31))
        desk = Desk(seat, judge, case, seed)
        async with Endpoint(desk) as endpoint:
            run = await self._run(seat, endpoint, case, seed)
            text = await self._chosen(desk, run)
        stop = seat.stop or run.error or "done"
        if desk.failure is not None and (text is None or isinstance(desk.failure, _PASSING)):
            stop = type(desk.failure).__name__
        notes = {
            "peer": run.version,
            "n": run.n,
            "requests": desk.requests,
            "refused": desk.refused,
            "own_count": None if run.own is None else dict(run.own),
            **({"error": f"{run.error}: {run.message}"} if run.error else {}),
        }
        return answered(seat.ledger, text, stop, notes=notes)

    async def _run(self, seat: Seat, endpoint: Endpoint, case: Case, seed: int) -> _Run:
        """One run of the library, or a first one and one with all samples that the budget then pays for."""
        recipe = self.recipe
        run = await self._once(seat, endpoint, case, seed, recipe.first)
        if not recipe.pilot or endpoint.desk.refused or run.error:
            return run
        more = self._further(seat, recipe)
        if more < (1 if recipe.pick else recipe.first + 1):  # where all are kept, one more is worth having
            return run
        second = await self._once(seat, endpoint, case, seed + 1, more)
        if recipe.pick or not second.texts:
            second.texts = [*run.texts, *second.texts]
        return second

    def _further(self, seat: Seat, recipe: Recipe) -> int:
        """How many samples the rest of the budget pays for at the price of the first ones."""
        if seat.ledger.budget.tokens is None:
            return MOST_SAMPLES
        spent = seat.ledger.spent.tokens  # for one sample: the first run is of one, a beam's too
        most = int(_MARGIN * (seat.ledger.budget.tokens - spent) / max(1, spent))
        return min(MOST_SAMPLES, most) // recipe.step * recipe.step

    async def _once(self, seat: Seat, endpoint: Endpoint, case: Case, seed: int, n: int) -> _Run:
        """One run of the library."""
        messages = [message.model_dump() for message in seat.direct(case.task)]
        job = {
            "method": self.recipe.method,
            "url": endpoint.url,
            "key": endpoint.key,
            "model": MODEL,
            "seed": seed % 2**31,
            "messages": messages,
            "n": n,
            "max_tokens": LONGEST_ANSWER,
            "temperature": self.temperature,
            "program": asks_for_program(case.task.question),
        }
        peer = await processes.take(self.recipe.library)
        try:
            async with asyncio.timeout(_MOST_SECONDS_TO_IMPORT):
                await peer.begin()
            result = await self._patiently(peer, job, endpoint)
        except TimeoutError:
            result = {"error": "PeerTimeout", "message": "the library was not imported in time"}
        finally:
            processes.give(peer)
        texts, own = result.get("texts"), result.get("own")
        return _Run(
            [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else [],
            str(result.get("error", "")),
            str(result.get("message", "")),
            own if isinstance(own, dict) else None,
            peer.version,
            n,
        )

    async def _patiently(self, peer: Peer, job: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
        """A job's result, or a time-out where library and endpoint have been silent for too long."""
        task = asyncio.create_task(peer.run(job))
        endpoint.last = time.monotonic()
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=min(1.0, self.patience))
                if done:
                    return task.result()
                if not endpoint.desk.under_way and time.monotonic() - endpoint.last > self.patience:
                    return {"error": "PeerTimeout", "message": f"silent for {self.patience:g} seconds"}
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _chosen(self, desk: Desk, run: _Run) -> str | None:
        """The library's answer; where it came to no end, the best of what it was given that says anything."""
        if run.texts and not run.error and not self.recipe.pick:
            return run.texts[0]
        found = run.texts
        if run.error or not found:
            found = list(dict.fromkeys([*found, *(text for text in desk.texts if said(text) is not None)]))
        if len(found) <= 1:
            return found[0] if found else None
        scores = await desk.score(found)
        best = max(range(len(found)), key=lambda place: scores[place].reward)  # the first of the best
        return found[best]


PEERS: Mapping[str, Callable[[], Method]] = {recipe.name: partial(PeerMethod, recipe) for recipe in RECIPES}
"""What makes each peer's method, by name."""
