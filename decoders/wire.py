"""What comes back over the wire: one chat-completion body, read tolerantly and judged strictly.

Endpoints differ in what they leave out, so every field but the choices is optional; a body that is not a
completion at all is a :class:`Malformed`. Whatever was asked for and not delivered is noted, never invented:
token counts that are absent are estimated and marked, log-probabilities that are absent are ``None``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..planner.ledger import Usage
from .base import Completion, FinishReason, SampleRequest, TokenLogprob
from .tokens import estimate_prompt, estimate_tokens

_TOKEN_ROOM = 16  # characters that the token in which a stop string ends may go on for
_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
}


class Malformed(Exception):  # noqa: N818 - an outcome, told apart from planneal's errors by its type
    """A 2xx body that is not a completion.

    Attributes:
        html: The body is a web page, which a second request will not change.
        usage: What the body itself says it cost, None where it says nothing.
    """

    def __init__(self, message: str, *, html: bool = False, usage: Usage | None = None) -> None:
        self.html = html
        self.usage = usage
        super().__init__(message)


@dataclass(frozen=True)
class Reply:
    """One answered request.

    Attributes:
        completions: The choices, in the endpoint's order, stop strings cut off.
        usage: Its cost, ``calls=1``; estimated where the endpoint did not report it.
        notes: What the endpoint did not do as asked.
        stop: Whether stop strings were left out: False when one was still in a text, None when none was asked.
        logprobs: Whether log-probabilities came, None when none were asked for.
        reported: Whether the endpoint reported both token counts.
        partial: Whether its count leaves choices out.
    """

    completions: tuple[Completion, ...]
    usage: Usage
    notes: tuple[str, ...] = ()
    stop: bool | None = None
    logprobs: bool | None = None
    reported: bool = True
    partial: Literal["no", "likely", "certain"] = "no"


def read_reply(body: str, content_type: str, request: SampleRequest, *, partial_usage: bool = False) -> Reply:
    """Reads a chat-completion body.

    Args:
        body: The response body.
        content_type: Its declared type; a web page is recognised by it and by how the body starts.
        request: What was asked (stop strings, log-probabilities, bounds).
        partial_usage: Whether this endpoint is known to count one choice of several only.

    Raises:
        Malformed: The body is not JSON, or has no choices.
    """
    data = decode_body(body, content_type)
    choices = data.get("choices")
    usable = [choice for choice in choices if isinstance(choice, Mapping)] if isinstance(choices, list) else []
    if not usable:
        raise Malformed(f"the answer has no choices: {body[:200]!r}", usage=_reported(data.get("usage")))
    read = [_read_choice(choice, request) for choice in usable]
    usage, reported = _usage(data.get("usage"), request, read)
    partial = _leaves_out(usage.completion_tokens, read, request, partial_usage) if reported else "no"
    completions = [choice.completion for choice in read]
    if len(completions) == 1 and completions[0].tokens is None and reported:
        completions[0] = completions[0].model_copy(update={"tokens": usage.completion_tokens})
    notes = dict.fromkeys(note for choice in read for note in choice.notes)
    if partial != "no":
        counted = max(usage.completion_tokens, sum(choice.generated for choice in read))
        usage = usage.model_copy(update={"completion_tokens": counted, "estimated": True})
        notes["usage counts one choice of several: completion tokens estimated"] = None
    kept = any(choice.kept_stop for choice in read)
    return Reply(
        completions=tuple(completions),
        usage=usage,
        notes=tuple(notes),
        stop=(False if kept else None) if request.stop else None,
        logprobs=any(c.logprobs is not None for c in completions) if _wanted(request) else None,
        reported=reported,
        partial=partial,
    )


def cut_at_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the first of the stop strings begins in ``text``, or None where there is none."""
    found = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return min(found) if found else None


def decode_body(body: str, content_type: str) -> Mapping[str, Any]:
    """The JSON object that a body is.

    Raises:
        Malformed: It is none.
    """
    if "html" in content_type.lower() or body.lstrip()[:1] == "<":
        raise Malformed(f"a web page came instead of JSON ({content_type or 'no type'}): {body[:200]!r}", html=True)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(f"the body is not valid JSON (cut off?): {body[:200]!r}") from None
    if not isinstance(data, Mapping):
        raise Malformed(f"the body is not a JSON object: {body[:200]!r}")
    return data


class _Choice(NamedTuple):
    completion: Completion
    notes: list[str]
    kept_stop: bool
    generated: int  # tokens, estimated before anything is cut off: what was generated was paid for
    listed: int  # tokens that came with a log-probability each
    full: bool  # ended at max_tokens (or, rarely, at the end of the context)


