"""What a witness is: the evidence of a verdict, in a form that tells a proposer what to do."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

GOAL = "goal"
"""The pseudo-id under which verifiers judge whether the plan reaches its goal."""

Operator = Literal["insert", "replace", "delete", "move", "tighten", "needs"]
MAX_CRITIQUE_CHARS = 160
"""Most characters of a critique."""


def remark(text: str, most: int = MAX_CRITIQUE_CHARS) -> str:
    """The first line of untrusted text that says anything, as printable text of at most ``most`` characters.

    Characters that are not printable (controls, line separators, marks that reverse the reading order) become spaces,
    white space is folded, and what is too long is cut.
    """
    for line in text.splitlines():
        told = " ".join("".join(c if c.isprintable() else " " for c in line).split())
        if any(c.isalnum() for c in told):
            return told if len(told) <= most else told[: most - 3].rstrip() + "..."
    return ""


class Witness(BaseModel):
    """Evidence for a verdict.

    Attributes:
        kind: Discriminator.
        operators: The edit operators that can resolve it, the likeliest first.
        structural: Whether it can be resolved without a language model.
        quotes: Whether what its ``item`` says is itself at fault, so that prompts show it once more beside the problem:
            small models then need not look it up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operators: ClassVar[tuple[Operator, ...]] = ("replace",)
    structural: ClassVar[bool] = False
    quotes: ClassVar[bool] = False
    kind: str

    @property
    def items(self) -> tuple[str, ...]:
        """Ids the witness is about, the one to edit first."""
        return ()

    @property
    def line(self) -> str:
        """One short line: what is wrong, with the values that show it."""
        return self.kind


class ItemWitness(Witness):
    """A witness about one item, or about the goal, which is no item.

    Attributes:
        item: The item's id, or ``goal``.
    """

    item: str

    @property
    def items(self) -> tuple[str, ...]:
        """The item, and nothing where it is the goal."""
        return () if self.item == GOAL else (self.item,)


__all__ = ["GOAL", "MAX_CRITIQUE_CHARS", "ItemWitness", "Operator", "Witness", "remark"]
