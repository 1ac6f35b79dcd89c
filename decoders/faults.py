"""What goes wrong between a request and its answer, sorted by what can be done about it.

A :class:`Failure` is a value, not an exception: it never chains to the client's own exceptions, which hold the
request with its key, and its text has the key taken out before it is cut to length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

from ..planner.errors import BadResponse, EndpointError, ModelError, TransientError
from ..planner.ledger import Usage
from .quirks import Refusal, read_refusal
from .wire import Malformed

if TYPE_CHECKING:
    import openai

PASSING_STATUS = frozenset({408, 409, 425, 429})
_LASTING_CODES = frozenset({"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"})
_SHOWN = 300


@dataclass(frozen=True)
class Failure:
    """One request that brought no completion.

    Attributes:
        message: What happened and what to do, free of the key.
        kind: ``refused`` (trying again cannot help), ``passing`` (it can), ``bad`` (not a completion).
        status: HTTP status, None where there was none.
        lost: Whether the endpoint may have generated an answer that did not arrive.
        cost: What the answer itself says it cost, None where it says nothing.
        retry_after: Seconds that the endpoint asks to wait, None where it does not say.
        refusal: The endpoint's words about a 400 or 422, from which a quirk may be learned.
        learned: What the next request will do differently, None where nothing was learned.
        final: Nothing more may be tried, whatever the kind.
    """

    message: str
    kind: Literal["refused", "passing", "bad"]
    status: int | None = None
    lost: bool = False
    cost: Usage | None = None
    retry_after: float | None = None
    refusal: Refusal | None = None
    learned: str | None = None
    final: bool = False

    def error(self, usage: Usage) -> ModelError:
        """The planneal error to raise, carrying what all attempts of the sample cost."""
        error: ModelError
        if self.learned is not None or self.kind == "passing":
            error = TransientError(self.message, status=self.status, attempts=usage.calls + usage.retries)
        elif self.kind == "refused":
            error = EndpointError(self.message, status=self.status)
        else:
            error = BadResponse(self.message)
        error.usage = usage
        return error


class Endpoint:
    """How failures of one endpoint are told: its URL and model are named, its key never is.

    Args:
        url: Base URL, without credentials or query.
        model: The endpoint's name for the model.
        secrets: Strings that no message may contain.
        wall: Seconds since the epoch, for ``Retry-After`` dates.
        wanted: What an answer should be.
    """

    def __init__(
        self,
        url: str,
        model: str,
        secrets: tuple[str, ...],
        wall: Callable[[], float],
        wanted: str = "a completion",
    ) -> None:
        self.url = url
        self.model = model
        self._secrets = tuple(secret for secret in secrets if secret)
        self._wall = wall
        self._wanted = wanted

    def clean(self, text: str, length: int = _SHOWN) -> str:
        """The text on one line, secrets taken out, then cut to ``length`` characters."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(text.split())
        return text if len(text) <= length else text[: length - 1] + "…"

    def status_failure(self, error: openai.APIStatusError) -> Failure:
        """Sorts an HTTP error status."""
        status = error.status_code
        refusal = read_refusal(error.body if error.body is not None else error.response.text)
        told = self.clean(refusal.message)
        said = f"; it says: {told}" if told else ""
        if status in PASSING_STATUS or status >= 500:
            if refusal.code in _LASTING_CODES:
                return Failure(f"{self.url} refuses to serve this account ({status}){said}", "refused", status)
            after = retry_after(error.response.headers, self._wall())
            return Failure(f"{self.url} answered {status}{said}", "passing", status, retry_after=after)
        message = f"{self._advice(status)}{said}"
        return Failure(message, "refused", status, refusal=refusal if status in (400, 422) else None)

    def connection_failure(self, error: BaseException, timeout: float) -> Failure:
        """Sorts a timeout or a connection that broke; before it stood, nothing can have been generated."""
        import httpx2

        cause = error.__cause__ or error
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
            why = self.clean(str(cause)) or type(cause).__name__
            return Failure(f"nothing answers at {self.url} ({why}): is the server running, the URL right?", "passing")
        if isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL | httpx2.LocalProtocolError):
            return Failure(f"cannot send to {self.url}: {self.clean(str(cause))}", "refused")
        if isinstance(cause, TimeoutError | httpx2.TimeoutException):
            return Failure(f"{self.url} gave no answer within {timeout:g} s", "passing", lost=True)
        return Failure(f"{self.url} dropped the connection ({type(cause).__name__})", "passing", lost=True)

    def malformed(self, error: Malformed) -> Failure:
        """Sorts a 2xx body that is not a completion: charged as lost unless it tells its cost."""
        hint = "; check that the base URL ends in the API's path, often /v1" if error.html else ""
        message = f"{self.url} did not answer with {self._wanted}: {self.clean(str(error))}{hint}"
        return Failure(message, "bad", lost=error.usage is None, cost=error.usage, final=error.html)

    def _advice(self, status: int) -> str:
        if status == 401:
            return f"{self.url} does not accept the key (401): set OPENAI_API_KEY or api_key to one that is valid there"
        if status == 403:
            return f"{self.url} does not let this key use model {self.model!r} (403): check the key's rights"
        if status == 404:
            return f"{self.url} knows no model {self.model!r} or no such path (404): check the model and the base URL"
        if 300 <= status < 400:
            return f"{self.url} redirects elsewhere ({status}): give the final base URL"
        return f"{self.url} refused the request for model {self.model!r} ({status})"


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or ``retry-after`` (seconds or an HTTP date); None where unreadable."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * scale
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - wall
            except (ValueError, TypeError, OverflowError):
                continue
        if not math.isnan(seconds):
            return max(0.0, seconds)
    return None
