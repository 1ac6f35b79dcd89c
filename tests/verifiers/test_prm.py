"""The process-reward-model verifier: what it renders, what its verdicts depend on, and what they cost."""

import asyncio
import math

import pytest
from planneal.decoders.prm import Solution, StepScorer, StepScores
from planneal.decoders.prompts import spaced
from planneal.planner.edits import apply
from planneal.planner.errors import BadResponse, BudgetExhausted, ConfigError, TransientError, VerifierError
from planneal.planner.ledger import Budget, Ledger, Usage
from planneal.planner.notation import format_plan, parse_edit, parse_plan
from planneal.planner.task import Task
from planneal.planner.verifier import VerdictCache, Verifier
from planneal.planner.witnesses import GOAL
from planneal.verifiers.prm import PRMVerifier, aggregate, beyond_its_place, rendered

TASK = Task(question="There are 4 nuts and 3 more bolts. How many bolts?", constraints=["bolts > 0"])
PLAN = parse_plan(
    "goal: how many bolts? [bolts]\nC1!: [bolts > 0]\nS1: nuts are given [nuts = 4]\n"
    "S2: [bolts = nuts + 5] <- S1\nS3: [cups = 2]"
)
SCORES = {"nuts = 4": 0.9, "nuts are given": 0.9, "nuts + 5": 0.3, "nuts + 3": 0.8, "cups": 0.6}


class FakeScorer(StepScorer):
    """Scores a step by what it says, and counts what it is asked."""

    name = "fake"

    def __init__(self, scores=None, error=None):
        self.table = SCORES if scores is None else scores
        self.error = error
        self.asked: list[list[Solution]] = []

    async def score(self, solutions):
        self.asked.append(list(solutions))
        if isinstance(self.error, Exception) and not isinstance(self.error, (VerifierError, BadResponse)):
            raise self.error
        return [self.error or self._one(solution) for solution in solutions]

    def _one(self, solution):
        scores = tuple(next((v for k, v in self.table.items() if k in step), 0.7) for step in solution.steps)
        return StepScores(scores, self.bound(solution))

    def bound(self, solution):
        return Usage(prompt_tokens=10 * len(solution.steps), calls=1, flops=100.0)


def judge(verifier, plan=PLAN, task=TASK, **options):
    return asyncio.run(verifier.assess(task, plan, **options))


def scores(assessment):
    return {item_id: round(verdict.score, 6) for item_id, verdict in assessment.verdicts.items()}


def test_one_verdict_for_each_own_item_and_the_goal():
    scorer = FakeScorer()
    assessment = judge(PRMVerifier(scorer))
    assert scores(assessment) == {"S1": 0.9, "S2": 0.3, "S3": 0.6, GOAL: 0.3}
    assert assessment.failures == ("S2", GOAL)
    assert [w.line for w in assessment.witnesses] == ["S2 is doubtful", "goal is doubtful"]
    assert assessment.witnesses[0].detail == "step score 0.300"
    assert assessment.verdicts[GOAL].reason == "min of 3 step scores 0.300, the lowest at S2"
    assert all(verdict.variance == 0 for verdict in assessment.verdicts.values())
    assert len(scorer.asked) == 1
    assert assessment.usage.prompt_tokens == 30


def test_items_are_steps_and_what_the_task_gave_is_part_of_the_question():
    for render, steps in {
        "notation": ("S1: nuts are given [nuts = 4]", "S2: [bolts = nuts + 5] <- S1", "S3: [cups = 2]"),
        "text": ("nuts are given", "bolts = nuts + 5", "cups = 2"),
    }.items():
        scorer = FakeScorer()
        judge(PRMVerifier(scorer, render=render))
        given = "C1: [bolts > 0]" if render == "notation" else "bolts > 0"
        assert scorer.asked == [[Solution(f"{TASK.question}\n{given}", steps)]]


ROW = parse_plan("goal: a row\nC1: [order: figs < limes]\nS1: figs\nC2: [order: |limes - figs| >= 1]\nS2: limes")


