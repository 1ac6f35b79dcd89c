"""Chat requests as peers send them, and the answers that they understand: the OpenAI format, read and written.

What a request asks for beyond a plain sample is refused by name, as a strict server does, and never passed over in
silence: a peer that relies on it must know that it did not have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ...decoders.base import Completion, Message
from ...planner.errors import EndpointError
from ...planner.ledger import Usage

__all__ = ["OPENAI_TEMPERATURE", "Chat", "Refused", "read_chat", "written"]

OPENAI_TEMPERATURE = 1.0
"""Temperature of a request that names none, as OpenAI defines it."""
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "top_p": (1, None),
    "presence_penalty": (0, None),
    "frequency_penalty": (0, None),
    "logit_bias": ({}, None),
    "stream": (False, None),
    "tools": ([], None),
    "functions": ([], None),
    "response_format": (None, {"type": "text"}),
}
"""Fields that ask for what a plain sample is not, with the values that ask for nothing."""
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class Refused(EndpointError):  # noqa: N818 - reads as what it states
    """A request that is not answered with completions.

    Attributes:
        status: HTTP status.
        code: OpenAI's word for the kind of error.
        param: The field that is wrong, where it is one.
    """

    def __init__(self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None) -> None:
        self.code, self.param = code, param
        super().__init__(message, status=status)

    @property
    def body(self) -> dict[str, Any]:
        """The error as clients read it."""
        kind = "insufficient_quota" if self.code == "insufficient_quota" else "invalid_request_error"
        return {"error": {"message": str(self), "type": kind, "code": self.code, "param": self.param}}


class Chat(BaseModel):
    """A chat request.

    Attributes:
        model: The model's name as the peer gave it.
        messages: What was said so far. Where the assistant spoke last, its message is to be gone on with.
        n: How many completions.
        temperature: Sampling temperature; OpenAI's default is 1.
        max_tokens: Most completion tokens of each; None leaves it to the endpoint.
        stop: Strings that end a completion.
        seed: Seed of the draw, None where the peer names none.
        logprobs: Whether log-probabilities are wanted.
        top_logprobs: Alternatives per token.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    model: str = ""
    messages: tuple[Message, ...] = Field(min_length=1)
    n: int = Field(default=1, ge=1, le=1024)
    temperature: float = Field(default=OPENAI_TEMPERATURE, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=20)

    @field_validator("messages", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError("is a list of messages")
        return tuple(_message(one) for one in value)

    @field_validator("stop", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else tuple(one for one in value or () if one)


def read_chat(body: Any) -> Chat:
    """A request's body as a chat request.

    Raises:
        Refused: It is none, or it asks for what this endpoint does not do.
    """
    if not isinstance(body, dict):
        raise Refused("the body is not a JSON object")
    for name, neutral in _NEUTRAL.items():
        if name in body and body[name] not in neutral:
            raise Refused(f"this endpoint does not do {name}={body[name]!r}", code="unsupported_value", param=name)
    given = {name: value for name, value in body.items() if value is not None}
    given["max_tokens"] = given.get("max_completion_tokens", given.get("max_tokens"))
    try:
        return Chat.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or None
        raise Refused(f"{where}: {first['msg']}", code="invalid_value", param=where) from None


def written(chat: Chat, completions: Sequence[Completion], usage: Usage, number: int) -> dict[str, Any]:
    """The reply to a chat request.

    Args:
        chat: The request.
        completions: Its completions.
        usage: What they cost together.
        number: Number of the request, for the reply's id.
    """
    choices = [_choice(index, completion, chat) for index, completion in enumerate(completions)]
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": chat.model,
        "choices": choices,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_prompt_tokens},
        },
    }


def _choice(index: int, completion: Completion, chat: Chat) -> dict[str, Any]:
    logprobs = None
    if chat.logprobs and completion.logprobs is not None:
        entries = [
            {
                "token": one.token,
                "logprob": one.logprob,
                "bytes": None,
                "top_logprobs": [{"token": t, "logprob": p, "bytes": None} for t, p in one.top.items()],
            }
            for one in completion.logprobs
        ]
        logprobs = {"content": entries}
    reason = "length" if completion.finish_reason == "length" else "stop"
    message = {"role": "assistant", "content": completion.text}
    return {"index": index, "message": message, "finish_reason": reason, "logprobs": logprobs}


def _message(one: Any) -> Message:
    if not isinstance(one, dict) or one.get("role") not in _ROLES:
        raise ValueError(f"each message has a role out of {', '.join(_ROLES)} and a content of text")
    content = one.get("content") or ""
    if isinstance(content, list):
        if any(not isinstance(part, dict) or not isinstance(part.get("text"), str) for part in content):
            raise ValueError("parts of a message are text here")
        content = "".join(part["text"] for part in content)
    if not isinstance(content, str):
        raise ValueError("a message's content is text")
    return Message(role=_ROLES[one["role"]], content=content)
