"""The tools family: executed gold, exact graders, structures never trained on, rules that the store keeps to."""

import asyncio
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal import Pipeline, parse_plan
from planneal.decoders.answer import judge_answer
from planneal.experiments.families.base import LEVELS, Split
from planneal.experiments.families.tools import (
    FAMILY,
    Difficulty,
    ToolsGold,
    ToolsPublic,
    answer_text,
    fresh_store,
    generate,
    held_out,
    run,
    structures,
)
from planneal.experiments.families.tools.compose import Slots, compose
from planneal.experiments.families.tools.draw import size_of
from planneal.experiments.families.tools.grading import grade_text
from planneal.experiments.families.tools.records import VERBS
from planneal.experiments.families.tools.run_plan import execute
from planneal.experiments.families.tools.toolbox import GIVES, OPENERS, TAKES, all_tools, toolbox
from planneal.experiments.families.tools.verifier import RequestVerifier
from planneal.experiments.families.tools.wording import FACTS, RULES
from planneal.planner.errors import ConfigError
from planneal.planner.notation import format_plan
from planneal.planner.witnesses import GOAL
from planneal.replay import replay
from planneal.testing import FunctionModel

HARD = FAMILY.levels["hard"]
problems = st.builds(
    generate,
    st.integers(0, 2**62),
    st.sampled_from([*FAMILY.levels.values(), Difficulty(told=False, constraints=2)]),
    st.sampled_from(Split),
)


def grade(problem, text):
    return asyncio.run(FAMILY.grade(problem, text))


def assessments(problem, plan):
    task = FAMILY.task(problem.public)

    async def go():
        return {v.name: await v.assess(task, plan) for v in FAMILY.verifiers(problem.public)}

    return asyncio.run(go())


def some(wanted, difficulty=None, seeds=range(400)):
    """The first problem of which this holds."""
    return next(p for seed in seeds if wanted(p := generate(seed, difficulty)))


@settings(max_examples=25, deadline=None)
@given(problems)
def test_the_gold_plan_is_executed_passes_every_verifier_and_its_answer_is_right(problem):
    public, gold = problem.public, problem.gold
    plan = parse_plan(gold.plan)
    assert format_plan(plan) == gold.plan
    ran = run(public, plan)
    assert (ran.value, ran.changes, ran.state, ran.at) == (gold.value, gold.changes, gold.state, "")
    grade_of_plan = FAMILY.grade_plan(problem, gold.plan)
    assert (grade_of_plan.exact, grade_of_plan.missing, grade_of_plan.false, grade_of_plan.extra) == (True, 0, 0, 0)
    found = assessments(problem, plan)
    assert not any(assessment.abstained or assessment.failures for assessment in found.values())
    assert found["request"].verdicts[GOAL].outcome == "pass"
    assert all(v.outcome == "pass" for a in found.values() for i, v in a.verdicts.items() if i != GOAL)
    assert not any(assessment.witnesses for assessment in found.values())
    text = answer_text(problem)
    assert grade(problem, text)
    assert judge_answer(plan, text).faithful
    assert "\n" not in public.question


@settings(max_examples=25, deadline=None)
@given(problems, st.integers(0, 2**32))
def test_near_misses_fail_and_there_are_some(problem, seed):
    wrong = FAMILY.wrong_answers(np.random.default_rng(seed), problem)
    assert len(wrong) >= 3
    assert not any(grade(problem, text) or grade(problem, f"answer: {text} [S1]") for text in wrong)


@settings(max_examples=25, deadline=None)
@given(problems, st.randoms(use_true_random=False))
def test_a_plan_that_lacks_a_call_is_wrong(problem, random):
    goal, *lines = problem.gold.plan.split("\n")
    calls = [line for line in lines if "[call: " in line]
    victim = random.choice(calls)
    without = FAMILY.grade_plan(problem, "\n".join([goal, *(line for line in lines if line != victim)]))
    assert not without.right


@settings(max_examples=25, deadline=None)
@given(problems, st.integers(0, 2**32))
def test_random_plans_are_well_typed(problem, seed):
    plan = FAMILY.random_plan(np.random.default_rng(seed), problem.public)
    assert parse_plan(format_plan(plan)) == plan
    found = assessments(problem, plan)
    kinds = {witness.kind for witness in found["tool_calls"].witnesses}
    assert kinds <= {"call_limit"}, "only rules can be broken"
    assert not found["structure"].failures


GRADED = (generate(3), generate(5, HARD))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300) | st.text("cancelrefundpyholdi0123456789 ,.[S]:answer\n()=$", max_size=80))
def test_no_text_breaks_a_grader(text):
    for problem in GRADED:
        assert grade(problem, text) in (True, False)
        assert not FAMILY.grade_plan(problem, text).right


