"""One body of vLLM's pooling endpoint, read strictly: a number that is not there is never made up.

The body is ``{"data": [{"index": 0, "data": ...}, ...], "usage": {...}}``. An entry's ``data`` is a list with one row
per step (a model served with step pooling) or one per token (all tokens pooled); a row is a number or a list of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..planner.errors import BadResponse
from ..planner.ledger import Usage
from .prm_formats import Layout
from .wire import Malformed, decode_body, read_count

Row = list[float]
Entry = list[Row] | BadResponse
"""The rows of one input, or what is wrong with them."""


@dataclass(frozen=True)
class PooledReply:
    """One answered request.

    Attributes:
        entries: One per input, in the order of the request.
        usage: Its cost, ``calls=1``; estimated where the endpoint did not report it.
    """

    entries: tuple[Entry, ...]
    usage: Usage


def read_pooled(body: str, content_type: str, asked: int, estimate: int) -> PooledReply:
    """Reads a pooling body.

    Args:
        body: The response body.
        content_type: Its declared type.
        asked: How many inputs the request had.
        estimate: Prompt tokens to assume where the endpoint does not count them.

    Raises:
        Malformed: It is no JSON object, or it does not hold one entry for each input.
    """
    data = decode_body(body, content_type)
    usage = _usage(data.get("usage"), estimate)
    entries = data.get("data")
    if not isinstance(entries, list) or len(entries) != asked or not all(isinstance(e, Mapping) for e in entries):
        held = len(entries) if isinstance(entries, list) else "no"
        raise Malformed(f"{held} results for {asked} inputs: {body[:200]!r}", usage=usage)
    places = [entry.get("index", place) for place, entry in enumerate(entries)]
    if sorted(map(str, places)) != sorted(map(str, range(asked))):
        raise Malformed(f"results are numbered {places[:8]}", usage=usage)
    ordered = [entry for _, entry in sorted(zip(map(int, places), entries, strict=True), key=lambda pair: pair[0])]
    return PooledReply(tuple(_rows(entry.get("data")) for entry in ordered), usage)


def step_rows(rows: Sequence[Row], steps: int, layout: Layout | None) -> list[Row]:
    """The row of each step.

    Args:
        rows: One per step, or one per token.
        steps: How many steps there are.
        layout: The tokens that were sent, None where the server tokenized a text itself.

    Raises:
        BadResponse: There are neither as many rows as steps nor as many as tokens.
    """
    if len(rows) == steps:
        return list(rows)
    if layout is not None and len(rows) == len(layout.ids):
        return [rows[mark] for mark in layout.marks]
    wanted = f"{steps} steps" + (f" or {len(layout.ids)} tokens" if layout is not None else "")
    raise BadResponse(f"{len(rows)} rows came for {wanted}; is the server's step tag that of the format?")


def _rows(data: Any) -> Entry:
    if not isinstance(data, list) or not data:
        return BadResponse("an entry holds no list of numbers")
    rows = [row if isinstance(row, list) else [row] for row in data]
    if not all(row and all(_is_number(value) for value in row) for row in rows):
        return BadResponse("an entry holds something that is no finite number")
    return [[float(value) for value in row] for row in rows]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _usage(raw: Any, estimate: int) -> Usage:
    fields = raw if isinstance(raw, Mapping) else {}
    prompt = read_count(fields.get("prompt_tokens"))
    if not prompt:
        return Usage(prompt_tokens=estimate, calls=1, estimated=True)
    details = fields.get("prompt_tokens_details")
    cached = read_count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
    return Usage(prompt_tokens=prompt, cached_prompt_tokens=min(cached or 0, prompt), calls=1)