def test_the_things_of_a_row_can_be_left_to_the_order_rules():
    scorer = FakeScorer({"figs < limes": 0.7, "limes - figs": 0.9, "": 0.1})
    assert scores(judge(PRMVerifier(scorer), ROW))[GOAL] == 0.1
    verifier = PRMVerifier(scorer, judges=beyond_its_place)
    assert scores(judge(verifier, ROW)) == {"C1": 0.7, "C2": 0.9, GOAL: 0.7}
    assert scorer.asked[-1][0].steps == ("C1: [order: figs < limes]", "S1: figs", "C2: [order: |limes - figs| >= 1]")
    assert judge(verifier, ROW).verdicts[GOAL].reason == "min of 2 step scores 0.700, the lowest at C1"
    assert scores(judge(PRMVerifier(scorer, "product", judges=beyond_its_place), ROW))[GOAL] == 0.63
    assert set(judge(verifier).verdicts) == {"S1", "S2", "S3", GOAL}, "no row, nothing left out"


def test_where_nothing_is_judged_it_is_silent_but_never_of_a_plan_of_nothing():
    verifier = PRMVerifier(FakeScorer(), judges=beyond_its_place)
    given = ROW.with_items([item.model_copy(update={"locked": True}) if item.check else item for item in ROW.items])
    assert judge(verifier, given).verdicts == {}
    emptied = given.with_items([item for item in given.items if item.locked])
    assert judge(verifier, emptied).verdicts[GOAL].outcome == "unknown"


@pytest.mark.parametrize(
    ("how", "goal", "outcome"),
    [("min", 0.3, "fail"), ("last", 0.6, "pass"), ("product", 0.162, "pass"), ("mean", 0.6, "pass")],
)
def test_aggregations(how, goal, outcome):
    verdict = judge(PRMVerifier(FakeScorer(), how)).verdicts[GOAL]
    assert (round(verdict.score, 6), verdict.outcome) == (goal, outcome)  # 0.162 is above 0.5 ** 3
    assert aggregate([0.25], how) == 0.25


def test_the_threshold_decides_what_is_doubtful():
    assert judge(PRMVerifier(FakeScorer(), threshold=0.2)).failures == ()
    assert judge(PRMVerifier(FakeScorer(), threshold=0.95)).failures == ("S1", "S2", "S3", GOAL)


def test_the_ratio_blames_the_step_after_which_the_value_fell():
    values = {"nuts = 4": 0.8, "nuts + 5": 0.2, "cups": 0.19}
    assert judge(PRMVerifier(FakeScorer(values))).failures == ("S2", "S3", GOAL)
    assessment = judge(PRMVerifier(FakeScorer(values), statistic="ratio"))
    assert scores(assessment) == {"S1": 0.8, "S2": 0.25, "S3": 0.95, GOAL: 0.19}
    assert assessment.failures == ("S2", GOAL)
    rising = {"nuts = 4": 0.0, "nuts + 5": 0.5, "cups": 0.9}
    assert scores(judge(PRMVerifier(FakeScorer(rising), statistic="ratio")))["S3"] == 1.0


def test_a_calibrated_variance_is_passed_on():
    assessment = judge(PRMVerifier(FakeScorer(), variance=lambda score: score * (1 - score)))
    assert assessment.verdicts["S2"].variance == pytest.approx(0.21)
    assert judge(PRMVerifier(FakeScorer(), variance=0.01)).verdicts["S1"].variance == 0.01


# -- what a verdict depends on ---------------------------------------------------------------------------------------


def test_an_edit_rejudges_the_items_from_it_on():
    verifier, cache = PRMVerifier(FakeScorer()), VerdictCache()
    assert judge(verifier, cache=cache).judged == ("S1", "S2", "S3", GOAL)
    edited = apply(PLAN, parse_edit("replace S2: [bolts = nuts + 3] <- S1", plan=PLAN))
    assert judge(verifier, edited, cache=cache).judged == ("S2", "S3", GOAL)
    assert judge(verifier, edited, cache=cache).judged == ()