def gold_of(value, changes=(), units=("coin", "coins")):
    return ToolsGold(plan="", structure="", value=value, units=units, changes=changes, state="", calls=1)


@pytest.mark.parametrize(
    "text",
    [
        *("1204", "1,204", "1204.0", " 1204 coins.", "x [S1]\nanswer: 1204 [S2]", "answer: **1204**"),
        "invoice 50 is settled [S1]\nthe paid order 3 [S2]\nanswer: 1204 [S3]",
    ],
)
def test_numbers_count_however_they_are_written(text):
    assert grade_text(gold_of(1204), text)


@pytest.mark.parametrize(
    "text", ["", "1203", "1204 crowns", "1204 and 3", "-1204", "12 04", "cancel 14, 1204", "1204x"]
)
def test_other_values_do_not(text):
    assert not grade_text(gold_of(1204), text)


@pytest.mark.parametrize(
    "text", ["rome", " Rome.", "answer: ROME [S3]", '"rome"', "the city is given [S1]\nanswer: rome"]
)
def test_words_count_whatever_their_case(text):
    assert grade_text(gold_of("rome"), text)


@pytest.mark.parametrize("text", ["oslo", "rome oslo", "not rome", "", "rom"])
def test_other_words_do_not(text):
    assert not grade_text(gold_of("rome"), text)


CHANGED = gold_of(40, (("cancel", 14),))


@pytest.mark.parametrize(
    "text",
    [
        "cancel 14, 40",
        "40, cancel 14",
        "cancelled order 14; 40 coins",
        "answer: cancel(order=14), 40 [S4, S5]",
        "order 14 is cancelled [S4]\nanswer: 40 [S5]",
        "cancel 14, amount 40 [S4]\nanswer: 40 [S5]",
        "Cancel order #14 and 40",
        "the paid order 15 is not the one [S2]\norder 14 is open [S3]\nanswer: cancelled 14, 40 [S5]",
    ],
)
def test_changes_count_in_any_sensible_form(text):
    assert grade_text(CHANGED, text)


@pytest.mark.parametrize(
    "text",
    ["40", "cancel 15, 40", "refund 14, 40", "cancel 14, cancel 15, 40", "cancel 14, 41", "cancel 14"],
)
def test_missing_other_and_further_changes_do_not(text):
    assert not grade_text(CHANGED, text)


def signature(structure):
    return compose(structure, Slots({"a": "ann", "b": "ben"}, {"a": "open", "b": "due"}, 10)).chain.signature


def test_held_out_structures_are_other_compositions_and_training_never_draws_them():
    seen = [structure for structure in structures() if not held_out(structure)]
    out = [structure for structure in structures() if held_out(structure)]
    assert len(out) > 60
    assert len(seen) > 3 * len(out)
    assert not {signature(s) for s in seen} & {signature(s) for s in out}
    assert not {s.id for s in seen} & {s.id for s in out}
    held = {structure.id for structure in out}
    for level in FAMILY.levels.values():
        assert not {generate(seed, level, Split.TRAIN).gold.structure for seed in range(60)} & held
    only = Difficulty(structures="held_out")
    assert {generate(seed, only).gold.structure for seed in range(60)} <= held
    assert not {generate(seed, Difficulty(structures="seen")).gold.structure for seed in range(60)} & held
    assert {generate(seed, HARD).gold.structure for seed in range(60)} & held, "all means all"
    with pytest.raises(ConfigError, match="held-out"):
        generate(0, only, Split.TRAIN)


def test_every_part_occurs_in_structures_that_training_sees():
    def parts(structure):
        sources = [source for source in (structure.source, structure.second) if source]
        return {structure.kind, (structure.kind, structure.ask), structure.verb, structure.other} | {
            part for s in sources for part in (("who", s.who), ("rows", s.rows), ("pick", s.pick), ("keep", s.keep))
        }

    seen = {part for structure in structures() if not held_out(structure) for part in parts(structure)}
    assert {part for structure in structures() for part in parts(structure)} <= seen


def test_a_structure_has_one_id_and_one_composition():
    assert len({s.id for s in structures()}) == len(structures()) == len({signature(s) for s in structures()})
    assert {size_of(s) for s in structures()} == set(range(2, 11))


