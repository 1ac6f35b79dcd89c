"""Prompts are files: one Jinja template per role, in two dialects, each replaceable by the user.

``chat`` is for general language models, ``compact`` for the embedded one. A template holds one or several messages,
each under a line ``--- system ---``, ``--- user ---`` or ``--- assistant ---``; without such a line the whole file is
one user message. The SHA-256 of every template goes into the trace. Templates come from files on disk only; a language
model's words are values, never templates.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ...planner.errors import ConfigError
from ..base import Message

Dialect = Literal["chat", "compact"]
ROLES = ("draft", "edit", "answer", "direct", "program", "self_check", "critique", "compare", "revise")
_ASKED = re.compile(
    r"^[ \t]*(?:async +)?def +\w+ *\(|\bfunction +`?\w+\([^)\n]{0,80}\)`? +is +to +be +written\b|"
    r"(?:^|[.!?:;]\s+|\bplease\s+)(?:write|implement|complete|create|define)\s+(?:me\s+)?"
    r"(?:in +python\b|(?:a|an|one|the|this)(?: +\w+)? +(?:python|program|script|method)\b|(?:a|an|one|this) +function\b"
    r"|python\b)",
    re.IGNORECASE | re.MULTILINE,
)
"""A question that is to be answered by a program: an order to write one, or the head of one to go on from."""
_PLANNED = re.compile(r"^goal: (?:write|implement|define) `?\w+\(|\[ ?(?:code|test|program): ", re.MULTILINE)
_HEADER = re.compile(r"^--- (system|user|assistant) ---\n", re.MULTILINE)


class PromptSet:
    """The templates of one dialect.

    Args:
        dialect: ``chat`` or ``compact``.
        overrides: Folder with ``ROLE.j2`` files that take the place of the shipped ones; roles it lacks stay.

    Raises:
        ConfigError: An override folder or template cannot be read or is not a template.
    """

    def __init__(self, dialect: Dialect = "chat", overrides: str | Path | None = None) -> None:
        self.dialect = dialect
        self._environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._environment.filters["spaced"] = spaced
        self._environment.tests["asking_for_a_program"] = asks_for_program
        self._environment.tests["of_a_program"] = plans_program
        self._sources = {role: _shipped(dialect, role) for role in ROLES}
        if overrides is not None:
            self._sources |= _overriding(Path(overrides))
        try:
            self._templates = {
                role: [(who, self._environment.from_string(part)) for who, part in _sections(text)]
                for role, text in self._sources.items()
            }
        except TemplateError as error:
            raise ConfigError(f"a prompt template does not parse: {error}") from None

    @classmethod
    def load(cls, dialect: Dialect = "chat", overrides: str | Path | None = None) -> PromptSet:
        """The shipped templates of a dialect, with overrides from a folder; without any, always the same instance."""
        return _unchanged(dialect) if overrides is None and cls is PromptSet else cls(dialect, overrides)

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of each template, by role."""
        return {role: hashlib.sha256(text.encode()).hexdigest() for role, text in sorted(self._sources.items())}

    def render(self, role: str, **values: Any) -> tuple[Message, ...]:
        """The messages for a role.

        Args:
            role: One of :data:`ROLES`.
            **values: What the template names, for instance ``question`` and ``plan``.

        Raises:
            ConfigError: No such role, or the template needs a value that was not given.
        """
        if role not in self._templates:
            raise ConfigError(f"no prompt for role {role!r}; roles are {', '.join(ROLES)}")
        try:
            return tuple(Message(role=who, content=part.render(**values)) for who, part in self._templates[role])
        except TemplateError as error:
            raise ConfigError(f"prompt {role} ({self.dialect}): {error}") from None


@cache
def _unchanged(dialect: Dialect) -> PromptSet:
    """Compiling templates takes longer than many a step; sets hold no state, so one of each does."""
    return PromptSet(dialect)


def spaced(plan: str) -> str:
    """A plan with a space after every opening bracket, as the compact dialect writes it.

    A byte-level tokenizer has different tokens for a word with and without a space before it; this way every name is
    one and the same token wherever it stands.
    """
    return re.sub(r"(?<!\\)\[(?=\S)", "[ ", plan)


def asks_for_program(question: str) -> bool:
    """Whether a question tells its reader to write a program (``question is asking_for_a_program`` in templates)."""
    return _ASKED.search(question) is not None


def plans_program(plan: str) -> bool:
    """Whether a plan in notation is one for a program: by its goal, or by a check on a program's text or results.

    Templates say ``plan is of_a_program``.
    """
    return _PLANNED.search(plan) is not None


def _shipped(dialect: str, role: str) -> str:
    return resources.files(__package__).joinpath(dialect, f"{role}.j2").read_text(encoding="utf-8")


def _overriding(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise ConfigError(f"the prompt folder {folder} does not exist")
    unknown = sorted(p.stem for p in folder.glob("*.j2") if p.stem not in ROLES)
    if unknown:
        raise ConfigError(f"{folder}: no such roles: {', '.join(unknown)} (roles are {', '.join(ROLES)})")
    try:
        return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.j2"))}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the prompts in {folder}: {error}") from None


def _sections(text: str) -> list[tuple[Literal["system", "user", "assistant"], str]]:
    """Cuts a template at its header lines *before* anything is filled in, so that no value can start a message."""
    pieces = _HEADER.split(text)
    if len(pieces) == 1:
        return [("user", text)]
    roles, contents = pieces[1::2], pieces[2::2]
    return [(role, content.strip("\n")) for role, content in zip(roles, contents, strict=True)]  # type: ignore[misc]