@pytest.mark.parametrize(
    "line",
    ["replace S2: [bolts = nuts + 3] <- S1", "delete S1", "move S3 before S1", "needs S3: S1", "insert S4: [a = 1]"],
)
def test_a_cached_verdict_is_a_fresh_one(line):
    class Positional(FakeScorer):
        """A score that depends on everything before it."""

        def _one(self, solution):
            texts = [solution.question + "".join(solution.steps[: n + 1]) for n in range(len(solution.steps))]
            return StepScores(tuple(sum(map(ord, text)) % 97 / 97 for text in texts), Usage())

    verifier, cache = PRMVerifier(Positional()), VerdictCache()
    judge(verifier, cache=cache)
    edited = apply(PLAN, parse_edit(line, plan=PLAN))
    fresh = judge(PRMVerifier(Positional()), edited)
    assert judge(verifier, edited, cache=cache).verdicts == fresh.verdicts
    assert fresh.verdicts != judge(verifier).verdicts  # the control: the edit matters


def test_known_scores_are_not_paid_for_again():
    scorer = FakeScorer()
    verifier, cache = PRMVerifier(scorer), VerdictCache()
    first = judge(verifier, cache=cache)
    again = judge(verifier, cache=cache, draw=1)
    assert again.judged == first.judged
    assert again.verdicts == first.verdicts
    shorter = apply(PLAN, parse_edit("delete S3", plan=PLAN))
    assert scores(judge(verifier, shorter)) == {"S1": 0.9, "S2": 0.3, GOAL: 0.3}
    assert len(scorer.asked) == 1
    assert verifier.own_bound(TASK, shorter) == again.usage.model_copy(update={"verifier_seconds": 0.0}) == Usage()
    judge(verifier, task=Task(question="Another question?"))
    assert len(scorer.asked) == 2  # the control


def test_models_and_methods_do_not_share_verdicts():
    other = FakeScorer()
    other.name = "other"
    scopes = {
        PRMVerifier(scorer, how, statistic=statistic).scope(TASK, PLAN, "S1")
        for scorer in (FakeScorer(), other)
        for how in ("min", "mean")
        for statistic in ("score", "ratio")
    }
    assert len(scopes) == 8


def test_a_plan_without_steps_is_not_good_by_default():
    empty = parse_plan("goal: how many bolts? [bolts]\nC1!: [bolts > 0]")
    scorer = FakeScorer()
    (verdict,) = judge(PRMVerifier(scorer), empty).verdicts.values()
    assert (verdict.outcome, verdict.score) == ("unknown", 0.0)
    assert scorer.asked == []


# -- many plans ------------------------------------------------------------------------------------------------------


def edited(count):
    return [apply(PLAN, parse_edit(f"replace S3: [cups = {n}]", plan=PLAN)) for n in range(count)]


def test_many_plans_are_one_batch_with_the_same_verdicts():
    plans = [*edited(5), PLAN, parse_plan("goal: g"), PLAN]
    scorer = FakeScorer()
    verifier = PRMVerifier(scorer)
    many = asyncio.run(verifier.assess_many(TASK, plans))
    assert [len(batch) for batch in scorer.asked] == [5]  # PLAN equals one of them, and one has no steps
    one_by_one = FakeScorer()
    for assessment, plan in zip(many, plans, strict=True):
        alone = judge(PRMVerifier(one_by_one), plan)
        assert assessment.verdicts == alone.verdicts
        assert assessment.plan_hash == plan.hash
    assert sum(assessment.usage.prompt_tokens for assessment in many) == 150  # each batch member is charged once
    again = asyncio.run(verifier.assess_many(TASK, plans))
    assert [a.verdicts for a in again] == [a.verdicts for a in many]
    assert len(scorer.asked) == 1


def test_the_seam_assesses_many_one_after_another_by_default():
    class Plain(PRMVerifier):
        assess_many = Verifier.assess_many

    scorer = FakeScorer()
    many = asyncio.run(Plain(scorer).assess_many(TASK, edited(3)))
    assert [len(batch) for batch in scorer.asked] == [1, 1, 1]
    together = asyncio.run(PRMVerifier(scorer).assess_many(TASK, edited(3)))
    assert [a.verdicts for a in many] == [a.verdicts for a in together]


def test_a_cache_serves_many_plans():
    cache = VerdictCache()
    asyncio.run(PRMVerifier(FakeScorer()).assess_many(TASK, edited(2), cache=cache))
    assert judge(PRMVerifier(FakeScorer()), edited(2)[1], cache=cache).judged == ()


