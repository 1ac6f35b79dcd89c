"""Loaders of published sets: rows as published are read, every gold passes, corrupted ones fail, surprises are told."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tarfile
import types
from pathlib import Path

import planneal
import pytest
from planneal.experiments.families.base import PublicProblem
from planneal.experiments.loaders.base import PublicSet, SealedGold
from planneal.experiments.loaders.finals import boxed, final_number, final_text
from planneal.experiments.loaders.pddl import read_situation
from planneal.experiments.loaders.planbench import situation_in
from planneal.experiments.loaders.programs import program_in
from planneal.experiments.loaders.registry import SETS, load_problems, public_set
from planneal.experiments.loaders.rows import Row
from planneal.planner.errors import ConfigError, DatasetError, MissingExtra
from planneal.verifiers.sandbox.select import default_sandbox

DATA = Path(planneal.__file__).resolve().parent.parent / "shared" / "data"
AT = {name: DATA / name for name in SETS}
WITH_GOLDS = ["gsm8k", "bbh", "planbench", "nestful", "countdown", "sudoku4"]
ROWS = {"gsm8k": 7473, "bbh": 1000, "planbench": 385, "nestful": 300, "countdown": 1500, "sudoku4": 324, "mbpp": 974,
        "humaneval": 40, "ifeval": 541, "game24": 1362}  # fmt: skip


def problems_of(name, **options):
    if not AT[name].exists():
        pytest.skip(f"{name} is not at {AT[name]}")
    loader = public_set(name, **options)
    return loader, loader.read(AT[name])


def graded(loader, pairs):
    async def each():
        return [await loader.grade(problem, text) for problem, text in pairs]

    return asyncio.run(each())


def corrupted(name, problem, answer):
    """A wrong answer near the gold one, wrong by construction."""
    if name == "gsm8k":
        return f"#### {problem.gold.value + 1}"
    if name == "bbh":
        target = problem.gold.target
        return (
            f"answer: ({'B' if target == '(A)' else 'A'})" if target.startswith("(") else f"answer: {int(target) - 1}"
        )
    if name == "planbench":
        return "\n".join(problem.gold.steps.strip().split("\n")[:-1])  # published plans end with a needed action
    if name == "nestful":
        lines = answer.split("\n")
        return "\n".join([*lines[:-1], lines[-1].replace("call: ", "call: not_", 1)])
    if name == "countdown":
        return answer.replace(str(problem.public.rules.numbers[0]), "1000")
    grid = "".join(problem.gold.grid)
    return "answer: " + ("1" if grid[0] != "1" else "2") + grid[1:]


@pytest.mark.parametrize("name", WITH_GOLDS)
def test_golds_pass_and_corrupted_golds_fail(name):
    loader, problems = problems_of(name)
    assert len(problems) == ROWS[name]
    assert len({problem.public.id for problem in problems}) == len(problems)
    step = {"gsm8k": 25, "countdown": 30, "nestful": 3}.get(name, 1)
    chosen = problems[::step]
    golds = [(problem, loader.gold_answer(problem)) for problem in chosen]
    assert all(graded(loader, golds))
    wrong = [(p, corrupted(name, p, text)) for p, text in golds]
    assert not any(graded(loader, wrong))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gsm8k", "countdown", "nestful"])
def test_every_gold_passes(name):
    loader, problems = problems_of(name)
    assert all(graded(loader, [(problem, loader.gold_answer(problem)) for problem in problems]))


@pytest.mark.parametrize("name", list(ROWS))
def test_nothing_public_leads_to_the_gold_and_odd_texts_do_not_raise(name):
    loader, problems = problems_of(name)
    for problem in problems[:: len(problems) // 5]:
        assert isinstance(problem.public, PublicProblem)
        assert not any(isinstance(value, SealedGold) for value in vars(problem.public).values())
        assert loader.task(problem.public).question.strip() == problem.public.question.strip()
        plan = problem.gold.plan
        assert not plan or plan.split("\n", 2)[-1] not in problem.public.model_dump_json()
        if name not in ("humaneval", "mbpp"):
            odd = ["", "\x00", "answer:", "[" * 9999, "(" * 9999, "\\boxed{" * 99, "answer: " + "9" * 9999, "\ud800"]
            assert not any(graded(loader, [(problem, text) for text in odd])) or name == "ifeval"


def run_programs(name, step):
    async def run():
        async with await default_sandbox() as sandbox:
            loader, problems = problems_of(name, sandbox=sandbox)
            passed, failed = [], []
            for problem in problems[::step]:
                passed.append(await loader.grade(problem, loader.gold_answer(problem)))
                body = re.sub(r"\breturn\b.*", "return object()", problem.gold.source)
                failed.append(await loader.grade(problem, f"```python\n{body}\n```"))
            return passed, failed

    return asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "step"), [("humaneval", 4), ("mbpp", 60)])
def test_published_programs_pass_and_others_fail(name, step):
    passed, failed = run_programs(name, step)
    assert all(passed)
    assert sum(failed) <= 1  # a program that prints or returns nothing may survive


def test_a_program_is_found_in_an_answer():
    prompt = "from typing import List\n\n\ndef f(xs: List[int]) -> int:\n    '''Adds.'''\n"
    body = "    return sum(xs)\n"
    whole = prompt[prompt.index("def") :] + body
    assert program_in(body, "f", prompt) == prompt + body
    for text in (whole, f"Sure:\n```python\n{whole}```\nDone.", f"```\nx = 1\n```\n```py\n{whole}```"):
        found = program_in(text, "f", prompt)
        assert found.startswith("from typing import List")
        assert found.count("def f") == 1
    assert program_in("```python\ndef g():\n    pass\n```") == "def g():\n    pass\n"
    assert program_in("def f(:", "f", prompt).endswith("def f(:")


def test_planbench_statements_say_what_the_published_instances_say():
    """The question in words, read by one reader, against the PDDL instance, read by another."""
    archive = DATA / "planbench" / "pddl_instances_bw_logistics.tar.gz"
    _, problems = problems_of("planbench")
    if not archive.exists():
        pytest.skip(f"the instances are not at {archive}")
    with tarfile.open(archive) as files:
        texts = {name: files.extractfile(name).read().decode() for name in files.getnames() if name.endswith(".pddl")}
    same = 0
    for problem in problems[::4]:
        number = problem.public.id.rpartition("-")[2]
        folder = {"blocksworld": "blocksworld/generated_basic_3", "logistics": "logistics/generated_basic"}
        name = f"instances/{folder[problem.gold.domain]}/instance-{number}.pddl"
        told = situation_in(problem.gold.domain, problem.gold.statement)
        given = read_situation(texts[name])
        if problem.gold.domain == "blocksworld":  # blocks have letters there and colours here
            same += len(told.start) == len(given.start) and len(told.goal) == len(given.goal)
        else:
            same += told == given
    assert same == len(problems[::4])


def test_planbench_accepts_other_valid_plans_in_words_and_refuses_invalid_ones():
    loader = public_set("planbench")
    query = (
        "I am playing with a set of blocks.\n[STATEMENT]\nAs initial conditions I have that, the red block is "
        "clear, the hand is empty, the red block is on top of the blue block and the blue block is on the "
        "table.\nMy goal is to have "
        "that the blue block is on top of the red block.\n\nMy plan is as follows:\n\n[PLAN]"
    )
    gold = "(unstack red blue)\n(put-down red)\n(pick-up blue)\n(stack blue red)\n"
    problem = loader.problem(Row({"query": query, "ground_truth_plan": gold, "instance_id": 1}, "f", 1))
    words = (
        "unstack the red block from on top of the blue block\nput down the red block\npick up the red block\n"
        "put down the red block\n1. pick up the blue block\n2. stack the blue block on top of the red block\n[PLAN END]"
    )
    right = [gold, words, f"Here is my plan:\n[PLAN]\n{words}", f"I would do this:\n{gold}That is all."]
    wrong = [
        "(pick-up blue)\n(stack blue red)",
        gold + "(unstack blue red)",
        gold.replace("(put-down red)", "and then"),
        "(fly blue red)",
        gold.replace("(stack blue red)", "(stack blue)"),
        "",
    ]
    assert graded(loader, [(problem, text) for text in right]) == [True] * 4
    assert graded(loader, [(problem, text) for text in wrong]) == [False] * 6


def test_any_completion_of_a_sudoku_counts():
    loader = public_set("sudoku4")
    rows = {"input": "1000\n0000\n0000\n0000", "output": "1234\n3412\n2143\n4321"}
    problem = loader.problem(Row(rows, "f", 1))
    right = [
        "answer:\n1243\n4312\n2134\n3421",
        "1 | 2 | 3 | 4\n--+---\n3 | 4 | 1 | 2\n2 1 4 3\n4,3,2,1",
        "1234341221434321",
        "First try:\n2134\n3412\n1243\n4321\nNo. Rather:\n1234\n3412\n2143\n4321",
    ]
    wrong = [
        "2134\n3412\n1243\n4321",
        "1234\n3412\n2143\n4322",
        "1234\n2143\n3412\n4321",
        "1234",
        "",
        "1234\n3412\n2143",
    ]
    assert graded(loader, [(problem, text) for text in right]) == [True] * 4
    assert graded(loader, [(problem, text) for text in wrong]) == [False] * 6


def test_nestful_calls_count_up_to_names_and_the_order_of_independent_calls():
    loader = public_set("nestful")
    calls = [
        {"name": "find", "arguments": {"text": "nut", "most": 2}, "label": "var1"},
        {"name": "find", "arguments": {"text": "bolt"}, "label": "var2"},
        {"name": "pair", "arguments": {"a": "$var1.id$", "b": "$var2.id$"}, "label": "var3"},
        {"name": "var_result", "arguments": {"pair": "$var3$"}},
    ]
    problem = loader.problem(Row({"input": "Pair a nut and a bolt.", "output": calls}, "a-data.json", 1))
    one, two, three, end = calls
    renamed = json.loads(json.dumps(calls).replace("var1", "var8").replace("var2", "var9"))
    moved = [two, one, three, {**end, "arguments": {"answer": "$var3$"}}]
    crossed = [one, two, {**three, "arguments": {"a": "$var2.id$", "b": "$var1.id$"}}, end]
    right = [calls, renamed, moved, [{**one, "arguments": {"most": 2.0, "text": "nut"}}, two, three, end]]
    wrong = [crossed, calls[:3], [*calls, two], [{**one, "arguments": {"text": "nut"}}, two, three, end], []]
    wrong.append([{**one, "arguments": {"text": "nut", "most": "2"}}, two, three, end])
    texts = [f"My calls:\n```json\n{json.dumps(each, indent=1)}\n```" for each in right]
    assert graded(loader, [(problem, text) for text in texts]) == [True] * 4
    assert graded(loader, [(problem, json.dumps(each)) for each in wrong]) == [False] * 6
    notation = (
        'S1: [call: find(text="bolt")]\nS2: [call: find(text="nut", most=2)]\nS3: [call: pair(a=$S2.id, b=$S1.id)]\n'
    )
    assert graded(loader, [(problem, notation + "S4: [call: var_result(x=$S3)]")]) == [True]


@pytest.mark.parametrize(
    ("text", "number"),
    [("#### 72", 72), ("so 5 and 6.\nThe answer is 1,234 clips.", 1234), ("\\boxed{\\$18.50}", 18.5), ("72", 72),
     ("we get 3 + 4 = 7", 7), ("answer: 14/2", 7), ("answer: 28 or 3", None), ("none", None), ("", None),
     ("**Answer:** 72", 72), ("#### -3", -3), ("x = 5.", 5)],
)  # fmt: skip
def test_final_numbers(text, number):
    assert final_number(text) == number


def test_final_texts_and_boxes():
    assert boxed(r"so \boxed{\frac{1}{2}} and \boxed{{a}b}") == "{a}b"
    assert boxed(r"\boxed{open") is None
    assert final_text("answer: (B) [S2]") == "(B)"
    assert final_text("nothing") is None


def test_options_are_chosen_by_letter_or_text():
    loader = public_set("bbh")
    question = "Who is first?\nOptions:\n(A) The quail is first\n(B) The raven is first"
    problem = loader.problem(Row({"input": question, "target": "(B)"}, "t.json", 1))
    right = ["(B)", "B", "b.", "answer: B", "The answer is (B).", "answer: the raven is first", "not (A), so (B)"]
    wrong = ["(A)", "answer: (A) or (B)", "A bird", "", "answer: C", "Both", "so (B) is wrong: (A)"]
    assert graded(loader, [(problem, text) for text in right]) == [True] * 7
    assert graded(loader, [(problem, text) for text in wrong]) == [False] * 7


SURPRISES = [
    ("gsm8k", {"question": "q"}, "no field 'answer'"),
    ("gsm8k", {"question": "q", "answer": "72"}, "does not end in"),
    ("gsm8k", {"question": 5, "answer": "#### 1"}, "'question' is int, not str"),
    ("math500", {"problem": "q", "solution": "no box"}, "has no box"),
    ("humaneval", {"task_id": "H/0", "prompt": "x", "entry_point": "f", "test": "t"}, "does not define"),
    ("mbpp", {"task_id": 1, "text": "q", "code": "c", "test_list": []}, "is empty"),
    ("mbpp", {"task_id": True, "text": "q", "code": "c", "test_list": ["assert f()"]}, "'task_id' is bool"),
    ("bbh", {"input": "q", "target": "(A)"}, "none of the options"),
    ("bbh", {"input": "q", "target": "maybe"}, "neither an option nor a number"),
    ("planbench", {"query": "blocks", "ground_truth_plan": "x", "instance_id": 1}, "no statement"),
    ("nestful", {"input": "q", "output": [{"name": "f"}]}, "not a list of calls"),
    ("ifeval", {"key": 1, "prompt": "q", "instruction_id_list": ["a:b"], "kwargs": [{}]}, "unknown instruction"),
    ("ifeval", {"key": 1, "prompt": "q", "instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "1 instr"),
    ("game24", {"Rank": "1", "Puzzles": "1 2 three 4"}, "is not numbers"),
    ("countdown", {"input": "1,2,3", "output": "1+4=5"}, "no way from the numbers"),
    ("countdown", {"input": "1,2,3", "output": "1 plus 2"}, "is no step"),
    ("sudoku4", {"input": "1000\n0000\n0000", "output": "1"}, "four lines"),
    ("sudoku4", {"input": "1000\n0000\n0000\n0000", "output": "2134\n3412\n1243\n4321"}, "does not complete"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "row", "said"), SURPRISES)
def test_surprises_name_file_and_row(name, row, said, tmp_path):
    kind = "csv" if name == "game24" else "jsonl"
    file = tmp_path / f"data.{kind}"
    if kind == "csv":
        file.write_text(f"Rank,Puzzles\n{row['Rank']},{row['Puzzles']}\n")
    else:
        file.write_text(json.dumps(row) + "\n")
    with pytest.raises(DatasetError, match=re.escape(said)) as caught:
        load_problems(name, file)
    assert (caught.value.file, caught.value.row) == (str(file), 1)
    assert f"{file}, row 1: " in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "row"),
    [("a.jsonl", '{"question": "q", "answer": "#### 1"}\n\n{oops\n', 3), ("a.jsonl", "[1]\n", 1), ("a.json", "{}", 0),
     ("a.json", "[" * 100_000, 0), ("a.txt", "x", 0), ("a.json", "[5]", 1), ("missing.jsonl", None, 0)],
)  # fmt: skip
def test_files_that_are_not_as_published_are_told(name, text, row, tmp_path):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError) as caught:
        load_problems("gsm8k", tmp_path / name)
    assert caught.value.row == row
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no file"):
        load_problems("gsm8k", tmp_path / "empty")


def test_limits_forms_and_names(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"data": [{"problem": "p", "answer": str(n)} for n in range(5)]}))
    assert [p.gold.answer for p in load_problems("math500", tmp_path, limit=2)] == ["0", "1"]
    assert load_problems("math500", tmp_path / "a.json")[4].public.id == "math500-a-5"
    with pytest.raises(ConfigError, match="no published set 'nope'; there are gsm8k"):
        public_set("nope")
    with pytest.raises(ConfigError, match="give a path"):
        load_problems("nestful")


def test_the_datasets_library_is_used_where_it_is_there_and_named_where_not(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install datasets$"):
        load_problems("gsm8k")
    asked = []

    def load_dataset(path, config, *, split):
        asked.append((path, config, split))
        return [{"question": "q", "answer": "#### 3"}, {"question": "q"}]

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    assert load_problems("gsm8k", limit=1)[0].gold.value == 3
    assert asked == [("openai/gsm8k", "main", "test")]
    with pytest.raises(DatasetError, match="openai/gsm8k/main/test, row 2"):
        load_problems("gsm8k")

    def offline(*args, **kwargs):
        raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=offline))
    with pytest.raises(DatasetError, match="cannot be had: ConnectionError"):
        load_problems("gsm8k")


def test_every_set_says_what_it_reads_and_how_it_grades():
    for name in SETS:
        loader = public_set(name)
        assert isinstance(loader, PublicSet)
        assert loader.name == name
        assert loader.about
        assert loader.form
        assert loader.grader
