"""vLLM's pooling endpoint, as far as reward models need it, on the endpoint that misbehaves as told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from endpoint import Body, Endpoint, Fault

Answer = Callable[[Any, int], Any]


class PoolingEndpoint(Endpoint):
    """Serves ``POST /pooling``.

    Args:
        answer: The ``data`` of one input (a text or token ids) and its place.
        **options: Those of the endpoint; ``usage`` may be ``missing``.
    """

    def __init__(self, answer: Answer, **options: Any) -> None:
        super().__init__(answer, **options)

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    def _fault(self, path: str, body: Body, authorization: str) -> Fault | None:
        fault = super()._fault("/v1/chat/completions", body, authorization)
        if fault is None and path != "/pooling":
            return Fault.refusal(404, f"no such path {path}")
        return fault

    def _complete(self, body: Body) -> tuple[Body, int, int]:
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [
            {"index": index, "object": "pooling", "data": self.answer(asked, index)}
            for index, asked in enumerate(inputs)
        ]
        prompt = sum(len(asked) for asked in inputs)
        payload: Body = {"id": "pool-x", "object": "list", "model": body["model"], "data": data}
        if self._usage == "full":
            payload["usage"] = {"prompt_tokens": prompt, "total_tokens": prompt, "completion_tokens": 0}
        return payload, prompt, 0
