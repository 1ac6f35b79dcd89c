"""An OpenAI-compatible endpoint on loopback in front of a desk: real HTTP over a socket, for clients that peers bring.

It serves ``POST /v1/chat/completions``, ``GET /v1/models``, and ``POST /v1/score``, which peers' reward models ask for
what planneal's verifiers say. It listens on 127.0.0.1 alone, on a port that the system chooses, and lets in who has
the key of the attempt.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple

from ...planner.errors import PlannealError
from .chat import Refused, read_chat, written
from .desk import Desk

__all__ = ["MODEL", "Endpoint"]

MODEL = "planneal"
"""The name under which peers ask for the model."""
_MOST_BYTES = 16 * 2**20
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 413: "Content Too Large"}


class _Asked(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Endpoint:
    """The server of one attempt; an async context manager.

    Leaving it waits for what the model still works at, so that everything that was asked for is counted.

    Args:
        desk: Who answers.

    Attributes:
        url: The base URL for clients, ending in ``/v1``.
        key: The only key that is let in.
        last: When the last request came or was answered, seconds of the monotonic clock.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.url = ""
        self.key = secrets.token_hex(16)
        self.last = time.monotonic()
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Endpoint:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**16)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        if kind is not None:
            self.desk.abandon()
        await self.desk.close()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports see that they are closed

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            while (asked := await _read(reader)) is not None:
                self.last = time.monotonic()
                status, reply = await self._answer(asked)
                self.last = time.monotonic()
                await _write(writer, status, reply)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # whoever hangs up is not answered
        except Refused as error:
            await _write(writer, error.status or 400, error.body)
        finally:
            self._clients.discard(task)
            writer.close()

    async def _answer(self, asked: _Asked) -> tuple[int, dict[str, Any]]:
        """Status and body of the reply to one request."""
        try:
            if asked.headers.get("authorization") != f"Bearer {self.key}":
                raise Refused("this key is not this attempt's", status=401, code="invalid_api_key")
            if (asked.method, asked.path) == ("GET", "/v1/models"):
                return 200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "planneal"}]}
            if (asked.method, asked.path) == ("POST", "/v1/chat/completions"):
                chat = read_chat(_json(asked.body))
                completions, usage = await self.desk.complete(chat)
                return 200, written(chat, completions, usage, self.desk.requests)
            if (asked.method, asked.path) == ("POST", "/v1/score"):
                scores = await self.desk.score(_texts(_json(asked.body)))
                return 200, {"scores": [score._asdict() for score in scores]}
            raise Refused(f"there is no {asked.method} {asked.path}", status=404, code="not_found")
        except Refused as error:
            return error.status or 400, error.body
        except PlannealError as error:  # a verifier that broke, say: the peer is told, and its attempt goes on
            return 400, Refused(str(error), code=type(error).__name__).body


def _texts(body: Any) -> list[str]:
    texts = body.get("texts") if isinstance(body, dict) else None
    if not isinstance(texts, list) or any(not isinstance(text, str) for text in texts):
        raise Refused("texts is a list of texts", code="invalid_value", param="texts")
    return texts


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("the body is not JSON") from None


async def _read(reader: asyncio.StreamReader) -> _Asked | None:
    """The next request of a connection, None where the client has hung up."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    method, _, rest = head[0].partition(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit():
        raise Refused("send a body with a Content-Length")
    if int(length) > _MOST_BYTES:
        raise Refused(f"the body is larger than {_MOST_BYTES} bytes", status=413)
    body = await reader.readexactly(int(length))
    return _Asked(method, rest.partition(" ")[0].partition("?")[0], headers, body)


async def _write(writer: asyncio.StreamWriter, status: int, reply: dict[str, Any]) -> None:
    data = json.dumps(reply).encode()
    lines = [
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        "x-should-retry: false",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + data)
    await writer.drain()
