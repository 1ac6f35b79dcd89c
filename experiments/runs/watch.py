"""Sees when a method looks where gold or other methods' grades could be: a tripwire, beside the wall of :mod:`.sealed`.

Python tells an audit hook of what code is about to do. While a method runs, four things are refused and remembered:
going through all objects of the process, opening the run's file, opening any database file, and drawing a problem. A
method that catches the refusal is found out all the same. No language process can hold a hostile method; this is for
honest ones that went wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from ...planner.errors import CheatingMethod
from .schema import FILE

__all__ = ["watched"]

_SEEN: ContextVar[list[str] | None] = ContextVar("planneal_watched", default=None)
_WALKS = frozenset({"gc.get_objects", "gc.get_referrers", "gc.get_referents"})


@contextmanager
def watched(method: str) -> Iterator[None]:
    """Watches the code within, and the tasks that it starts.

    Args:
        method: What to call it.

    Raises:
        CheatingMethod: It looked where it must not, whether or not it went on afterwards.
    """
    _install()
    seen: list[str] = []
    token = _SEEN.set(seen)
    try:
        yield
    finally:
        _SEEN.reset(token)
        if seen:
            raise CheatingMethod(f"the method {method!r} {seen[0]} while it ran; it has no business there")


@cache
def _install() -> None:
    sys.addaudithook(_hook)  # cannot be taken away again; costs a dictionary look-up where nobody is watched


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _WATCHED:
        return
    seen = _SEEN.get()
    if seen is None:
        return
    found = _found(event, arguments)
    if found is not None:
        seen.append(found)
        raise CheatingMethod(f"not while a method runs: it {found}")


_WATCHED = _WALKS | {"open", "sqlite3.connect", "planneal.draw"}


def _found(event: str, arguments: tuple[Any, ...]) -> str | None:
    if event in _WALKS:
        return "went through the objects of the process"
    if event == "planneal.draw":
        return "drew a problem anew"
    path = str(arguments[0]) if arguments else ""
    if event == "sqlite3.connect":
        return None if path in (":memory:", "") else "opened a database"
    return "opened a run's file" if Path(path).name.startswith(FILE) else None
