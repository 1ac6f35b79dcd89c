"""``planneal sandbox check``: the hostile programs, let loose on this machine's sandboxes."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ..verifiers.sandbox.attacks import ATTACKS
from ..verifiers.sandbox.base import Capabilities, Sandbox
from ..verifiers.sandbox.bubblewrap import BubblewrapSandbox
from ..verifiers.sandbox.check import Finding, let_loose, works
from ..verifiers.sandbox.monty import MontySandbox
from ..verifiers.sandbox.unsafe import UnsafeSandbox
from .exits import Exit, epilog, guard
from .options import Json
from .screen import Level, Screen, console, put, put_table, row, table, write_json

app = typer.Typer(
    name="sandbox",
    help="Where programs that a language model wrote are run.",
    epilog=epilog(),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:  # keeps `check` a command of its own
    pass


Control = Annotated[
    bool, typer.Option("--control", help="Also without isolation, with programs that do no lasting harm.")
]


@dataclass(frozen=True)
class Tried:
    """What became of the hostile programs in one sandbox; ``missing`` says why it was not tried."""

    able: Capabilities
    missing: str
    findings: tuple[Finding, ...] = ()

    @property
    def held(self) -> int:
        """How many programs got nowhere."""
        return sum(finding.held for finding in self.findings)


@app.command("check", epilog=epilog(), context_settings={"auto_envvar_prefix": "PLANNEAL", "max_content_width": 100})
def check(control: Control = False, json_: Json = False) -> None:
    """Lets hostile programs loose on every sandbox that works here and says what held, with times.

    Each program tries one way out: the network, files, processes, memory, time, or being judged right without being
    right. What it reaches is looked for outside. Takes a minute. Exit code 9 if a program gets out of a sandbox that
    isolates, or if no sandbox works here.
    """
    with guard():
        with Screen(Level.NORMAL) as screen:
            tried = asyncio.run(_check(screen, control))
        safe = _safe(tried)
        if json_:
            write_json({"safe": safe, "sandboxes": [_as_object(one) for one in tried]})
        else:
            _tell(tried, safe)
        raise typer.Exit(Exit.OK if safe else Exit.SANDBOX)


def _safe(tried: list[Tried]) -> bool:
    isolating = [one for one in tried if not one.missing and one.able.level != "none"]
    return bool(isolating) and all(one.held == len(one.findings) for one in isolating)


async def _check(screen: Screen, control: bool) -> list[Tried]:
    sandboxes: list[Sandbox] = [MontySandbox(), BubblewrapSandbox()]
    if control:
        sandboxes.append(UnsafeSandbox())
    tried = []
    for sandbox in sandboxes:
        async with sandbox:
            able = sandbox.capabilities()
            missing = await works(sandbox)
            findings: list[Finding] = []
            if not missing:
                screen.status(f"{able.name}: {len(ATTACKS)} programs")
                async for finding in let_loose(sandbox):
                    findings.append(finding)
                    screen.status(f"{able.name}: {len(findings)} of {len(ATTACKS)}, {finding.attack.name}")
            tried.append(Tried(able, missing, tuple(findings)))
    return tried


def _as_object(tried: Tried) -> dict[str, Any]:
    return {
        **dataclasses.asdict(tried.able),
        "works": not tried.missing,
        "reason": tried.missing,
        "held": tried.held,
        "programs": [
            {
                "name": finding.attack.name,
                "group": finding.attack.group,
                "held": finding.held,
                "breaches": list(finding.breaches),
                "late": finding.late,
                "status": finding.outcome.status,
                "cause": finding.outcome.cause,
                "seconds": round(finding.seconds, 4),
            }
            for finding in tried.findings
        ],
    }


def _tell(tried: list[Tried], safe: bool) -> None:
    out = console()
    there = [one for one in tried if not one.missing]
    if there:
        made = table(out, "program", *(f"{one.able.name}, ms" for one in there))
        found = [{finding.attack.name: finding for finding in one.findings} for one in there]
        for attack in ATTACKS:
            row(made, f"{attack.group}: {attack.name}", *(_cell(one.get(attack.name)) for one in found))
        put_table(out, made)
    for one in tried:
        if one.missing:
            put(out, f"{one.able.name}: does not work here: {one.missing}", "yellow")
            continue
        kept = "" if one.held == len(one.findings) else ": not a sandbox" if one.able.level == "none" else ": LEAKS"
        put(out, f"{one.able.name}: held {one.held} of {len(one.findings)}{kept}")
    put(out, _conclusion(there, safe), "green" if safe else "red")


def _conclusion(there: list[Tried], safe: bool) -> str:
    levels = {one.able.level for one in there}
    if not levels & {"full", "language"}:
        return "nothing isolates here: programs are refused"
    if not safe:
        return "do not run programs here"
    if "full" not in levels:
        return "safe, but without CPython: most programs will be called unsupported"
    return "safe to run programs"


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return "not tried"
    if finding.held:
        return f"held {finding.seconds * 1000:.0f} ({finding.outcome.cause or finding.outcome.status})"
    return f"GOT OUT: {'; '.join(finding.breaches) or 'ran too long'}"