def _read_choice(choice: Mapping[str, Any], request: SampleRequest) -> _Choice:
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    text = _text(message.get("content", choice.get("text")))
    notes = []
    if not text and any(message.get(name) for name in ("reasoning_content", "reasoning")):
        notes.append("only reasoning came back, no answer text: raise max_tokens")
    if not text and message.get("refusal"):
        notes.append("the model refused")
    finish = _FINISH.get(str(choice.get("finish_reason")), "other")
    entries = _logprobs(choice.get("logprobs"), text, request.top_logprobs) if _wanted(request) else None
    tokens = len(entries) if entries else None
    full = finish == "length"
    generated = tokens or (request.max_tokens if full else min(request.max_tokens, estimate_tokens(text)))
    at = cut_at_stop(text, request.stop)
    if at is not None:
        behind = len(text) - at - max(len(stop) for stop in request.stop if text.startswith(stop, at))
        kept = behind <= _TOKEN_ROOM and finish != "length"
        notes.append(f"stop {'kept in the text' if kept else 'ignored'}: text cut off here")
        text, finish = text[:at], "stop"
    if entries is not None and request.stop:
        entries = _covering(entries, len(text.encode()))
    logprobs = None if entries is None else tuple(entry.logprob for entry in entries)
    completion = Completion(text=text, finish_reason=finish, tokens=tokens, logprobs=logprobs)
    return _Choice(completion, notes, at is not None, generated, tokens or 0, full)


def _text(content: object) -> str:
    """The text of a message's content: a string, or a list of parts of which the text ones are joined."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str):
        return ""
    # JSON may carry half a surrogate pair, which no later encoder accepts.
    return content.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Entry(NamedTuple):
    logprob: TokenLogprob
    width: int  # bytes; a token may be part of a character, so its text does not tell


def _wanted(request: SampleRequest) -> bool:
    return request.logprobs or request.top_logprobs > 0


def _logprobs(raw: object, text: str, alternatives: int) -> list[_Entry] | None:
    content = raw.get("content") if isinstance(raw, Mapping) else None
    if not isinstance(content, list) or (text and not content):
        return None
    tokens = []
    for entry in content:
        value = _finite(entry.get("logprob")) if isinstance(entry, Mapping) else None
        if value is None:
            return None
        top: dict[str, float] = {}
        others = entry.get("top_logprobs")
        for other in others[:alternatives] if isinstance(others, list) else ():
            alternative = _finite(other.get("logprob")) if isinstance(other, Mapping) else None
            if alternative is not None:
                top.setdefault(_text(other.get("token")), alternative)
        token, raw_bytes = _text(entry.get("token")), entry.get("bytes")
        width = len(raw_bytes) if isinstance(raw_bytes, list) else len(token.encode())
        tokens.append(_Entry(TokenLogprob(token=token, logprob=value, top=top), width))
    return tokens


def _covering(entries: list[_Entry], length: int) -> list[_Entry]:
    """The tokens that make up the first ``length`` bytes: those of a stop string are left out."""
    covered = 0
    for index, entry in enumerate(entries):
        if covered >= length:
            return entries[:index]
        covered += entry.width
    return entries


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return max(float(value), -1e4)  # some endpoints write minus infinity, which JSON cannot carry onwards


def read_count(value: object) -> int | None:
    """A token count, None where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _reported(raw: object) -> Usage | None:
    """The endpoint's own counts, None unless both are there."""
    if not isinstance(raw, Mapping):
        return None
    prompt, completion = read_count(raw.get("prompt_tokens")), read_count(raw.get("completion_tokens"))
    if not prompt or completion is None:  # a prompt of zero tokens is a count that was not made
        return None
    details = raw.get("prompt_tokens_details")
    cached = read_count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
    return Usage(
        prompt_tokens=prompt, cached_prompt_tokens=min(cached or 0, prompt), completion_tokens=completion, calls=1
    )


def _usage(raw: object, request: SampleRequest, read: Sequence[_Choice]) -> tuple[Usage, bool]:
    reported = _reported(raw)
    if reported is not None and (reported.completion_tokens or not any(choice.completion.text for choice in read)):
        return reported, True
    fields = raw if isinstance(raw, Mapping) else {}
    prompt = read_count(fields.get("prompt_tokens")) or estimate_prompt(request.messages)
    completion = read_count(fields.get("completion_tokens")) or sum(choice.generated for choice in read)
    return Usage(prompt_tokens=prompt, completion_tokens=completion, calls=1, estimated=True), False


def _leaves_out(
    counted: int, read: Sequence[_Choice], request: SampleRequest, known: bool
) -> Literal["no", "likely", "certain"]:
    """Whether a count of completion tokens leaves out some of the choices, as llama.cpp's server does.

    It does for certain where it is less than the tokens listed, or what one choice alone has used up. Below 1/1.6 of
    what is estimated it likely does: leaving out one of two like choices makes 1/2, and to err upwards is safe.
    """
    if len(read) == 1:
        return "no"
    one_counted = counted == request.max_tokens and all(choice.full for choice in read)
    if known or one_counted or counted < sum(choice.listed for choice in read):
        return "certain"
    return "likely" if 1.6 * counted < sum(choice.generated for choice in read) else "no"
