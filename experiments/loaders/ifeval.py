"""IFEval: prompts whose instructions can be checked by machine, with the paper's strict and loose accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..families.base import Problem
from .base import PublicSet, SealedGold
from .ifeval_checks import KINDS, fault_of, variants
from .languages import language_of
from .rows import Hub, Row

__all__ = ["Accuracy", "IfEval", "InstructionGold"]


class InstructionGold(SealedGold):
    """What is checked. The prompt says the same in words, so nothing here is secret but the form.

    Attributes:
        kinds: Kinds of the instructions.
        arguments: The arguments of each.
    """

    kinds: tuple[str, ...]
    arguments: tuple[Mapping[str, Any], ...]


class Accuracy(NamedTuple):
    """The paper's four figures, each in [0, 1].

    Attributes:
        prompt_strict: Share of prompts all of whose instructions are followed.
        instruction_strict: Share of instructions that are followed.
        prompt_loose: The same, where a response may lack its first or last line, or its asterisks.
        instruction_loose: Likewise.
    """

    prompt_strict: float
    instruction_strict: float
    prompt_loose: float
    instruction_loose: float


class IfEval(PublicSet[InstructionGold]):
    """IFEval (Zhou et al. 2023, arXiv 2311.07911). It publishes no responses.

    Args:
        detect: Tells the language of a text by its ISO 639-1 code, empty where it cannot; the project's own detector
            if None. For figures beside published ones pass `langdetect.detect`, which the paper uses.
    """

    name = "ifeval"
    about = "prompts with instructions that can be checked by machine"
    form = "jsonl: key, prompt, instruction_id_list, kwargs"
    grader = "every instruction is followed (strict); strict and loose accuracy as in the paper"
    hubs = (Hub("google/IFEval", split="train"),)

    def __init__(self, detect: Callable[[str], str] | None = None) -> None:
        self._detect = detect or language_of

    def problem(self, row: Row) -> Problem[InstructionGold]:
        """A row as a problem."""
        kinds, listed = row.texts("instruction_id_list"), row.field("kwargs", list)
        if not kinds or len(kinds) != len(listed):
            raise row.error(f"{len(kinds)} instructions, {len(listed)} kwargs")
        arguments: list[Mapping[str, Any]] = []
        for kind, given in zip(kinds, listed, strict=True):
            if not isinstance(given, Mapping):
                raise row.error(f"kwargs of {kind} is no object")
            kept = {str(name): _whole(value) for name, value in given.items() if value is not None}
            if fault := fault_of(kind, kept):
                raise row.error(fault)
            arguments.append(kept)
        key = str(row.field("key", int, str))
        return Problem[InstructionGold](
            public=self.public(row, row.text("prompt"), size=len(kinds), key=key),
            gold=InstructionGold(kinds=kinds, arguments=tuple(arguments)),
        )

    async def grade(self, problem: Problem[InstructionGold], text: str) -> bool:
        """Whether every instruction is followed, strictly."""
        return all(self.followed(problem, text))

    def followed(self, problem: Problem[InstructionGold], text: str, *, loose: bool = False) -> tuple[bool, ...]:
        """Which instructions a response follows.

        Args:
            problem: The problem.
            text: The response.
            loose: Whether it may lack its first or last line, or its asterisks.
        """
        tried = list(variants(text)) if loose else [text]
        return tuple(
            any(one.strip() and KINDS[kind].holds(one, arguments, self._detect) for one in tried)
            for kind, arguments in zip(problem.gold.kinds, problem.gold.arguments, strict=True)
        )

    def accuracy(self, problems: Sequence[Problem[InstructionGold]], texts: Sequence[str]) -> Accuracy:
        """Strict and loose accuracy, by prompt and by instruction.

        Raises:
            ValueError: Sequences of different lengths, or empty ones.
        """
        pairs = list(zip(problems, texts, strict=True))
        if not pairs:
            raise ValueError("no responses")
        found: list[float] = []
        for loose in (False, True):
            each = [self.followed(problem, text, loose=loose) for problem, text in pairs]
            found.append(sum(map(all, each)) / len(each))
            found.append(sum(map(sum, each)) / sum(map(len, each)))
        return Accuracy(*found)


def _whole(value: object) -> object:
    """A number such as 3.0, as some copies have it, as 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
