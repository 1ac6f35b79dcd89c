"""What a hostile program is."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Attack:
    """One hostile program.

    Attributes:
        name: Unique, short.
        group: ``network``, ``files``, ``environment``, ``processes``, ``resources``, ``verdict`` or ``state``.
        source: The program.
        then: A second program, run after the first, that returns True if it finds anything of it; for ``state``.
        control: Whether it may be let loose without isolation (it does no lasting harm there).
    """

    name: str
    group: str
    source: str
    then: str = ""
    control: bool = True


def hostile(group: str, name: str, body: str, *, control: bool = True, then: str = "", whole: bool = False) -> Attack:
    """An attack whose body is given without its ``def`` line.

    Args:
        group: See :class:`Attack`.
        name: Likewise.
        body: The body of ``attack(where)``.
        control: See :class:`Attack`.
        then: The body of the second program.
        whole: Whether ``body`` is the whole program.
    """
    text = dedent(body).strip("\n")
    if not whole:
        text = "def attack(where):\n" + "\n".join(f"    {line}" for line in text.splitlines())
    after = "def attack(where):\n" + "\n".join(f"    {line}" for line in dedent(then).strip("\n").splitlines())
    return Attack(name, group, f"{text}\n", f"{after}\n" if then else "", control)
