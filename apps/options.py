"""Options of the commands, and what they become: a task, a budget, settings, a model.

Precedence: an option, its ``PLANNEAL_*`` variable, the settings file, the default.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from ..decoders import registry
from ..decoders.base import LanguageModel
from ..planner.errors import ConfigError, ExpressionError
from ..planner.expressions import parse_expression
from ..planner.task import Task
from ..settings import Settings

M = TypeVar("M", bound=BaseModel)
COMMAND: dict[str, Any] = {"auto_envvar_prefix": "PLANNEAL", "max_content_width": 100}
"""Context settings of every command: one ``PLANNEAL_NAME`` variable per option, whichever command has it."""

ModelName = Annotated[
    str, typer.Option("--model", "-m", metavar="MODEL", help="embedded, openai/NAME or hf/PATH.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url", metavar="URL", help="OpenAI-compatible endpoint of an openai/NAME model (or OPENAI_BASE_URL)."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Same seed and same model outputs: same run.")]
Json = Annotated[bool, typer.Option("--json", envvar="PLANNEAL_JSON", help="One JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on standard error.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Every step, with all that decided it.")]
Prompts = Annotated[
    Path | None, typer.Option("--prompts", metavar="DIR", help="Folder whose ROLE.j2 files replace shipped prompts.")
]


def from_environment(ctx: typer.Context, name: str) -> bool:
    """Whether a parameter's value comes from its ``PLANNEAL_*`` variable."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "ENVIRONMENT"


def model_options(ctx: typer.Context, name: str, base_url: str | None, dtype: str | None = None) -> dict[str, str]:
    """What a model string is loaded with; an endpoint from the environment is for those that have one.

    Raises:
        ConfigError: An option is not for this kind of model, or is none.
    """
    found: dict[str, str] = {}
    if dtype is not None:
        if dtype not in registry.DTYPES:
            raise ConfigError(f"no dtype {dtype!r}; there are {' and '.join(registry.DTYPES)}")
        if not registry.is_local(name):
            raise ConfigError(f"--dtype is for local models, not for {name}")
        found["dtype"] = dtype
    if base_url is not None and name.startswith("openai/"):
        found["base_url"] = base_url
    elif base_url is not None and not from_environment(ctx, "base_url"):
        raise ConfigError(f"--base-url is for openai/NAME models, not for {name}")
    return found


def read_text(path: str) -> str:
    """The text of a file, or of standard input for ``-``.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {'standard input' if path == '-' else path}: {error}") from None


def read_question(question: str | None, file: str | None) -> str:
    """The question from the argument, a file or standard input; exactly one of them.

    Raises:
        ConfigError: None or two of them, or the text is empty.
    """
    if (question is None) == (file is None):
        raise ConfigError("give one question: as an argument, as --file FILE, or as - for standard input")
    text = read_text(file) if file is not None else read_text("-") if question == "-" else question
    if not (text or "").strip():
        raise ConfigError("the question is empty")
    return str(text)


def read_task(ctx: typer.Context, question: str, constraints: list[str], target: str | None, goal: str) -> Task:
    """The task with its locked constraints; the variable holds one constraint a line.

    Raises:
        ConfigError: A constraint, the target or the goal is not valid.
    """
    if from_environment(ctx, "constraint"):  # would have been cut at every space
        constraints = [line for line in os.environ["PLANNEAL_CONSTRAINT"].splitlines() if line.strip()]
    task = checked(Task, {"question": question, "goal": goal, "target": target, "constraints": constraints}, "task")
    try:
        task.seed_plan()
    except ValidationError as error:
        raise ConfigError(f"task: {_first(error)}") from None
    if target is not None:
        try:
            parse_expression(target)
        except ExpressionError as error:
            raise ConfigError(f"target {target}: {error}") from None
    for item in task.constraints:
        relation = getattr(item.check, "relation", None)
        if isinstance(relation, ExpressionError):  # a plan may hold it and be told; a person is told at once
            raise ConfigError(
                f"constraint {item.check}: {relation}; write a relation such as 'wigs > 0', "
                "or 'C1: some words' for what no machine can check"
            )
    return task


def read_settings(path: Path | None, **given: Any) -> Settings:
    """Settings from a file, with what was given as options on top.

    Args:
        path: A ``.toml`` or ``.json`` file with the fields of :class:`~planneal.settings.Settings`.
        **given: ``rule``, ``schedule``, ``chains``, ``max_steps``, ``verifiers``; None where not given.

    Raises:
        ConfigError: The file cannot be read, or a field is unknown or out of range.
    """
    fields = _load(path) if path is not None else {}
    steps = given.pop("max_steps", None)
    if steps is not None:
        stop = fields.get("stop")
        fields["stop"] = {**(stop if isinstance(stop, dict) else {}), "max_steps": steps}
    fields |= {name: value for name, value in given.items() if value is not None}
    return checked(Settings, fields, str(path) if path is not None else "settings")


def _load(path: Path) -> dict[str, Any]:
    text = read_text(str(path))
    try:
        loaded = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise ConfigError(f"{path} is not {kind}: {error}") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} must hold an object with the fields of Settings")
    return loaded


def checked(kind: type[M], fields: dict[str, Any], where: str) -> M:
    """A validated model.

    Raises:
        ConfigError: The first field that is wrong, and why.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in found["loc"])
    return f"{place}: {found['msg']}" if place else str(found["msg"])


def open_model(ctx: typer.Context, name: str, base_url: str | None) -> LanguageModel:
    """The model that a string names.

    Raises:
        ConfigError: No such model, or an endpoint was given for a model that has none.
        MissingExtra: Its optional dependency is not installed.
    """
    return registry.load_model(name, **model_options(ctx, name, base_url))
