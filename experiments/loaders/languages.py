"""Which language a text is in: by its script, and within a script by letters and frequent words.

Enough for the languages that IFEval asks for and those they are easily taken for. Deterministic, without dependencies;
a detector of one's own can take its place (:class:`~planneal.experiments.loaders.ifeval.IfEval`).
"""

from __future__ import annotations

import re
from collections import Counter

from .language_words import LETTERS, WORDS

__all__ = ["language_of"]

_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x024F, "latin"),
    (0x1E00, 0x1EFF, "latin"),
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x04FF, "cyrillic"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0980, 0x09FF, "bn"),
    (0x0A00, 0x0A7F, "pa"),
    (0x0A80, 0x0AFF, "gu"),
    (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"),
    (0x0C80, 0x0CFF, "kn"),
    (0x0D00, 0x0D7F, "ml"),
    (0x0E00, 0x0E7F, "th"),
    (0x3040, 0x30FF, "ja"),
    (0x4E00, 0x9FFF, "zh"),
    (0xAC00, 0xD7AF, "ko"),
)
LETTER_WEIGHT = 1.0
WORD_WEIGHT = 2.0


def language_of(text: str) -> str:
    """The ISO 639-1 code of the language that most of a text is in; empty where it has no letters that tell."""
    text = text.lower()
    scripts = Counter(_script(character) for character in text if character.isalpha())
    scripts.pop("", None)
    if not scripts:
        return ""
    script = scripts.most_common(1)[0][0]
    if script == "zh" and scripts["ja"]:
        return "ja"
    if script not in WORDS:
        return script
    words = Counter(re.findall(r"[^\s\d.,;:!?()\"'*#<>\[\]{}/\u0964\u060c-]+", text))
    scores = {
        language: WORD_WEIGHT * sum(words[word] for word in listed.split())
        + LETTER_WEIGHT * sum(text.count(letter) for letter in LETTERS[script].get(language, ""))
        for language, listed in WORDS[script].items()
    }
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] else {"latin": "en", "cyrillic": "ru", "arabic": "ar"}.get(script, "hi")


def _script(character: str) -> str:
    code = ord(character)
    return next((name for low, high, name in _SCRIPTS if low <= code <= high), "")
