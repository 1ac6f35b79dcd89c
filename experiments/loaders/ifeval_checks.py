"""The verifiable instructions of IFEval: what each asks of a response, as plain functions of text and arguments.

They follow the published checker (Zhou et al. 2023, arXiv 2311.07911). Where that one uses other libraries this one has
its own rules: sentences end at ``.!?`` before a capital, after known abbreviations excepted; words in capitals are
counted with their hyphens and apostrophes; languages are told by :mod:`.languages`. Keywords are taken literally.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["KINDS", "Kind", "sentences", "variants"]

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_RELATIONS = ("at least", "less than")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|inc|ltd|co|corp|fig|al|etc|e\.g|i\.e|a\.m|p\.m|u\.s|approx|dept|gen|rev)"
    r"|\b[A-Za-z])\.$",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?]+[\"'\u201d\u2019)\]*]*(?=\s+[\"'\u201c\u2018(\[*]*[A-Z0-9]|\s*$)")
_FINAL = re.compile(r"[.!?][\"'\u201d\u2019)\]*]{0,9}\s*\Z")


class Kind(NamedTuple):
    """A kind of instruction.

    Attributes:
        holds: Whether a response follows it, given its arguments and a detector of languages.
        takes: Its arguments by name, with the type each must have.
    """

    holds: Callable[[str, Mapping[str, Any], Callable[[str], str]], bool]
    takes: Mapping[str, type] = {}


def sentences(text: str) -> int:
    """How many sentences a text has."""
    found = 0
    for end in _END.finditer(text):
        final = not text[end.end() :].strip()
        found += final or not (end.group().startswith(".") and _ABBREVIATION.search(text[: end.start() + 1][-12:]))
    return found + bool(text.strip() and not _FINAL.search(text))


def variants(text: str) -> Iterator[str]:
    """The texts that the loose criterion tries: without first or last line, without asterisks, and all combinations."""
    lines = text.split("\n")
    for version in (text, "\n".join(lines[1:]), "\n".join(lines[:-1]), "\n".join(lines[1:-1])):
        yield version.strip() if version is not text else version
        yield (version.strip() if version is not text else version).replace("*", "")


def _compared(count: int, relation: str, threshold: int) -> bool:
    return count < threshold if relation == "less than" else count >= threshold


def _paragraphs(text: str, arguments: Mapping[str, Any]) -> bool:
    parts = re.split(r"\s?\*\*\*\s?", text)
    if any(not part.strip() for part in parts[1:-1]):
        return False
    return bool(sum(bool(part.strip()) for part in parts) == arguments["num_paragraphs"])


def _first_word(text: str, arguments: Mapping[str, Any]) -> bool:
    parts = text.split("\n\n")
    place = arguments["nth_paragraph"]
    count = sum(bool(part.strip()) for part in parts)
    if not 1 <= place <= count or not parts[place - 1].strip():
        return False
    first = re.split(r"[.,?!'\"]", parts[place - 1].split()[0].lstrip("'").lstrip('"'))[0].lower()
    return bool(count == arguments["num_paragraphs"] and first == arguments["first_word"].lower())


def _highlights(text: str) -> int:
    single = sum(bool(found.strip("*").strip()) for found in re.findall(r"\*[^\n*]*\*", text))
    return single + sum(bool(found[2:-2].strip()) for found in re.findall(r"\*\*[^\n*]*\*\*", text))


def _bullets(text: str) -> int:
    stars = re.findall(r"^[^\S\n]*\*[^*].*$", text, re.MULTILINE)
    return len(stars) + len(re.findall(r"^[^\S\n]*-.*$", text, re.MULTILINE))


def _sections(text: str, splitter: str) -> int:
    return len(re.findall(rf"\s?{re.escape(splitter.strip())}\s?\d+\s?", text))


def _json(text: str) -> bool:
    text = re.sub(r"^```(?:json|Json|JSON)?", "", text.strip()).removesuffix("```").strip()
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _postscript(text: str, marker: str) -> bool:
    known = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return bool(re.search(known.get(marker.strip(), re.escape(marker.strip().lower())), text.lower()))


def _two(text: str) -> bool:
    parts = text.split("******")
    if any(not part.strip() for part in parts[1:-1]):
        return False
    given = [part.strip() for part in parts if part.strip()]
    return len(given) == 2 and given[0] != given[1]


def _placeholders(text: str) -> int:
    return sum(len(re.findall(r"\[.*?\]", line)) for line in text.split("\n") if "]" in line)


def _title(text: str) -> bool:
    if ">>" not in text:
        return False  # spares a long search for an end that is not there
    return any(found.lstrip("<").rstrip(">").strip() for found in re.findall(r"<<[^\n]+>>", text))


def _contains(word: str, text: str) -> bool:
    return bool(re.search(re.escape(word), text, re.IGNORECASE))


def _forbidden(word: str, text: str) -> bool:
    return bool(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE))


def _capitals(text: str) -> int:
    return sum(word.isupper() for word in re.findall(r"\w+(?:[-'\u2019.]\w+)*", text))


def _count(word: str, text: str) -> int:
    return len(re.findall(re.escape(word.strip()), text, re.IGNORECASE))


_REL = {"relation": str}
KINDS: Mapping[str, Kind] = {
    "change_case:capital_word_frequency": Kind(
        lambda t, a, _: _compared(_capitals(t), a["capital_relation"], a["capital_frequency"]),
        {"capital_relation": str, "capital_frequency": int},
    ),
    "change_case:english_capital": Kind(lambda t, a, d: t.isupper() and d(t) in ("", "en")),
    "change_case:english_lowercase": Kind(lambda t, a, d: t.islower() and d(t) in ("", "en")),
    "combination:repeat_prompt": Kind(
        lambda t, a, _: t.strip().lower().startswith(a["prompt_to_repeat"].strip().lower()), {"prompt_to_repeat": str}
    ),
    "combination:two_responses": Kind(lambda t, a, _: _two(t)),
    "detectable_content:number_placeholders": Kind(
        lambda t, a, _: _placeholders(t) >= a["num_placeholders"], {"num_placeholders": int}
    ),
    "detectable_content:postscript": Kind(
        lambda t, a, _: _postscript(t, a["postscript_marker"]), {"postscript_marker": str}
    ),
    "detectable_format:constrained_response": Kind(lambda t, a, _: any(option in t for option in OPTIONS)),
    "detectable_format:json_format": Kind(lambda t, a, _: _json(t)),
    "detectable_format:multiple_sections": Kind(
        lambda t, a, _: _sections(t, a["section_spliter"]) >= a["num_sections"],
        {"section_spliter": str, "num_sections": int},
    ),
    "detectable_format:number_bullet_lists": Kind(
        lambda t, a, _: _bullets(t) == a["num_bullets"], {"num_bullets": int}
    ),
    "detectable_format:number_highlighted_sections": Kind(
        lambda t, a, _: _highlights(t) >= a["num_highlights"], {"num_highlights": int}
    ),
    "detectable_format:title": Kind(lambda t, a, _: _title(t)),
    "keywords:existence": Kind(lambda t, a, _: all(_contains(word, t) for word in a["keywords"]), {"keywords": list}),
    "keywords:forbidden_words": Kind(
        lambda t, a, _: not any(_forbidden(word, t) for word in a["forbidden_words"]), {"forbidden_words": list}
    ),
    "keywords:frequency": Kind(
        lambda t, a, _: _compared(_count(a["keyword"], t), a["relation"], a["frequency"]),
        {"keyword": str, "frequency": int, **_REL},
    ),
    "keywords:letter_frequency": Kind(
        lambda t, a, _: _compared(t.lower().count(a["letter"].lower()), a["let_relation"], a["let_frequency"]),
        {"letter": str, "let_frequency": int, "let_relation": str},
    ),
    "language:response_language": Kind(lambda t, a, d: d(t) in ("", a["language"]), {"language": str}),
    "length_constraints:nth_paragraph_first_word": Kind(
        lambda t, a, _: _first_word(t, a), {"num_paragraphs": int, "nth_paragraph": int, "first_word": str}
    ),
    "length_constraints:number_paragraphs": Kind(lambda t, a, _: _paragraphs(t, a), {"num_paragraphs": int}),
    "length_constraints:number_sentences": Kind(
        lambda t, a, _: _compared(sentences(t), a["relation"], a["num_sentences"]), {"num_sentences": int, **_REL}
    ),
    "length_constraints:number_words": Kind(
        lambda t, a, _: _compared(len(re.findall(r"\w+", t)), a["relation"], a["num_words"]), {"num_words": int, **_REL}
    ),
    "punctuation:no_comma": Kind(lambda t, a, _: "," not in t),
    "startend:end_checker": Kind(
        lambda t, a, _: t.strip().strip('"').lower().endswith(a["end_phrase"].strip().lower()), {"end_phrase": str}
    ),
    "startend:quotation": Kind(lambda t, a, _: len(t.strip()) > 1 and t.strip()[0] == t.strip()[-1] == '"'),
}
"""Every kind that occurs in the published prompts."""


def fault_of(kind: str, arguments: Mapping[str, Any]) -> str:
    """What is wrong with an instruction as published, empty where nothing is."""
    known = KINDS.get(kind)
    if known is None:
        return f"unknown instruction {kind[:60]!r}"
    if set(arguments) != set(known.takes):
        return f"{kind} takes {', '.join(known.takes) or 'nothing'}, not {', '.join(map(str, arguments)) or 'nothing'}"
    for name, wanted in known.takes.items():
        value = arguments[name]
        if not isinstance(value, wanted) or isinstance(value, bool):
            return f"{kind}: {name} is {type(value).__name__}, not {wanted.__name__}"
        if name.endswith("relation") and value not in _RELATIONS:
            return f"{kind}: {name} is {value!r:.40}, neither of {', '.join(_RELATIONS)}"
        if isinstance(value, list) and not all(isinstance(word, str) for word in value):
            return f"{kind}: {name} holds something that is no text"
    return ""
