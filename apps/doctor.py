"""``planneal doctor``: what a model or endpoint really does, and what that means for a run."""

from __future__ import annotations

import asyncio
from typing import Any

import typer

from ..decoders.base import LanguageModel
from ..decoders.doctor import DoctorReport, probe
from .exits import Exit, guard
from .options import BaseUrl, Json, ModelName, open_model
from .screen import Level, Screen, console, put, put_table, row, table, write_json

WORKS = {True: "yes", False: "no", None: "unknown"}


def doctor(ctx: typer.Context, model: ModelName = "embedded", base_url: BaseUrl = None, json_: Json = False) -> None:
    """Probes an endpoint with at most eight small requests and says what works and what it means for a run.

    Local models need no probe: they are loaded and say of themselves what they can do.
    """
    with guard():
        with Screen(Level.NORMAL) as screen:
            screen.status(f"probing {model}")
            opened = open_model(ctx, model, base_url)
            local = not model.startswith("openai/")
            found = None if local else asyncio.run(_probe(opened))
        if json_:
            write_json(_as_object(opened, found))
        elif found is None:
            _tell_local(opened)
        else:
            _tell_report(opened, found)
        raise typer.Exit(Exit.OK if found is None or found.reachable else Exit.MODEL)


async def _probe(model: LanguageModel) -> DoctorReport:
    try:
        return await probe(model)
    finally:
        await model.aclose()


def _as_object(model: LanguageModel, found: DoctorReport | None) -> dict[str, Any]:
    if found is None:
        return {"model": model.name, "local": True, "capabilities": model.capabilities.model_dump(mode="json")}
    return {"local": False, "reachable": found.reachable, **found.model_dump(mode="json")}


def _tell_report(model: LanguageModel, found: DoctorReport) -> None:
    out = console()
    where = getattr(model, "base_url", None)
    put(out, f"{found.model}{f' at {where}' if where else ''}", "bold")
    made = table(out, "probe", "works", "what was seen", "what it means for a run")
    for finding in found.findings:
        row(made, finding.name, WORKS[finding.works], finding.detail, finding.consequence)
    put_table(out, made)
    spent = found.usage
    tokens = f"{spent.prompt_tokens} prompt and {spent.completion_tokens} completion tokens"
    put(out, f"spent: {found.calls} requests, {tokens}{' (estimated)' if spent.estimated else ''}")
    put(out, "usable" if found.reachable else "not reachable: no run possible", "green" if found.reachable else "red")


def _tell_local(model: LanguageModel) -> None:
    out = console()
    able = model.capabilities
    put(out, f"{model.name}: a local model, nothing to probe and nothing spent", "bold")
    made = table(out, "capability", "value")
    for name, value in able.model_dump(mode="json").items():
        row(made, name.replace("_", " "), WORKS[value] if isinstance(value, bool) or value is None else str(value))
    put_table(out, made)
    put(out, "usable", "green")