def test_sizes_levels_and_knobs_are_honoured():
    assert tuple(FAMILY.levels) == LEVELS
    for size in range(2, 11):
        assert {generate(seed, FAMILY.sized(size)).public.size for seed in range(4)} == {size}
    with pytest.raises(ConfigError, match="2 to 10"):
        FAMILY.sized(11)
    none = [generate(seed, Difficulty(writes=0)).gold.changes for seed in range(40)]
    assert not any(none)
    assert all(generate(seed, Difficulty(writes=1, calls=(5, 6))).gold.changes for seed in range(40))
    assert all(len(generate(seed, Difficulty(constraints=2, locked=1)).public.constraints) == 2 for seed in range(20))
    assert not any(generate(seed, Difficulty(locked=0, constraints=2)).public.constraints for seed in range(20))
    with pytest.raises(ValueError, match="fewest"):
        Difficulty(calls=(5, 4))


def test_texts_differ_splits_differ_and_the_same_arguments_give_the_same():
    for level in [*FAMILY.levels.values(), Difficulty(told=False)]:
        texts = [generate(seed, level, split).public.question for seed in range(40) for split in Split]
        assert len(set(texts)) == len(texts)
    assert generate(4) == generate(4)


def test_questions_are_short_and_every_statement_has_three_wordings():
    words = [len(generate(seed).public.question.split()) for seed in range(60)]
    assert np.mean(words) < 150
    assert all(len(set(wordings)) >= 3 for wordings in (*FACTS.values(), *RULES.values()))


def test_the_text_tells_every_record_that_is_read():
    for seed in range(40):
        problem = generate(seed, HARD)
        store = fresh_store(problem.public)
        execute(parse_plan(problem.gold.plan), toolbox(problem.public.tools), store)
        words = set(problem.public.question.replace(",", " ").replace(".", " ").replace("?", " ").split())
        assert {str(key) for _, key in store.read} <= words


def test_no_gold_is_in_the_public_problem():
    problem = generate(11)
    assert isinstance(problem.public, ToolsPublic)
    told = problem.public.model_dump_json()
    assert problem.gold.plan not in told
    assert set(ToolsPublic.model_fields) - set(type(problem.public).__mro__[1].model_fields) == {
        "records",
        "tools",
        "rules",
    }
    again = ToolsPublic.model_validate_json(told)
    assert run(again, parse_plan(problem.gold.plan)).value == problem.gold.value


def test_the_table_of_kinds_is_the_toolbox():
    assert set(TAKES) == set(all_tools())
    for name, tool in all_tools().items():
        assert set(TAKES[name]) == set(tool.required)
        if name in GIVES and "" not in GIVES[name]:
            assert tool.result is not None
            assert set(GIVES[name]) <= set(tool.result["properties"])


def reworked(plan, change):
    """The plan with its lines changed."""
    return "\n".join(change(line) for line in plan.split("\n"))


def test_a_plan_that_every_verifier_passes_may_still_be_wrong():
    """The largest instead of the smallest: nothing but the gold can tell, and the grader does."""
    problem = some(lambda p: "smallest(" in p.gold.plan and not p.gold.changes, Difficulty(spare_tools=12))
    assert "largest" in problem.public.tools
    wrong = problem.gold.plan.replace("smallest(", "largest(")
    found = assessments(problem, parse_plan(wrong))
    assert not any(assessment.failures for assessment in found.values())
    graded = FAMILY.grade_plan(problem, wrong)
    assert not graded.right
    assert graded.missing >= 1
    assert not grade(problem, answer_text(problem, wrong))
    assert judge_answer(parse_plan(wrong), answer_text(problem, wrong)).faithful


def test_a_write_that_was_not_asked_for_makes_a_plan_wrong():
    level = Difficulty(constraints=0, spare_tools=12)
    problem = some(lambda p: not p.gold.changes and "cancel" in p.public.tools, level)
    open_order = next(order for order in problem.public.records.orders if order.status == "open")
    plan = f"{problem.gold.plan}\nS50: [call: cancel(order={open_order.id})]"
    graded = FAMILY.grade_plan(problem, plan)
    assert (graded.right, graded.false) == (False, 1)


def test_further_reads_are_right_but_not_exact():
    problem = some(lambda p: "get_customer" in p.public.tools and not p.public.rules, Difficulty(constraints=0))
    name = problem.public.records.customers[0].name
    graded = FAMILY.grade_plan(problem, f'{problem.gold.plan}\nS50: [call: get_customer(name="{name}")]')
    assert graded.right
    assert (graded.exact, graded.missing, graded.false) == (False, 0, 0)


def lacking(problem, tool):
    return "\n".join(line for line in problem.gold.plan.split("\n") if f"[call: {tool}(" not in line)