# -- failure ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [math.nan, 1.5, -0.1])
def test_scores_that_make_no_sense_become_an_abstention(score):
    assessment = judge(PRMVerifier(FakeScorer({"S1": score})))
    assert "not in [0, 1]" in assessment.abstained
    assert not assessment.verdicts


def test_too_few_scores_become_an_abstention():
    class Short(FakeScorer):
        def _one(self, solution):
            return StepScores((0.5,), Usage())

    assert judge(PRMVerifier(Short())).abstained == "1 scores came for 3 items"


@pytest.mark.parametrize("error", [TransientError("gone"), OSError("gone"), BadResponse("gone"), VerifierError("gone")])
def test_a_scorer_that_fails_makes_it_abstain(error):
    verifier = PRMVerifier(FakeScorer(error=error))
    assert "gone" in judge(verifier).abstained
    many = asyncio.run(verifier.assess_many(TASK, edited(2)))
    assert ["gone" in (a.abstained or "") for a in many] == [True, True]
    verifier.scorer.error = None  # the control: what failed was not remembered
    assert judge(verifier).abstained is None


def test_what_a_failure_cost_is_counted():
    error = BadResponse("gone")
    error.usage = Usage(prompt_tokens=7, retries=2, seconds=0.5)
    usage = judge(PRMVerifier(FakeScorer(error=error))).usage
    assert (usage.prompt_tokens, usage.retries) == (7, 2)


@pytest.mark.parametrize(
    "options",
    [{"aggregation": "max"}, {"statistic": "guess"}, {"render": "prose"}, {"threshold": 2.0}, {"variance": -1.0}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError):
        PRMVerifier(FakeScorer(), **options)


# -- money -----------------------------------------------------------------------------------------------------------


def run_kernel(ledger):
    from planneal.planner.acceptance import Metropolis
    from planneal.planner.energy import Anchor, EnergyModel
    from planneal.planner.kernel import Kernel
    from planneal.planner.schedules import Constant

    kernel = Kernel(
        task=TASK,
        proposer=None,
        verifiers=[PRMVerifier(FakeScorer())],
        energy=EnergyModel(),
        rule=Metropolis(),
        schedule=Constant(temperature=1.0),
        admit=lambda worst: ledger.check(worst),
        charge=lambda usage: ledger.charge("verify", usage),
    )
    return asyncio.run(kernel.judge(PLAN, Anchor.of(PLAN)))


def test_a_model_of_its_own_is_charged_to_the_run():
    ledger = Ledger(Budget())
    run_kernel(ledger)
    spent = ledger.by_role["verify"]
    assert (spent.prompt_tokens, spent.calls, spent.flops, spent.verifier_calls) == (30, 1, 100.0, 1)


def test_a_model_of_its_own_is_not_asked_beyond_the_budget():
    with pytest.raises(BudgetExhausted):
        run_kernel(Ledger(Budget(tokens=29)))
    run_kernel(Ledger(Budget(tokens=30)))  # the control


def test_compact_rendering_shows_what_the_embedded_models_prompts_show():
    task = Task(question="There are 4 nuts\nand 3 more bolts. How many bolts?", constraints=["bolts > 0"])
    found = rendered(task, PLAN, "compact")
    prompt = "There are 4 nuts and 3 more bolts. How many bolts?\nplan:\n"
    assert found.solution.question == f"{prompt}goal: how many bolts? [ bolts]\nC1: [ bolts > 0]\n"
    steps = ("S1: nuts are given [ nuts = 4]", "S2: [ bolts = nuts + 5] <- S1", "S3: [ cups = 2]")
    assert found.solution.steps == steps
    assert found.places == {"S1": 0, "S2": 1, "S3": 2}
    shown = found.solution.question + "".join(f"{step}\n" for step in steps)
    assert shown == prompt + spaced(format_plan(PLAN, bare=True)) + "\n"
    scorer = FakeScorer()
    assert scores(judge(PRMVerifier(scorer, render="compact"), task=task))["S2"] == 0.3
    assert scorer.asked == [[found.solution]]
    assert rendered(task, PLAN).solution.question.endswith("How many bolts?\nC1: [bolts > 0]")
