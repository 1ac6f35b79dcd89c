"""Exit codes, and the one place where an error becomes a code and a line on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from ..planner.errors import (
    BudgetError,
    CheatingMethod,
    ConfigError,
    DatasetError,
    MissingExtra,
    ModelError,
    OutOfScope,
    PlanError,
    PlannealError,
    SandboxUnavailable,
    TraceError,
)
from .screen import clean

DEBUG_VARIABLE = "PLANNEAL_DEBUG"


class Exit(IntEnum):
    """What a command's exit status says."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    UNFAITHFUL = 3
    BUDGET = 4
    MODEL = 5
    EXTRA = 6
    SCOPE = 7
    DIVERGED = 8
    SANDBOX = 9
    INTERRUPTED = 130


MEANING = {
    Exit.OK: "a faithful answer; for other commands: done",
    Exit.INTERNAL: f"an unexpected failure ({DEBUG_VARIABLE}=1 shows the traceback)",
    Exit.USAGE: "wrong usage, option, settings, prompt, trace file, data or run",
    Exit.UNFAITHFUL: "an answer that is marked unfaithful, or a plan without an answer",
    Exit.BUDGET: "the budget is too small for a draft and an answer",
    Exit.MODEL: "the model or its endpoint failed before there was a plan",
    Exit.EXTRA: "an optional dependency is not installed",
    Exit.SCOPE: "the embedded model does not know this kind of task",
    Exit.DIVERGED: "a replay took another decision than its trace",
    Exit.SANDBOX: "no sandbox isolates here, or a hostile program got out of one",
    Exit.INTERRUPTED: "interrupted; the best so far is printed, or a run can be gone on with",
}

_CODES: tuple[tuple[type[PlannealError], Exit], ...] = (
    (BudgetError, Exit.BUDGET),
    (OutOfScope, Exit.SCOPE),  # before its parent
    (ModelError, Exit.MODEL),
    (MissingExtra, Exit.EXTRA),
    (ConfigError, Exit.USAGE),
    (DatasetError, Exit.USAGE),
    (CheatingMethod, Exit.USAGE),
    (TraceError, Exit.USAGE),
    (PlanError, Exit.USAGE),
    (SandboxUnavailable, Exit.SANDBOX),
)


def epilog() -> str:
    """The exit codes as they stand under ``--help``."""
    return "\b\nExit codes:\n" + "\n".join(f"{code.value:>5}  {meaning}" for code, meaning in MEANING.items())


def code_of(error: BaseException) -> Exit:
    """The exit code that an error means."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return Exit.INTERNAL


def line_of(error: BaseException) -> str:
    """An error in a line or two, without control characters and without the endpoint's key."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    told = " ".join(str(error).split()) or type(error).__name__
    if code_of(error) is Exit.INTERNAL:
        told = f"unexpected {type(error).__name__}: {told} ({DEBUG_VARIABLE}=1 shows the traceback)"
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if len(key) >= 4:  # a shorter one is a placeholder and may be part of any word
        told = told.replace(key, "[key]")
    return clean(told if len(told) <= 1200 else told[:1200] + " ...")


@contextmanager
def guard() -> Iterator[None]:
    """Turns what a command raises into a line on standard error and an exit code.

    With ``PLANNEAL_DEBUG=1`` the traceback is shown instead.
    """
    try:
        yield
    except (typer.Exit, typer.BadParameter, typer.Abort, BrokenPipeError):  # the parser ends these itself
        raise
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get(DEBUG_VARIABLE, "") not in ("", "0") and not isinstance(error, KeyboardInterrupt):
            raise
        sys.stderr.write(f"planneal: {line_of(error)}\n")
        raise typer.Exit(code_of(error)) from None
