"""Events and results in words, the same for a live run, a recorded trace and the demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from rich.console import Console

from ..planner.events import (
    AnswerDecoded,
    ChainStopped,
    Event,
    PlanChosen,
    PlanDrafted,
    RunFinished,
    RunStarted,
    StepTaken,
    Warned,
)
from ..planner.ledger import Role, Usage
from .screen import Level, put, put_table, row, table

MARKS = {"pass": "ok", "fail": "FALSE", "unknown": "not checkable"}


class Narrator:
    """Tells a run event by event.

    Args:
        out: Where to write.
        level: ``NORMAL`` tells drafts, accepted edits and the end; ``VERBOSE`` every step with all that decided it.
        answers: Whether decoded answers are told, or left to the caller.

    Attributes:
        steps: Steps seen so far.
        accepted: Accepted steps seen so far.
        energy: Total energy of the plan last kept, None before the first draft.
        temperature: Temperature of the last step.
    """

    def __init__(self, out: Console, level: Level = Level.VERBOSE, *, answers: bool = True) -> None:
        self.out = out
        self.level = level
        self.answers = answers
        self.steps = 0
        self.accepted = 0
        self.energy: float | None = None
        self.temperature: float | None = None
        self._many = False

    def tell(self, event: Event) -> None:
        """Takes note of an event and, where the level asks for it, prints it."""
        self._note(event)
        if self.level == Level.QUIET:
            return
        if isinstance(event, PlanDrafted):
            self._draft(event)
        elif isinstance(event, StepTaken):
            self._step(event)
        elif isinstance(event, ChainStopped):
            detail = f" ({event.detail})" if event.detail else ""
            steps = _count(event.step, "step")
            self._put(f"{self._chain(event.chain)}stopped after {steps}: {event.reason}{detail}", "dim")
        elif isinstance(event, PlanChosen):
            self._chosen(event)
        elif isinstance(event, AnswerDecoded):
            if self.answers and (self.level == Level.VERBOSE or not event.final):
                self._decoded(event)
        elif isinstance(event, Warned):
            self._put(f"warning: {event.message}", "yellow")

    def live(self, tokens: int) -> str:
        """The state of the run in one line."""
        if self.energy is None:
            return f"drafting a plan, {tokens} tokens"
        temperature = "" if self.temperature is None else f", temperature {self.temperature:.3g}"
        return (
            f"step {self.steps}, {self.accepted} accepted, energy {self.energy:.3f}{temperature}, {tokens} tokens"
        )

    def _note(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._many = int(event.settings.get("chains", 1)) > 1
        elif isinstance(event, PlanDrafted):
            self.energy = _total(event.energy)
        elif isinstance(event, StepTaken):
            self.steps += 1
            self.temperature = event.temperature
            if event.decision == "accepted":
                self.accepted += 1
                self.energy = _total(event.after)

    def _put(self, text: str, style: str = "", indent: int = 0) -> None:
        put(self.out, text, style, indent)

    def _chain(self, index: int) -> str:
        return f"chain {index}: " if self._many else ""

    def _draft(self, event: PlanDrafted) -> None:
        which = "plan after a restart" if event.restart else "first plan"
        told = _count(len(event.witnesses), "problem")
        self._put(f"{self._chain(event.chain)}{which}, energy {_shown(_total(event.energy))}, {told}", "bold")
        if self.level == Level.VERBOSE:
            self._put(event.plan, indent=2)
            for line in event.witnesses:
                self._put(f"problem: {line}", "yellow", 2)

    def _step(self, event: StepTaken) -> None:
        accepted = event.decision == "accepted"
        if self.level == Level.NORMAL and not accepted:
            return
        energy = f"energy {_shown(_total(event.before))} -> {_shown(_total(event.after))}"
        head = f"{self._chain(event.chain)}step {event.step}  {event.operator or 'no proposal'}  {energy}"
        if self.level == Level.NORMAL:
            edit = event.edit.split("\n")
            more = f" (+{len(edit) - 1} lines)" if len(edit) > 1 else ""
            self._put(f"{head}  {edit[0]}{more}", "green")
            return
        chance = f"temperature {event.temperature:.4g}  limit {event.limit:+.4g}"
        change = "" if event.delta is None else f"  change {event.delta:+.4g}"
        self._put(f"{head}  {chance}{change}", "bold")
        for line in event.answers:
            self._put(f"answers   {line}", indent=2)
        for line in event.edit.splitlines():
            self._put(f"edit      {line}", indent=2)
        verdict = "accepted" if accepted else f"rejected  {event.decision.replace('_', ' ')}"
        why = f": {event.reason}" if event.reason and event.reason != event.decision else ""
        self._put(f"{verdict}{why}", "green" if accepted else "red", 2)
        for line in event.witnesses:
            self._put(f"{'left' if accepted else 'found':<9} {line}", "yellow", 2)
        for name, reason in event.abstained.items():
            self._put(f"abstained {name}: {reason}", "yellow", 2)

    def _chosen(self, event: PlanChosen) -> None:
        state = "solved" if event.solved else f"not solved ({event.reason})"
        self._put(f"chosen plan, energy {_shown(_total(event.energy))}, {state}", "bold")
        if self.level == Level.VERBOSE:
            self._put(event.plan, indent=2)

    def _decoded(self, event: AnswerDecoded) -> None:
        tell_answer(self.out, event.answer, f"answer, attempt {event.attempt}{'' if event.final else ', not kept'}")


def tell_answer(out: Console, answer: Mapping[str, Any], title: str) -> None:
    """Prints an answer's claims, each with its citations and what checking it brought.

    Args:
        out: Where to write.
        answer: A dumped :class:`~planneal.decoders.answer.Answer`.
        title: The line above.
    """
    faithful = bool(answer.get("faithful"))
    put(out, f"{title}: {'faithful' if faithful else 'NOT FAITHFUL'}", "bold green" if faithful else "bold red")
    for claim in answer.get("claims", ()):
        cited = f" [{', '.join(claim['citations'])}]" if claim["citations"] else ""
        outcome = claim["outcome"]
        reason = f", {claim['reason']}" if claim["reason"] and outcome != "unknown" else ""
        style = {"pass": "green", "fail": "red"}.get(outcome, "")
        put(out, f"{claim['text']}{cited}   ({MARKS[outcome]}{reason})", style, 2)
    for line in answer.get("problems", ()):
        put(out, f"problem: {line}", "red", 2)
    if answer.get("uncited"):
        put(out, f"cited by no claim: {', '.join(answer['uncited'])}", "yellow", 2)


def tell_spent(out: Console, by_role: Mapping[str, Usage], total: Usage) -> None:
    """Prints what a run cost, by role."""
    right = ("prompt", "completion", "calls", "retries", "seconds")
    made = table(out, "spent on", *right, right=right)
    known = {role: by_role[role] for role in get_args(Role) if role in by_role}  # in the order of a run
    for name, usage in [*known.items(), ("total", total)]:
        counts = (usage.prompt_tokens, usage.completion_tokens, usage.calls, usage.retries)
        row(made, name, *(str(count) for count in counts), f"{usage.seconds + usage.verifier_seconds:.2f}")
    put_table(out, made)


def tell_header(out: Console, event: RunStarted) -> None:
    """Prints what a trace is of."""
    put(out, event.task.question, "bold")
    settings = event.settings
    how = ", ".join(f"{name} {settings[name]}" for name in ("rule", "schedule", "chains") if name in settings)
    put(out, f"model {event.model}, seed {event.seed}{', ' if how else ''}{how}, planneal {event.planneal}", "dim")
    for item in event.task.constraints:
        put(out, f"constraint {item.id}: {item.check or item.text}", "dim")


def tell_end(out: Console, event: RunFinished) -> None:
    """Prints why a run stopped and what it cost."""
    detail = f" ({event.detail})" if event.detail else ""
    put(out, f"stopped: {event.stop_reason}{detail}", "bold")
    tell_spent(out, event.by_role, event.spent)


def _total(energy: Mapping[str, Any] | None) -> float | None:
    return None if energy is None else float(energy["total"])


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _shown(value: float | None) -> str:
    return "not judged" if value is None else f"{value:.3f}"
