"""Where the program that is judged comes from: a fixed text, a text's code block, the plan itself, or a model.

A :class:`ProgramSource` names what the program depends on (its part of a verdict's scope) and hands the program out.
Nothing here runs or compiles it.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal
from weakref import WeakKeyDictionary

from ..decoders.base import LanguageModel, SampleRequest
from ..decoders.prompts import PromptSet
from ..planner.checks import Check, register_check
from ..planner.errors import ConfigError, VerifierError
from ..planner.ledger import Usage
from ..planner.notation import format_plan
from ..planner.plan import Plan
from ..planner.task import Task
from .syntax import NotPython, TooLarge, parse_program

_FENCE = re.compile(r"^```[ \t]*([A-Za-z0-9_+.-]*)[^\n`]*\n(.*?)(?:^```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_PYTHON = ("python", "py", "python3")
_KEPT = 256


@dataclass(frozen=True)
class Program:
    """A program as text, and what it cost to have it.

    Attributes:
        source: The text, untrusted.
        usage: Tokens and calls spent on it now; nothing where it was known already.
    """

    source: str
    usage: Usage = field(default_factory=Usage)


class ProgramSource(ABC):
    """Hands out the program that belongs to a plan.

    Attributes:
        exact: Whether a plan has one program, so that a verdict on the program is one on the plan. Where a model
            writes it, the next one may be another.
    """

    exact: bool = True

    @abstractmethod
    def scope(self, task: Task, plan: Plan) -> Hashable | None:
        """Everything the program depends on, as a hashable key; None where there is no program to judge."""

    @abstractmethod
    async def program(self, task: Task, plan: Plan, draw: int = 0) -> Program | None:
        """The program; None where what should hold one holds none.

        Args:
            task: The task.
            plan: The plan.
            draw: Number of the draw, for sources that are not exact.
        """

    def parts(self, task: Task, plan: Plan) -> tuple[str, ...]:
        """Ids of the plan's own items that the program comes from, the one to edit first in front."""
        return ()

    def with_model(self, model: LanguageModel) -> ProgramSource:
        """The same source bound to a model; itself where it asks none."""
        return self


class FixedProgram(ProgramSource):
    """A program that is given, whatever the plan: a draft answer's, for instance.

    Args:
        source: The program.
    """

    def __init__(self, source: str) -> None:
        self._program = Program(source)

    def scope(self, task: Task, plan: Plan) -> Hashable:
        """The text's hash."""
        return hashlib.sha256(self._program.source.encode(errors="replace")).hexdigest()

    async def program(self, task: Task, plan: Plan, draw: int = 0) -> Program:
        """The text."""
        return self._program


class FencedProgram(ProgramSource):
    """The program in the code fences of a text, as chat models write it.

    Args:
        text: The text, for instance a draft answer.
        which: Which block counts where there are several: the ``last`` (what a model settled on), the ``first``, or
            ``all`` of them in order.
    """

    def __init__(self, text: str, which: Literal["last", "first", "all"] = "last") -> None:
        self._text = text
        self._which: Literal["last", "first", "all"] = which

    def scope(self, task: Task, plan: Plan) -> Hashable:
        """The text's hash."""
        return self._which, hashlib.sha256(self._text.encode(errors="replace")).hexdigest()

    async def program(self, task: Task, plan: Plan, draw: int = 0) -> Program | None:
        """The code of the block or blocks."""
        source = fenced(self._text, self._which)
        return None if source is None else Program(source)


def fenced(text: str, which: Literal["last", "first", "all"] = "last") -> str | None:
    """The Python in the code fences of a text, or None.

    Blocks marked as Python count; where no block is, unmarked ones do. A fence that is never closed (a reply that was
    cut off) counts to the end of the text.
    """
    blocks = [(found[1].lower(), found[2]) for found in _FENCE.finditer(text.replace("\r\n", "\n"))]
    python = [code for language, code in blocks if language in _PYTHON]
    python = python or [code for language, code in blocks if not language]
    if not python:
        return None
    return "\n\n".join(python) if which == "all" else python[-1 if which == "last" else 0]


@register_check
class ProgramCheck(Check):
    r"""Code attached to a plan item: ``program: "def f(xs):\n    return len(xs)\n"``, a JSON string on one line.

    Code that fits on one line may stand without quotes: ``program: def f(xs): return len(xs)``.
    """

    prefix: ClassVar[str] = "program:"
    kind: Literal["program"] = "program"

    @classmethod
    def of(cls, source: str) -> ProgramCheck:
        """The check that holds this code."""
        return cls(text=json.dumps(source))

    @cached_property
    def source(self) -> str | None:
        """The code, or None where the text is no readable form of any."""
        if not self.text.startswith('"'):
            return self.text + "\n"
        try:
            source = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return source if isinstance(source, str) else None

    @property
    def fault(self) -> str | None:
        """Why this is no Python, or None."""
        if self.source is None:
            return "not a JSON string"
        try:
            parse_program(self.source)
        except NotPython as error:
            return str(error)
        except TooLarge:
            return None
        return None