@pytest.mark.parametrize("locked", [0, 1])
def test_permissions_are_kept_by_the_store_whether_locked_or_only_told(locked):
    level = Difficulty(constraints=2, locked=locked)
    problem = some(lambda p: any(f"{tool}(" in p.gold.plan for tool in OPENERS.values()), level)
    opener = next(tool for tool in OPENERS.values() if f"{tool}(" in problem.gold.plan)
    without = lacking(problem, opener)
    found = assessments(problem, parse_plan(without.replace(" <- S1, ", " <- ").replace(" <- S1\n", "\n")))
    assert any("is not granted" in w.line for w in found["dry_run"].witnesses)
    assert bool(found["tool_calls"].failures) == bool(locked)
    assert found["request"].verdicts[GOAL].outcome == "unknown"
    assert not FAMILY.grade_plan(problem, without).right


def test_a_budget_and_a_repeated_write_are_kept_by_the_store():
    level = Difficulty(constraints=1, locked=0)
    problem = some(lambda p: p.public.rules and all("at most" in r or "repeat" in r for r in p.public.rules), level)
    reads = "\n".join(f"S{number}: [call: answer(value={number})]" for number in range(50, 62))
    assert "calls: at most" in run(problem.public, parse_plan(f"goal: g\n{reads}")).fault
    write = some(lambda p: len(p.gold.changes) == 1, Difficulty(writes=1, constraints=0))
    tool, key = write.gold.changes[0]
    noun = VERBS[tool].noun
    twice = "\n".join(f"S{number}: [call: {tool}({noun}={key})]" for number in (1, 2))
    ran = run(write.public, parse_plan(f"goal: g\n{twice}"))
    assert (ran.at, len(ran.changes)) == ("S2", 1)


def test_the_request_verifier_sees_what_was_made_up_and_what_is_missing():
    problem = some(lambda p: "get_customer" in p.public.tools and 'name="' in p.gold.plan, Difficulty(constraints=0))
    verifier = RequestVerifier(problem.public)
    task = FAMILY.task(problem.public)

    def lines(plan):
        return [w.line for w in asyncio.run(verifier.assess(task, parse_plan(plan))).witnesses]

    assert "S1: name of get_customer is zed, not in the request" in lines(
        'goal: g\nS1: [call: get_customer(name="zed")]\nS2: [call: answer(value=$S1.city)] <- S1'
    )
    name = problem.public.records.customers[0].name
    told = lines(f'goal: g\nS1: [call: get_customer(name="{name}")]')
    assert "goal is not reached: no call of answer" in told
    assert lines("goal: g\nS1: [call: answer(value=7)]") == ["S1: value of answer must come from a call"]


def test_hostile_plans_run_nothing_but_parsed_calls():
    problem = generate(2)
    calls = ('__import__(name="os")', 'get_order(id="1; drop table orders")', "open_money(x=1)", "(")
    for call in calls:
        plan = parse_plan(f"goal: g\nS1: [call: {call}]\nS2: [call: answer(value=$S1)]")
        ran = run(problem.public, plan)
        assert ran.at == "S1"
        assert ran.value is None
        assert "error: " in FAMILY.observe(problem.public)(FAMILY.task(problem.public), plan)["S1"]
    sql = "x' or '1'='1"
    ran = run(problem.public, parse_plan(f'goal: g\nS1: [call: list_orders(customer="{sql}")]'))
    assert ran.at == "S1"


def test_the_answer_is_shown_what_the_calls_give_and_a_replay_takes_the_same_way(tmp_path):
    problem = generate(7, Difficulty(locked=0))
    drafted = problem.gold.plan.split("\n", 1)[1]

    def reply(request, index):
        if request.prompt.rstrip().endswith("answer:"):
            return answer_text(problem)
        return drafted

    def make(model, settings=None):
        return Pipeline(
            model,
            settings=settings,
            verifiers=FAMILY.verifiers(problem.public),
            observe=FAMILY.observe(problem.public),
            clock=lambda: 0.0,
        )

    model = FunctionModel(reply, dialect="compact")
    result = make(model).solve(FAMILY.task(problem.public), trace=tmp_path / "t.jsonl")
    assert result.solved
    assert result.answer.faithful
    assert grade(problem, result.text)
    prompt = model.requests[-1].prompt
    expected = FAMILY.observe(problem.public)(result.task, result.plan)
    assert list(expected) == [item.id for item in result.plan.items if item.id.startswith("S")]
    assert prompt.endswith("results:\n" + "\n".join(f"{i} -> {text}" for i, text in expected.items()) + "\nanswer:\n")
    assert json.loads((tmp_path / "t.jsonl").read_text().splitlines()[0])["kind"] == "run_started"
    assert replay(tmp_path / "t.jsonl", pipeline=make).same


def test_all_sizes_and_kinds_come_up():
    drawn = Counter(generate(seed, Difficulty(calls=(2, 9))).gold.structure.split("/")[0] for seed in range(120))
    assert set(drawn) == {"person", "order", "thing", "sum", "pair", "write", "double"}
