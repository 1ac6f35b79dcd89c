"""Toolboxes from Python functions with type hints (schemas by pydantic) and from tool specs (JSON Schema, OpenAI)."""

from __future__ import annotations

import asyncio
import copy
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import PydanticJsonSchemaWarning

from ...planner.errors import ConfigError
from .schemas import brief
from .toolbox import Runner, Tool, Toolbox

STATE_NAMES = ("state", "self")
"""A function's first parameter of such a name gets the state; it is no argument of the tool."""
_RESULTS = ("result", "returns", "output_schema", "outputSchema")
_PARAMETERS = ("parameters", "input_schema", "inputSchema")


class _Signature(NamedTuple):
    """What a function takes and gives.

    Attributes:
        arguments: A model with one field per argument, under the argument's name as alias.
        names: Field name by argument name.
        gives: Adapter of the return annotation, None where there is none.
        stateful: Whether the state comes first.
        rest: Whether the function takes any further keywords.
    """

    arguments: type[BaseModel]
    names: Mapping[str, str]
    gives: TypeAdapter[Any] | None
    stateful: bool
    rest: bool


def _signature(function: Callable[..., Any]) -> _Signature:
    name = function.__name__
    parameters = list(inspect.signature(function).parameters.values())
    stateful = bool(parameters) and parameters[0].name in STATE_NAMES
    parameters = parameters[1:] if stateful else parameters
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    rest = False
    for index, parameter in enumerate(parameters):
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = True
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise ConfigError(f"{name}: {parameter} cannot be given by name, so it cannot be an argument of a tool")
        if parameter.name not in hints:
            raise ConfigError(f"{name}: {parameter.name} has no type hint")
        default = ... if parameter.default is parameter.empty else copy.deepcopy(parameter.default)
        names[parameter.name] = f"a{index}"  # an alias, since a field may not be called `json` or `_x`
        fields[f"a{index}"] = (hints[parameter.name], Field(default, alias=parameter.name))
    config = ConfigDict(extra="allow" if rest else "forbid", arbitrary_types_allowed=False)
    try:
        arguments = create_model(f"{name}_arguments", __config__=config, **fields)
        gives = TypeAdapter(hints["return"]) if "return" in hints else None
    except PydanticUserError as error:
        raise ConfigError(f"{name}: {brief(str(error))}") from None
    return _Signature(arguments, names, gives, stateful, rest)


def _runner(function: Callable[..., Any], signature: _Signature) -> Runner:
    def run(state: Any, arguments: Mapping[str, Any]) -> Any:
        try:
            model = signature.arguments.model_validate(dict(arguments))
        except ValidationError as error:  # what a schema cannot say, for instance that a date exists
            first = error.errors(include_url=False)[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        given = {name: getattr(model, field) for name, field in signature.names.items() if name in arguments}
        given.update(model.model_extra or {})
        result = function(state, **given) if signature.stateful else function(**given)
        if inspect.isawaitable(result):
            result = asyncio.run(_awaited(result))
        adapter = signature.gives if signature.gives is not None else TypeAdapter(Any)
        return adapter.dump_python(result, mode="json", warnings="error")

    return run


async def _awaited(result: Any) -> Any:
    return await result


def from_function(function: Callable[..., Any], *, name: str = "") -> Tool:
    """A tool from a function, or from a method of a class.

    Argument and result schemas come from the type hints, the description from the first line of the docstring. A first
    parameter called ``state`` or ``self`` gets the state of a dry run. Without a return annotation nothing is known of
    the result.

    Args:
        function: The function, plain or ``async``.
        name: The tool's name; the function's own where it is empty.

    Raises:
        ConfigError: A parameter has no type hint, cannot be given by name, or has a type without a JSON Schema.
    """
    signature = _signature(function)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # a default that JSON cannot say is left out
            parameters = signature.arguments.model_json_schema()
            result = signature.gives.json_schema(mode="serialization") if signature.gives is not None else None
    except PydanticUserError as error:
        raise ConfigError(f"{function.__name__}: {brief(str(error))}") from None
    parameters.pop("title", None)
    parameters["additionalProperties"] = signature.rest
    lines = (inspect.getdoc(function) or "").split("\n")
    return Tool(name or function.__name__, parameters, result, brief(lines[0]), _runner(function, signature))


def from_functions(*functions: Callable[..., Any]) -> Toolbox:
    """A toolbox from functions; see :func:`from_function`."""
    return Toolbox(map(from_function, functions))


def from_spec(spec: Mapping[str, Any], *, result: Mapping[str, Any] | None = None, run: Runner | None = None) -> Tool:
    """A tool from a spec: ``{name, description, parameters}``, also wrapped as OpenAI does, or with MCP's names.

    Args:
        spec: The spec. The parameters' schema stands under ``parameters``, ``input_schema`` or ``inputSchema``; that of
            the result, if it is there at all, under ``result``, ``returns``, ``output_schema`` or ``outputSchema``.
        result: Schema of the result, before that of the spec.
        run: Executes the tool.

    Raises:
        ConfigError: There is no name, or a schema cannot be used.
    """
    if spec.get("type") == "function" and isinstance(spec.get("function"), Mapping):
        spec = spec["function"]
    name = spec.get("name")
    if not isinstance(name, str):
        raise ConfigError("a tool's spec must have a name")
    parameters: Mapping[str, Any] = next((spec[key] for key in _PARAMETERS if spec.get(key) is not None), {})
    found = next((spec[key] for key in _RESULTS if spec.get(key) is not None), None)
    description = spec.get("description")
    return Tool(name, parameters, found if result is None else result, brief(str(description or "")), run)


def from_specs(
    specs: Iterable[Mapping[str, Any]],
    *,
    results: Mapping[str, Mapping[str, Any]] | None = None,
    run: Mapping[str, Runner] | None = None,
) -> Toolbox:
    """A toolbox from specs; see :func:`from_spec`.

    Args:
        specs: The specs.
        results: Schemas of results by tool name.
        run: What executes the tools, by name.

    Raises:
        ConfigError: A spec cannot be used, two share a name, or ``results`` or ``run`` name a tool that is not there.
    """
    results, run = results or {}, run or {}
    tools = [from_spec(spec) for spec in specs]
    unknown = sorted({*results, *run} - {tool.name for tool in tools})
    if unknown:
        raise ConfigError(f"no spec for {', '.join(unknown)}")
    return Toolbox(
        Tool(t.name, t.parameters, results.get(t.name, t.result), t.description, run.get(t.name)) for t in tools
    )


__all__ = ["STATE_NAMES", "from_function", "from_functions", "from_spec", "from_specs"]
