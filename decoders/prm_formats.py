"""The published formats of process reward models, as small strategy objects.

A format says how a solution becomes tokens, at which of them the model is read (its *marks*, one per step) and what
the numbers there mean. It knows nothing of torch and holds no model: the same objects serve local models
(:mod:`planneal.decoders.prm_hf`) and served ones (:mod:`planneal.decoders.prm_http`).

Text after the last mark is left out: the models are causal, so it cannot change a score.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Literal, NamedTuple

from ..planner.errors import BadResponse, ConfigError, SeparatorError
from .base import Message
from .prm import Solution
from .prm_text import StepTokenizer, disarm

Head = Literal["classes", "words", "value"]
"""What is on top of the model: a class per token, the vocabulary (two words of it are read), or one number."""

QWEN_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
_CHATML = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
_PROBE = Solution("How many nuts are there?", ("S1: [nuts = 4]", "S2: [bolts = nuts + 3] <- S1"))


class Layout(NamedTuple):
    """A solution as tokens.

    Attributes:
        ids: Token ids, ending at the last mark.
        marks: For each step the index of the token at which the model is read.
    """

    ids: tuple[int, ...]
    marks: tuple[int, ...]


class StepFormat(ABC):
    """How one family of process reward models is asked and read."""

    head: ClassVar[Head]

    @abstractmethod
    def layout(self, tokenizer: StepTokenizer, solution: Solution) -> Layout:
        """The solution as tokens.

        Raises:
            SeparatorError: The tokenizer does not keep the separator apart.
        """

    @abstractmethod
    def text(self, solution: Solution) -> str:
        """The solution as the text that a server tokenizes itself."""

    @abstractmethod
    def probability(self, values: Sequence[float], *, logits: bool = True) -> float:
        """The score in [0, 1] that the model's numbers at a mark stand for.

        Args:
            values: The numbers: one per class, one for each of the two words, or the one value.
            logits: Whether they are raw; otherwise they are probabilities already.

        Raises:
            BadResponse: They are no numbers of this kind.
        """

    def words(self, tokenizer: StepTokenizer) -> tuple[int, int] | None:
        """Ids of the good and the bad word, where the head is the vocabulary."""
        return None

    def check(self, tokenizer: StepTokenizer) -> None:
        """Tries the format on a small solution.

        Raises:
            SeparatorError: The tokenizer does not keep the separator apart.
        """
        self.layout(tokenizer, _PROBE)
        self.words(tokenizer)


@dataclass(frozen=True)
class TokenClassification(StepFormat):
    r"""A token-classification head, as TRL's ``PRMTrainer`` trains it.

    Tokens: the start token where there is one, the question, then each step and the separator, every piece tokenized
    alone and concatenated. The label of a step is read at the last token of its separator; softmax over the classes.

    Attributes:
        separator: What follows each step; ``PRMConfig.step_separator``.
        good: The class of a good step.
        classes: How many classes there are.
    """

    head: ClassVar[Head] = "classes"
    separator: str = "\n"
    good: int = 1
    classes: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.good < self.classes or self.classes < 2:
            raise ConfigError(f"class {self.good} of {self.classes} cannot be the good one")

    def layout(self, tokenizer: StepTokenizer, solution: Solution) -> Layout:
        """Question and steps piece by piece."""
        return _pieces(tokenizer, tokenizer.start + tokenizer.ids(tokenizer.plain(solution.question)), solution, self)

    def ending(self, tokenizer: StepTokenizer) -> tuple[int, ...]:
        """The separator's tokens."""
        return tokenizer.ids(self.separator)

    def text(self, solution: Solution) -> str:
        """The same pieces joined; a server's tokenizer may merge across the joints, so prefer to send tokens."""
        return solution.question + "".join(step + self.separator for step in solution.steps)

    def probability(self, values: Sequence[float], *, logits: bool = True) -> float:
        """Softmax at the good class."""
        return _among(values, self.good, self.classes, logits)


@dataclass(frozen=True)
class QwenMath(StepFormat):
    """Qwen2.5-Math-PRM: ``<extra_0>`` after each step, two classes at those tokens, the second one is good.

    Attributes:
        system: The system message.
        separator: The step token.
    """

    head: ClassVar[Head] = "classes"
    system: str = QWEN_SYSTEM
    separator: str = "<extra_0>"

    def layout(self, tokenizer: StepTokenizer, solution: Solution) -> Layout:
        """The conversation through the model's chat template (ChatML where it has none)."""
        own = [tokenizer.plain(disarm(step, (self.separator,))) for step in solution.steps]
        question = tokenizer.plain(disarm(solution.question, (self.separator,)))
        told = "".join(step + self.separator for step in own)
        chat = tokenizer.chat([Message(role=r, content=c) for r, c in self._turns(question, told)])
        text = chat if chat is not None else self._chatml(question, told)
        if not text.endswith(told):
            raise SeparatorError("the model's chat template changes the steps; use the tokenizer of the reward model")
        lengths = accumulate(len(step) + len(self.separator) for step in own)
        ends = [len(text) - len(told) + length for length in lengths]
        return Layout(*tokenizer.marked(text, self.separator, ends, special=False))

    def text(self, solution: Solution) -> str:
        """The conversation in ChatML, the template that the published models have."""
        reserved = (*_CHATML, self.separator)
        steps = "".join(disarm(step, reserved) + self.separator for step in solution.steps)
        return self._chatml(disarm(solution.question, reserved), steps)

    def probability(self, values: Sequence[float], *, logits: bool = True) -> float:
        """Softmax at the second class."""
        return _among(values, 1, 2, logits)

    def _turns(self, question: str, told: str) -> list[tuple[Literal["system", "user", "assistant"], str]]:
        return [("system", self.system), ("user", question), ("assistant", told)]

    def _chatml(self, question: str, told: str) -> str:
        return "<|im_end|>\n".join(f"<|im_start|>{role}\n{text}" for role, text in self._turns(question, told))