class PlanProgram(ProgramSource):
    """The code attached to the plan's items, joined in plan order."""

    def _holders(self, plan: Plan) -> list[tuple[str, ProgramCheck]]:
        return [(item.id, item.check) for item in plan.items if isinstance(item.check, ProgramCheck)]

    def scope(self, task: Task, plan: Plan) -> Hashable | None:
        """The codes in order; None where no item has any."""
        return tuple((item_id, check.text) for item_id, check in self._holders(plan)) or None

    async def program(self, task: Task, plan: Plan, draw: int = 0) -> Program | None:
        """All code, in plan order."""
        sources = [check.source for _, check in self._holders(plan) if check.source is not None]
        return Program("\n".join(sources)) if sources else None

    def parts(self, task: Task, plan: Plan) -> tuple[str, ...]:
        """The items with code that are the plan's own, the last first."""
        return tuple(item_id for item_id, _ in reversed(self._holders(plan)) if not plan[item_id].locked)


class ModelProgram(ProgramSource):
    """A language model writes the program from the question and the plan.

    The model is bound by :meth:`with_model`, in a run to the metered one, so that what it writes is paid for and
    recorded. A program is written once for a question, plan and draw. The first draw is greedy, later ones are sampled.

    Args:
        model: The model; without one, asking for a program is an error until a model is bound.
        prompts: Where the ``program`` prompt comes from; None takes those of the model's dialect.
        temperature: Temperature of every draw but the first.
        max_tokens: Completion tokens allowed.

    Raises:
        ConfigError: A number is out of range.
    """

    exact = False

    def __init__(
        self,
        model: LanguageModel | None = None,
        *,
        prompts: PromptSet | None = None,
        temperature: float = 0.7,
        max_tokens: int = 800,
    ) -> None:
        if temperature < 0 or max_tokens < 1:
            raise ConfigError("a program needs a temperature of at least 0 and at least one token")
        self.model = model
        self.prompts = prompts
        self.temperature = temperature
        self.max_tokens = max_tokens
        self._written: dict[Hashable, Program] = {}
        self._bound: WeakKeyDictionary[LanguageModel, ModelProgram] = WeakKeyDictionary()

    def with_model(self, model: LanguageModel) -> ModelProgram:
        """The same source bound to a model; one and the same for each model, so that verifiers share what it writes."""
        if model not in self._bound:
            self._bound[model] = ModelProgram(
                model, prompts=self.prompts, temperature=self.temperature, max_tokens=self.max_tokens
            )
        return self._bound[model]

    def scope(self, task: Task, plan: Plan) -> Hashable:
        """The model, how it is asked, the question and the plan."""
        how = (self.model.name if self.model else "", self.temperature, self.max_tokens)
        return (how, task.question, format_plan(plan, bare=True))

    def parts(self, task: Task, plan: Plan) -> tuple[str, ...]:
        """The plan's own subgoals, the last first: the program is made of them."""
        return tuple(item.id for item in reversed(plan.items) if item.kind == "S" and not item.locked)

    async def program(self, task: Task, plan: Plan, draw: int = 0) -> Program | None:
        """The program, written now or known already.

        Raises:
            VerifierError: No model is bound.
            ModelError: The model could not answer.
            BudgetExhausted: The call does not fit.
        """
        if self.model is None:
            raise VerifierError("no model is bound to write the program")
        key = (self.scope(task, plan), draw)
        if (known := self._written.get(key)) is not None:
            return Program(known.source)
        prompts = self.prompts or PromptSet.load(self.model.capabilities.dialect)
        messages = prompts.render("program", question=task.question, plan=format_plan(plan, bare=True))
        request = SampleRequest(
            messages=messages,
            temperature=self.temperature if draw else 0.0,
            max_tokens=self.max_tokens,
            seed=int.from_bytes(hashlib.sha256(f"program:{draw}".encode()).digest()[:4]),
        )
        samples = await self.model.sample(request)
        # Two that asked at once both paid; the first program stays, so that they judge the same one from now on.
        kept = self._written.setdefault(key, Program(_code_of(samples[0].text)))
        while len(self._written) > _KEPT:
            self._written.pop(next(iter(self._written)))
        return Program(kept.source, samples.usage)


def _code_of(text: str) -> str:
    """The code of a reply: its fenced block, or all of it where there is none."""
    return fenced(text) or text


def as_source(program: ProgramSource | str) -> ProgramSource:
    """A source: a text is a fixed program."""
    return FixedProgram(program) if isinstance(program, str) else program


__all__ = [
    "FencedProgram",
    "FixedProgram",
    "ModelProgram",
    "PlanProgram",
    "Program",
    "ProgramCheck",
    "ProgramSource",
    "as_source",
    "fenced",
]
