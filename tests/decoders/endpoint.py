"""A small OpenAI-compatible endpoint on 127.0.0.1 that misbehaves as told and counts what it served.

::

    with Endpoint(lambda body, index: "nuts = 4", script=[Fault.rate_limit(), None]) as endpoint:
        model = OpenAIModel("tiny", base_url=endpoint.url)
        ...
    endpoint.requests, endpoint.prompt_tokens, endpoint.completion_tokens, endpoint.served[0].body

It is real HTTP over a socket, in a thread with an event loop of its own, up in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]
Answer = Callable[[Body, int], str]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request; ``generates`` says whether tokens are spent (and counted) all the same."""

    name: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    delay: float = 0.0
    cut: Literal["none", "connection", "body"] = "none"
    generates: bool = False

    @classmethod
    def rate_limit(cls, retry_after: str | None = "0") -> Fault:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return cls("429", 429, headers, error("slow down", "rate_limit_exceeded"))

    @classmethod
    def server_error(cls, status: int = 500) -> Fault:
        return cls(str(status), status, body=error("overloaded"))

    @classmethod
    def refusal(cls, status: int, message: str, param: str | None = None, code: str | None = None) -> Fault:
        return cls(str(status), status, body=error(message, code, param))

    @classmethod
    def slow(cls, seconds: float) -> Fault:
        return cls("slow", delay=seconds, generates=True)

    @classmethod
    def dropped(cls, *, generates: bool = True) -> Fault:
        return cls("dropped", cut="connection", generates=generates)

    @classmethod
    def truncated(cls) -> Fault:
        return cls("truncated", cut="body", generates=True)

    @classmethod
    def raw(cls, body: str, content_type: str = "application/json") -> Fault:
        return cls("raw", headers={"Content-Type": content_type}, body=body)


def error(message: str, code: str | None = None, param: str | None = None) -> str:
    return json.dumps({"error": {"message": message, "type": "error", "code": code, "param": param}})


@dataclass(frozen=True)
class Served:
    """One request as the endpoint saw it, with the tokens that it spent on it."""

    path: str
    body: Body
    authorization: str
    fault: Fault | None
    prompt_tokens: int
    completion_tokens: int


def pieces(text: str) -> list[str]:
    """The endpoint's tokenizer: four characters a token."""
    return [text[at : at + 4] for at in range(0, len(text), 4)]


class Endpoint:
    """The server; a context manager.

    Args:
        answer: Text of choice ``index`` for a request body; what it raises becomes a 500.
        script: The fault of each request in turn (None: none), or a function of (request number, body).
        n: ``honour`` or ``ignore``.
        stop: ``strip``, ``keep`` (the stop string stays at the end) or ``ignore``.
        logprobs: Whether log-probabilities are given when asked for.
        usage: ``full``, ``missing`` or ``null`` (the object is there, its counts are null).
        refuse: Fields that are answered with 400, and the message.
        key: The only key that is let in; None lets in any.
    """

    def __init__(
        self,
        answer: Answer = lambda body, index: "ok",
        *,
        script: Iterable[Fault | None] | Callable[[int, Body], Fault | None] = (),
        n: Literal["honour", "ignore"] = "honour",
        stop: Literal["strip", "keep", "ignore"] = "strip",
        logprobs: bool = True,
        usage: Literal["full", "missing", "null"] = "full",
        refuse: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> None:
        self.answer = answer
        self._script = script if callable(script) else iter(script)
        self._n, self._stop, self._logprobs, self._usage = n, stop, logprobs, usage
        self._refuse, self._key = dict(refuse or {}), key
        self.served: list[Served] = []
        self.url = ""
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def requests(self) -> int:
        return len(self.served)

    @property
    def prompt_tokens(self) -> int:
        return sum(served.prompt_tokens for served in self.served)

    @property
    def completion_tokens(self) -> int:
        return sum(served.completion_tokens for served in self.served)

    def __enter__(self) -> Endpoint:
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main(ready))
        self._loop.close()

    async def _main(self, ready: threading.Event) -> None:
        self._done = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await self._done.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports see that they are closed

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serves one request; whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        path, body = head[0].split(" ")[1], json.loads(raw or b"{}")
        fault = self._fault(path, body, headers.get("authorization", ""))
        payload = prompt = completion = None
        if fault is None or fault.generates:
            try:
                payload, prompt, completion = self._complete(body)
            except Exception as problem:
                fault = Fault("500", 500, body=error(repr(problem)))
        self.served.append(Served(path, body, headers.get("authorization", ""), fault, prompt or 0, completion or 0))
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        return await self._send(writer, fault, payload)

    async def _send(self, writer: asyncio.StreamWriter, fault: Fault | None, payload: Body | None) -> bool:
        fault = fault or Fault("none")
        if fault.cut == "connection":
            return False
        text = fault.body if fault.body is not None else json.dumps(payload)
        if fault.cut == "body":
            text = text[: len(text) // 2]
        data = text.encode()
        headers = {"Content-Type": "application/json", **fault.headers, "Content-Length": str(len(data))}
        lines = [f"HTTP/1.1 {fault.status} X", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + data)
        await writer.drain()
        return True

    def _fault(self, path: str, body: Body, authorization: str) -> Fault | None:
        fault = self._script(len(self.served), body) if callable(self._script) else next(self._script, None)
        if fault is not None:
            return fault
        if path != "/v1/chat/completions":
            return Fault.refusal(404, f"no such path {path}")
        if self._key is not None and authorization != f"Bearer {self._key}":
            return Fault.refusal(401, f"Incorrect API key provided: {authorization}", code="invalid_api_key")
        for name, message in self._refuse.items():
            if name in body:
                return Fault.refusal(400, message)
        return None

    def _complete(self, body: Body) -> tuple[Body, int, int]:
        n = body.get("n", 1) if self._n == "honour" else 1
        choices, completion = [], 0
        for index in range(n):
            text, finish, spent = self._generate(body, index)
            completion += spent
            choice: Body = {
                "index": index,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish,
            }
            if body.get("logprobs") and self._logprobs:
                entries = [{"token": t, "logprob": -0.5, "top_logprobs": []} for t in pieces(text)]
                choice["logprobs"] = {"content": entries}
            choices.append(choice)
        prompt = sum(len(pieces(message["content"])) + 4 for message in body["messages"])
        payload: Body = {"id": "x", "object": "chat.completion", "model": body["model"], "choices": choices}
        counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        if self._usage == "full":
            payload["usage"] = counts
        elif self._usage == "null":
            payload["usage"] = dict.fromkeys(counts)
        return payload, prompt, completion

    def _generate(self, body: Body, index: int) -> tuple[str, str, int]:
        """Text, finish reason and spent tokens of one choice."""
        text, finish = self.answer(body, index), "stop"
        limit = body.get("max_completion_tokens", body.get("max_tokens", 1 << 20))
        if len(pieces(text)) > limit:
            text, finish = "".join(pieces(text)[:limit]), "length"
        hits = [(text.find(stop), stop) for stop in body.get("stop", ()) if stop in text]
        if hits and self._stop != "ignore":
            at, stop = min(hits)
            spent = len(pieces(text[: at + len(stop)]))
            return text[:at] if self._stop == "strip" else text[: at + len(stop)], "stop", spent
        return text, finish, len(pieces(text))