@dataclass(frozen=True)
class MathShepherd(StepFormat):
    r"""Math-Shepherd: a causal language model that says ``+`` or ``-`` at the tag after each step.

    The text is the question, a space, and the steps, each followed by a space and the tag, one a line. At the tag the
    logits of the two words alone are compared (softmax over the two).

    Attributes:
        tag: The step tag.
        good: The word for a good step.
        bad: The word for a bad one.
        joint: What stands between a tag and the next step.
    """

    head: ClassVar[Head] = "words"
    tag: str = "ки"
    good: str = "+"
    bad: str = "-"
    joint: str = "\n"

    def layout(self, tokenizer: StepTokenizer, solution: Solution) -> Layout:
        """The whole text at once, as the published model was trained."""
        text, ends = self._told(tokenizer.plain(solution.question), [tokenizer.plain(s) for s in solution.steps])
        return Layout(*tokenizer.marked(text, self.tag, ends, special=True))

    def text(self, solution: Solution) -> str:
        """The whole text."""
        return self._told(solution.question, solution.steps)[0]

    def words(self, tokenizer: StepTokenizer) -> tuple[int, int]:
        """The two words' ids, as they are tokenized side by side.

        Raises:
            SeparatorError: They are not one token each.
        """
        found = tokenizer.ids(f"{self.good} {self.bad}")
        if len(found) != 2 or found[0] == found[1]:
            raise SeparatorError(f"the tokenizer does not read {self.good!r} and {self.bad!r} as one token each")
        return found[0], found[1]

    def probability(self, values: Sequence[float], *, logits: bool = True) -> float:
        """Softmax over the good and the bad word, in this order."""
        return _among(values, 0, 2, logits)

    def _told(self, question: str, steps: Sequence[str]) -> tuple[str, list[int]]:
        text, ends = question + " ", []
        for number, step in enumerate(steps):
            text += (self.joint if number else "") + f"{step} {self.tag}"
            ends.append(len(text))
        return text, ends


@dataclass(frozen=True)
class Skywork(StepFormat):
    r"""Skywork-o1-Open-PRM: a value head, read at the newline after each step; the sigmoid of the value is the score.

    Tokens: start token, question and newline; then each step, tokenized alone, and the newline token.

    Attributes:
        separator: What follows each step; its last token is the mark.
    """

    head: ClassVar[Head] = "value"
    separator: str = "\n"

    def layout(self, tokenizer: StepTokenizer, solution: Solution) -> Layout:
        """Question and steps piece by piece."""
        question = tokenizer.ids(tokenizer.plain(solution.question) + "\n")
        return _pieces(tokenizer, tokenizer.start + question, solution, self)

    def ending(self, tokenizer: StepTokenizer) -> tuple[int, ...]:
        """The separator's last token alone."""
        return tokenizer.ids(self.separator)[-1:]

    def text(self, solution: Solution) -> str:
        """The lines; a server adds the start token itself."""
        return solution.question + "\n" + "".join(step + self.separator for step in solution.steps)

    def probability(self, values: Sequence[float], *, logits: bool = True) -> float:
        """The sigmoid of the one value."""
        if len(values) != 1:
            raise BadResponse(f"one value per step was expected, {len(values)} came")
        (value,) = values
        if logits and math.isfinite(value):
            return _sigmoid(value)
        return _checked(value)


FORMATS: dict[str, type[StepFormat]] = {
    "trl": TokenClassification,
    "qwen": QwenMath,
    "math-shepherd": MathShepherd,
    "skywork": Skywork,
}
"""The formats by short name, each with its published defaults."""


def _pieces(
    tokenizer: StepTokenizer, head: tuple[int, ...], solution: Solution, form: TokenClassification | Skywork
) -> Layout:
    """Tokens of pieces that are tokenized alone: nothing can merge across their joints."""
    ending = form.ending(tokenizer)
    if not ending:
        raise SeparatorError(f"the tokenizer makes no token of the separator {form.separator!r}; choose another one")
    ids, marks = list(head), []
    for step in solution.steps:
        ids.extend(tokenizer.ids(tokenizer.plain(step)))
        ids.extend(ending)
        marks.append(len(ids) - 1)
    return Layout(tuple(ids), tuple(marks))


def _among(values: Sequence[float], good: int, count: int, logits: bool) -> float:
    """The probability of one of several classes."""
    if len(values) != count:
        raise BadResponse(f"{count} numbers per step were expected, {len(values)} came")
    if not all(math.isfinite(value) for value in values):
        raise BadResponse("the reward model gave no number for a step")
    if logits:
        top = max(values)
        weights = [math.exp(value - top) for value in values]
        return weights[good] / math.fsum(weights)
    # What is served in half precision adds up to one only nearly.
    if abs(math.fsum(values) - 1.0) > 0.02 or min(values) < 0.0:
        raise BadResponse(f"the numbers of a step, {list(values)}, are no probabilities; are they logits?")
    return _checked(values[good] / math.fsum(values))


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    return math.exp(value) / (1.0 + math.exp(value))


def _checked(score: float) -> float:
    if not math.isfinite(score):
        raise BadResponse("the reward model gave no number for a step")
    if not 0.0 <= score <= 1.0:
        raise BadResponse(f"the score of a step, {score:g}, is not in [0, 1]; is it a logit?")
    return score
