"""What an endpoint has been found to refuse, and the request body that it accepts.

The vocabulary of ``/chat/completions`` is wide and every endpoint leaves something out. A refusal that names a
field teaches :class:`Quirks` to leave that field out (or to rename it) from then on; what is left out is told in
the notes of every sample that wanted it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .base import SampleRequest

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
_DROPPABLE = ("temperature", "seed", "top_logprobs", "logprobs", "stop", "n")
_REFUSAL = re.compile(
    r"unsupported|not supported|not support|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|"
    r"deprecated|extra (inputs|fields)|only the default|only one|must be|invalid|not available|removed",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"context.{0,10}(length|window|size)|too large|too long|at most \d+ tokens", re.IGNORECASE)


class Refusal(NamedTuple):
    """An endpoint's own words about a refused request."""

    message: str
    parameter: str | None = None
    code: str | None = None


class Quirks:
    """What one endpoint refuses; it only grows, and is shared by all requests of one model object.

    Attributes:
        dropped: Fields that are no longer sent.
        limit_field: The name under which ``max_tokens`` is sent.
    """

    def __init__(self) -> None:
        self.dropped: set[str] = set()
        self.limit_field = LIMIT_FIELDS[0]
        self._renamed = False

    def body(self, model: str, request: SampleRequest, *, n: int, draw: int) -> dict[str, Any]:
        """The JSON body for ``n`` choices: only what was set, less what the endpoint refuses.

        Args:
            model: The endpoint's name for the model.
            request: What is wanted.
            n: Choices to ask for in this body; the field is left out at 1, the default everywhere.
            draw: Index of the first choice within the request; later draws get seeds of their own.
        """
        wanted_logprobs = request.logprobs or request.top_logprobs > 0
        fields: dict[str, Any] = {
            "n": n if n > 1 else None,
            "temperature": request.temperature,
            "seed": draw_seed(request.seed, draw),
            "stop": list(request.stop) or None,
            "logprobs": True if wanted_logprobs else None,
            "top_logprobs": request.top_logprobs or None if "logprobs" not in self.dropped else None,
        }
        body: dict[str, Any] = {
            "model": model,
            "messages": [message.model_dump() for message in request.messages],
            self.limit_field: request.max_tokens,
        }
        body.update((k, v) for k, v in fields.items() if v is not None and k not in self.dropped)
        return body

    def learn(self, refusal: Refusal, body: Mapping[str, Any]) -> str | None:
        """Takes in a refusal of ``body``.

        Returns:
            What will be done differently, or None where the refusal teaches nothing: the request must fail.
        """
        field = self._refused(refusal, body)
        if field is None:
            return None
        if field in LIMIT_FIELDS:
            if field == self.limit_field:  # else a request beside this one has renamed it already
                self.limit_field = LIMIT_FIELDS[1 - LIMIT_FIELDS.index(field)]
                self._renamed = True
            return f"{field} refused: sent as {self.limit_field}"
        self.dropped.add(field)
        return f"{field} refused: not sent to this endpoint"

    def notes(self, request: SampleRequest) -> list[str]:
        """What of this request is not sent as it stands, one note a field."""
        wanted = {
            "temperature": request.temperature is not None,
            "seed": request.seed is not None,
            "stop": bool(request.stop),
            "logprobs": request.logprobs or request.top_logprobs > 0,
            "top_logprobs": request.top_logprobs > 0 and "logprobs" not in self.dropped,
        }
        return [
            f"{field} not sent: the endpoint refuses it"
            for field, asked in wanted.items()
            if asked and field in self.dropped
        ]

    def _refused(self, refusal: Refusal, body: Mapping[str, Any]) -> str | None:
        """The field of ``body`` that the refusal is about."""
        if refusal.code == "context_length_exceeded":
            return None
        message = refusal.message
        candidates = [field for field in (*_DROPPABLE, *LIMIT_FIELDS) if field in body]
        if refusal.parameter in candidates:
            field: str | None = refusal.parameter
        else:
            named = [field for field in candidates if _names(message, field)]
            field = named[0] if named else None
        if field in LIMIT_FIELDS:
            other = LIMIT_FIELDS[1 - LIMIT_FIELDS.index(field)]
            if self._renamed and field == self.limit_field:
                return None  # both names were refused: without a bound nothing is sent
            return field if _REFUSAL.search(message) or other in message else None
        if field is None and "n" in body and re.search(r"completion choice", message, re.IGNORECASE):
            return "n"
        if field is None or (_TOO_LONG.search(message) and not _REFUSAL.search(message)):
            return None
        # A bare mention suffices for temperature, whose refusals are worded in many ways (ranges, defaults).
        if field == "temperature" or refusal.parameter == field or _REFUSAL.search(message):
            return field
        return None


def draw_seed(seed: int | None, draw: int) -> int | None:
    """The seed of the ``draw``-th choice: the request's own for the first, hashed from both for later ones.

    Hashing keeps the draws of requests with neighbouring seeds apart, which adding the index would not.
    """
    if seed is None or draw == 0:
        return seed
    digest = hashlib.sha256(f"{seed}:{draw}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def read_refusal(body: object) -> Refusal:
    """Reads an error body: OpenAI's ``error`` object, FastAPI's ``detail``, or whatever text there is."""
    if not isinstance(body, Mapping):
        return Refusal(str(body or ""))
    error = body.get("error", body)
    if isinstance(error, Mapping):
        detail = error.get("detail")
        if isinstance(detail, list):
            return _read_detail(detail)
        message = error.get("message") or detail
        parameter, code = error.get("param"), error.get("code") or error.get("type")
        return Refusal(
            str(message if message is not None else dict(error)),
            str(parameter) if parameter else None,
            str(code) if code else None,
        )
    return Refusal(str(error))


def _read_detail(detail: list[object]) -> Refusal:
    entries = [entry for entry in detail if isinstance(entry, Mapping)]
    message = "; ".join(f"{_location(entry)}: {entry.get('msg', 'invalid')}" for entry in entries)
    return Refusal(message or str(detail), _location(entries[0]) if len(entries) == 1 else None)


def _location(entry: Mapping[Any, Any]) -> str:
    where = entry.get("loc")
    return str(where[-1]) if isinstance(where, list) and where else "body"


def _names(message: str, field: str) -> bool:
    """Whether the message names the field: quoted where the name is also an English word or a letter."""
    if field in ("n", "stop"):
        quoted = rf"['\"`]{field}['\"`]|\b(parameter|field|argument)s?:? {field}\b"
        return re.search(quoted + rf"|^{field}:|; {field}:|\bn (must|should|>|=)", message) is not None
    return re.search(rf"(?<![A-Za-z_]){field}(?![A-Za-z_])", message) is not None
