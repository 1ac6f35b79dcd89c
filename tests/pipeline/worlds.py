"""A scripted model of a tiny world, and the tasks in it, for tests of the whole pipeline."""

from __future__ import annotations

import random
import re

from planneal.decoders.base import SampleRequest

NAMES = ("nuts", "bolts", "wigs", "saws", "fans", "mats")
QUESTION = (
    "There are 4 nuts. Bolts outnumber nuts by 3. There are twice as many wigs as bolts. "
    "There are 5 fewer saws than wigs. There are 9 mats. How many saws are there?"
)
RELATIONS = {
    "nuts": "nuts = 4",
    "bolts": "bolts = nuts + 3",
    "wigs": "wigs = 2 * bolts",
    "saws": "saws = wigs - 5",
}
ANSWER = {"nuts": "4", "bolts": "4 + 3 = 7", "wigs": "2 * 7 = 14", "saws": "14 - 5 = 9"}
_ITEM = re.compile(r"^(S\d+): .*\[ ?(\w+) =", re.MULTILINE)


def draft(missing: tuple[str, ...] = ("bolts", "nuts")) -> str:
    """The gold plan without some symbols."""
    kept = [symbol for symbol in RELATIONS if symbol not in missing]
    ids = {symbol: f"S{index}" for index, symbol in enumerate(kept, start=1)}
    lines = []
    for symbol in kept:
        needs = [ids[word] for word in re.findall(r"[a-z]+", RELATIONS[symbol].split("=")[1]) if word in ids]
        lines.append(f"{ids[symbol]}: [{RELATIONS[symbol]}]" + (f" <- {', '.join(needs)}" if needs else ""))
    return "\n".join(["goal: how many saws? [saws]", *lines])


def edits(prompt: str) -> str:
    """One insert for every undefined symbol that a prompt names."""
    found = re.findall(r"(S\d+) uses (\w+), defined nowhere", prompt)
    return "\n".join(f"insert S before {item}: [{RELATIONS[symbol]}]" for item, symbol in found)


def answer(prompt: str) -> str:
    """The answer that follows the last plan in the prompt, with its citations."""
    ids = {symbol: item_id for item_id, symbol in _ITEM.findall(prompt)}
    lines = [f"{symbol} = {ANSWER[symbol]} [{ids[symbol]}]" for symbol in RELATIONS if symbol in ids]
    return "\n".join([*lines, f"answer: 9 [{ids.get('saws', 'S1')}]"])


def respond(prompt: str, missing: tuple[str, ...] = ("bolts", "nuts")) -> str:
    """What a good model would say, by the role that the prompt's end gives away (both dialects)."""
    end = prompt.rstrip()[-12:].lower()
    if end.endswith(("edit:", "edits:")):
        return edits(prompt)
    if end.endswith("plan:"):
        return draft(missing)
    if end.endswith("answer:"):
        return answer(prompt)
    return "yes"


def model_reply(request: SampleRequest, index: int) -> str:
    """:func:`respond` for a :class:`planneal.testing.FunctionModel`."""
    return respond(request.prompt)


def endpoint_reply(body: dict, index: int) -> str:  # type: ignore[type-arg]
    """:func:`respond` for the local test endpoint."""
    return respond("".join(message["content"] for message in body["messages"]))


def garbage(seed: int):  # type: ignore[no-untyped-def]
    """A model that talks nonsense of every kind, reproducibly."""
    rng = random.Random(seed)
    scraps = ["", "S1:", "goal:", "insert S before S99: [x = 1]", "delete C1", "\x00", "```", "answer: [S9]", "[[["]
    scraps += ["S2: [nuts = 4]"]

    def reply(request: SampleRequest, index: int) -> str:
        return "\n".join(rng.choice(scraps) for _ in range(rng.randrange(6)))

    return reply
