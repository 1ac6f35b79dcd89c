"""One HTTP client per event loop, closed when its loop ends.

A connection belongs to the event loop that opened it. A model object outlives loops: a script may call
``asyncio.run`` several times, a notebook's loop never ends. So each loop gets a client of its own, and the client is
closed *inside* its loop: it is held open by an asynchronous generator, and ``asyncio.run`` closes those before it
closes the loop. A model that is forgotten before its loop ends has its client closed too.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, finalize

from ..planner.errors import ConfigError

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

_DUMMY_KEY = "none"


class _Held(NamedTuple):
    client: AsyncOpenAI
    lifetime: AsyncGenerator[None, None]
    forgotten: finalize[..., Clients]


class Clients:
    """The clients of one model object, by event loop.

    Args:
        make: Builds a client; called once per loop, inside it.
    """

    def __init__(self, make: Callable[[], AsyncOpenAI]) -> None:
        self._make = make
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, _Held] = WeakKeyDictionary()

    async def get(self) -> AsyncOpenAI:
        """The running loop's client, made at the first call."""
        loop = asyncio.get_running_loop()
        for other in [other for other in self._held if other.is_closed()]:
            self._held.pop(other).forgotten.detach()
        held = self._held.get(loop)
        if held is None:
            client = self._make()
            lifetime = _keep_open(client)
            # The finalizer also keeps the client out of the cycles that the model may be collected with.
            forgotten = finalize(self, _close_soon, loop, lifetime)
            forgotten.atexit = False
            held = self._held[loop] = _Held(client, lifetime, forgotten)
            await anext(lifetime)  # registers the generator with the loop; it does not suspend
        return held.client

    async def aclose(self) -> None:
        """Closes the running loop's client; a later :meth:`get` makes a new one."""
        held = self._held.pop(asyncio.get_running_loop(), None)
        if held is not None:
            held.forgotten.detach()
            await held.lifetime.aclose()


def open_client(url: str, key: str, timeout: float, transport: httpx2.AsyncBaseTransport | None) -> AsyncOpenAI:
    """A client of one endpoint, without retries of its own.

    Args:
        url: The base URL.
        key: The key; empty where the endpoint needs none.
        timeout: Most seconds until a connection stands (10 at most).
        transport: Replaces the network, for tests.
    """
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    # The whole request is timed by its caller: a server that sends a byte now and then must not hold it open.
    limits = httpx2.Timeout(None, connect=min(10.0, timeout))
    http = DefaultAsyncHttpxClient(transport=transport, timeout=limits)
    return AsyncOpenAI(api_key=key or _DUMMY_KEY, base_url=url, max_retries=0, timeout=limits, http_client=http)


async def _keep_open(client: AsyncOpenAI) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await client.close()


def _close_soon(loop: asyncio.AbstractEventLoop, lifetime: AsyncGenerator[None, None]) -> None:
    """Closes a client whose owner is gone, in its own loop, from whichever thread the collector runs in."""

    async def close() -> None:
        await lifetime.aclose()

    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: loop.create_task(close()))


def is_loopback(host: str) -> bool:
    """Whether the host is this machine: ``localhost`` or a loopback address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class BaseURL(NamedTuple):
    """A checked base URL: what is sent to, and what may be shown."""

    full: str
    shown: str
    host: str


def check_base_url(url: str) -> BaseURL:
    """Checks an endpoint's base URL.

    Raises:
        ConfigError: It is not an http or https URL with a host, or it carries credentials or a query.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(
            "the base URL of an OpenAI-compatible endpoint must look like http://host:port/v1; "
            "check base_url or OPENAI_BASE_URL"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        # Clients write URLs to their logs, so a key must not be part of one.
        raise ConfigError(
            "the base URL of an endpoint must hold no user, password or query; give the key as OPENAI_API_KEY"
        )
    name = f"[{host}]" if ":" in host else host
    shown = f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    return BaseURL(url.strip(), shown, host)
