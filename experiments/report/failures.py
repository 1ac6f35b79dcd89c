"""The failure modes of the sketch, each with a verdict by a stated rule: fluff, leakage, ignored plan, weak signal.

What attempts and events can tell is computed from them; what only asking the model again can tell comes from
``extra.json`` (:mod:`.extra`), and where there is none it is said to be not measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...planner.errors import ConfigError, PlannealError, TraceError
from ...planner.notation import parse_plan
from ..metrics.events import StepEvent
from ..metrics.leakage import stated
from ..metrics.signal import Bin, Scored, acceptance, signal, within
from ..metrics.walk import walk
from ..runs.store import Attempt
from ..statistics import Estimate, clustered_difference
from .extra import Extra
from .links import share, top
from .loading import Tried, stream
from .records import Failure, Finding, Value

__all__ = ["MOST", "RULES", "bins_of", "events_of", "failures"]

MOST = 0.10
"""Share of fluff, or of plans that state the answer, from which it is called a fault."""
LEAST = 10
"""Right drafts, and wrong ones, without which nothing is said of the signal: a bootstrap of a few has no width."""
RULES = {
    "fluff": f"fault: the whole interval of the share of filler items above {MOST:.0%}; no fault: below it",
    "leakage": f"fault: the whole interval of the share of plans stating the answer over {MOST:.0%}; no fault: under",
    "ignored plan": (
        "no fault: more than half of the expected parts of the answer move with the plan (whole interval), or, where "
        "nobody asked again, answers from gold plans are right more often than those from spoiled ones; fault: less "
        "than half, or gold plans help by less than 5 points (whole interval)"
    ),
    "weak signal": (
        "no fault: AUROC of the drafts' energy against the truth wholly above 0.5, and accepted steps go down further "
        f"than signs by chance (p at most 5%); fault: AUROC wholly below 0.6; both take {LEAST} drafts of each kind"
    ),
}
"""The rule of each verdict."""


def failures(
    rows: Sequence[Tried],
    searched: Sequence[Attempt],
    questions: Mapping[str, str],
    extras: Sequence[Extra],
    label: str,
    draws: int,
) -> tuple[Failure, ...]:
    """All four, in order, for the method that is judged.

    Args:
        rows: All attempts of the group.
        searched: Whole attempts of the judged method at its highest budget.
        questions: By problem.
        extras: What was measured by asking again.
        label: The group.
        draws: Resamples of each interval.
    """
    told = {mode: [extra for extra in extras if extra.mode == mode] for mode in ("fluff", "leakage", "ignored plan")}
    return (
        _fluff(told["fluff"]),
        _leakage(searched, questions, told["leakage"], label, draws),
        _ignored(rows, searched, told["ignored plan"], label, draws),
        _signal(searched, label, draws),
    )


def _beside(value: Value, limit: float) -> Finding:
    return "fault" if value.low > limit else "no fault" if value.high < limit else "undecided"


def _asked(extras: Sequence[Extra]) -> dict[str, Value]:
    return {f"asked again: {extra.about}": extra.as_value for extra in extras}


def _fluff(extras: Sequence[Extra]) -> Failure:
    if not extras:
        said = "not measured: whether items change the answer takes asking again without them (planneal probe)"
        return Failure("fluff", "not measured", RULES["fluff"], said, {})
    worst = max((extra.as_value for extra in extras), key=lambda value: value.value)
    said = f"{worst.value:.1%} of the plans' own items change neither energy nor answer when they are taken out"
    return Failure("fluff", _beside(worst, MOST), RULES["fluff"], said, _asked(extras))


def _leakage(
    searched: Sequence[Attempt], questions: Mapping[str, str], extras: Sequence[Extra], label: str, draws: int
) -> Failure:
    found: list[tuple[bool, str]] = []
    unread = 0
    for attempt in searched:
        text = attempt.draft or attempt.plan
        if not (attempt.right and attempt.value and text):
            continue
        try:
            plan = parse_plan(text)
            own = {item.id for item in plan.items if not item.locked}
            where = stated(plan, attempt.value, questions.get(attempt.problem, ""))
        except PlannealError:
            unread += 1
            continue
        found.append((any(item in own for item in where), attempt.problem))
    value = share(found, label, "leakage", draws=draws)
    beside = _asked(extras)
    if value is None:
        said = "not measured: no right answer with a first plan that can be read"
        return Failure("leakage", "not measured", RULES["leakage"], said, beside)
    numbers = {"first plans that state the right answer (exact reader)": value, **beside}
    left = f"; {unread} plans could not be read" if unread else ""
    said = (
        f"{value.value:.1%} of the first plans behind {len(found)} right answers state the final value in an item of "
        f"their own, where the question does not{left}"
    )
    return Failure("leakage", _beside(value, MOST), RULES["leakage"], said, numbers)


def _ignored(
    rows: Sequence[Tried], searched: Sequence[Attempt], extras: Sequence[Extra], label: str, draws: int
) -> Failure:
    numbers = _asked(extras)
    graded = [attempt for attempt in searched if attempt.plan_right is not None]
    for plan_right, name in ((True, "right answers where the plan is right"), (False, "the same where it is wrong")):
        part = [(attempt.right, attempt.problem) for attempt in graded if attempt.plan_right is plan_right]
        value = share(part, label, "ignored", plan_right, draws=draws)
        if value is not None:
            numbers[name] = value
    gaps = _gaps(rows, label, draws)
    numbers |= {f"gold plan less {name}": value for name, value in gaps.items()}
    rule = RULES["ignored plan"]
    if extras:
        least = min((extra.as_value for extra in extras), key=lambda value: value.value)
        finding: Finding = "fault" if least.high < 0.5 else "no fault" if least.low > 0.5 else "undecided"
        said = f"{least.value:.1%} of the parts of the answer that should move when the plan is changed do move"
        return Failure("ignored plan", finding, rule, said, numbers)
    if gaps:
        name, gap = max(gaps.items(), key=lambda entry: entry[1].value)
        finding = "no fault" if gap.low > 0 else "fault" if gap.high < 0.05 else "undecided"
        said = f"answers from gold plans are right {100 * gap.value:+.1f} points more often than with {name}"
        return Failure("ignored plan", finding, rule, said, numbers)
    said = "not measured: nobody changed plans and asked again (planneal probe), nor were ceiling and floors run"
    return Failure("ignored plan", "not measured", rule, said, numbers)


def _gaps(rows: Sequence[Tried], label: str, draws: int) -> dict[str, Value]:
    """Accuracy from gold plans less that from spoiled ones, each at its highest budget, paired by problem."""
    gold = {row.problem: float(row.right) for row in top(rows, "gold-plan")}
    found = {}
    for floor in ("shuffled-plan", "blanked-plan"):
        other = [row for row in top(rows, floor) if row.problem in gold]
        names = sorted({row.problem for row in other})
        if len(names) < 2:
            continue
        estimate = clustered_difference(
            [gold[name] for name in names],
            names,
            [float(row.right) for row in other],
            [row.problem for row in other],
            rng=stream("gap", label, floor),
            draws=draws,
        )
        found[floor] = Value.of(estimate)
    return found


def events_of(attempt: Attempt) -> list[StepEvent]:
    """The steps of an attempt; other events are passed over."""
    found = []
    for event in attempt.events:
        try:
            found.append(StepEvent.from_json(event))
        except TraceError:
            continue
    return found


def bins_of(searched: Sequence[Attempt]) -> list[Bin]:
    """Acceptance by temperature over all steps."""
    return acceptance([event for attempt in searched for event in events_of(attempt)])


def _signal(searched: Sequence[Attempt], label: str, draws: int) -> Failure:
    steps = {id(attempt): events_of(attempt) for attempt in searched}
    drafts, finals = [], []
    chains: dict[str, list[StepEvent]] = {}
    for attempt in searched:
        own = steps[id(attempt)]
        first = next((event for event in own if event.energy_before is not None), None)
        # Until a step is accepted the incumbent is the draft, so what stands before the first of them is its energy.
        if first is not None and first.energy_before is not None and attempt.draft_right is not None:
            drafts.append(Scored(attempt.problem, first.energy_before, attempt.draft_right))
        energy = attempt.notes.get("energy")
        if isinstance(energy, int | float) and math.isfinite(energy) and attempt.plan_right is not None:
            finals.append(Scored(attempt.problem, float(energy), attempt.plan_right))
        if own:
            chains.setdefault(attempt.problem, [event for event in own if event.chain == own[0].chain])
    numbers: dict[str, Value] = {}
    drafts_auroc = _auroc(drafts, "first plans that were refined", label, draws, numbers)
    _auroc(finals, "final plans", label, draws, numbers)
    p, walked = _walked(list(chains.values()), label, draws, numbers)
    rule = RULES["weak signal"]
    if drafts_auroc is None:
        said = (
            f"not measured: of {len(drafts)} first plans with a known energy, not both right and wrong ones; {walked}"
        )
        return Failure("weak signal", "not measured", rule, said, numbers)
    finding: Finding = "undecided"
    valid = sum(draft.valid for draft in drafts)
    if min(valid, len(drafts) - valid) < LEAST:
        finding = "undecided"
    elif drafts_auroc.high < 0.6:
        finding = "fault"
    elif drafts_auroc.low > 0.5 and p <= 0.05:
        finding = "no fault"
    said = f"energy tells right first plans from wrong ones with AUROC {drafts_auroc.value:.2f} ({valid} and "
    said += f"{len(drafts) - valid} of them); {walked}"
    return Failure("weak signal", finding, rule, said, numbers)


def _auroc(plans: Sequence[Scored], name: str, label: str, draws: int, numbers: dict[str, Value]) -> Value | None:
    if len({plan.valid for plan in plans}) < 2:
        return None
    found = signal(plans, rng=stream("signal", label, name), draws=min(draws, 1_000))
    numbers[f"AUROC of the energy, {name}"] = value = Value.of(found.auroc)
    numbers[f"rank correlation of energy and truth, {name}"] = Value.of(found.correlation)
    pairs_won, pairs = within(plans)
    if pairs:
        numbers[f"AUROC within one problem, {name}"] = Value(pairs_won, math.nan, math.nan, pairs, "pairs")
    return value


def _walked(
    chains: Sequence[Sequence[StepEvent]], label: str, draws: int, numbers: dict[str, Value]
) -> tuple[float, str]:
    try:
        found = walk(chains, rng=stream("walk", label), draws=draws)
    except ConfigError as error:
        return math.nan, f"no random-walk test: {error}"
    estimate = Estimate(found.drop, found.interval, found.chains)
    numbers["energy that accepted steps take off, by chain"] = Value.of(estimate, "chains")
    told = "is told from a random walk" if found.p <= 0.05 else "is not told from a random walk"
    caveat = "a blind walk from a bad plan also comes down; there is no blind control in this run"
    return found.p, f"the chain {told} (p = {found.p:.2g}, {found.chains} chains; {caveat})"
