"""HumanEval and MBPP: programs, judged by the published tests in a sandbox.

Where a test can be taken apart into calls and expected values it is judged outside the program's process; the rest is
what that process itself says (see :mod:`~planneal.experiments.bench_unit_tests`). No verdict is not right.
"""

from __future__ import annotations

import ast
import re
from typing import ClassVar

from ...verifiers.assert_files import AssertFile
from ...verifiers.sandbox.base import Limits, Sandbox
from ...verifiers.sandbox.select import default_sandbox
from ..bench_unit_tests import judge
from ..families.base import Problem
from .base import PublicSet, SealedGold
from .rows import Hub, Row

__all__ = ["HumanEval", "Mbpp", "ProgramGold", "program_in"]

MAX_CHARS = 50_000
_FENCE = re.compile(r"```[ \t]*(?:python|py|python3)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


class ProgramGold(SealedGold):
    """The tests, and a program that passes them.

    Attributes:
        source: The published program.
        entry: The function that is tested, empty where the tests name it.
        prompt: What a completion goes on from, empty where there is nothing.
        tests: The test text, or the assert statements.
        setup: Code that the tests rest on.
    """

    source: str
    entry: str = ""
    prompt: str = ""
    tests: tuple[str, ...]
    setup: str = ""

    def file(self) -> AssertFile:
        """The tests, taken apart."""
        return (
            AssertFile.humaneval(self.tests[0], self.entry) if self.entry else AssertFile.mbpp(self.tests, self.setup)
        )


class _Programs(PublicSet[ProgramGold]):
    """What both sets share: running.

    Args:
        sandbox: Where programs run; a default one for each answer if None, which costs its start each time.
        seconds: Limit of one run.
    """

    seconds: ClassVar[float] = 20.0

    def __init__(self, sandbox: Sandbox | None = None, *, seconds: float | None = None) -> None:
        self._sandbox = sandbox
        limit = self.seconds if seconds is None else seconds
        self._limits = Limits(limit, cpu_seconds=limit)

    async def grade(self, problem: Problem[ProgramGold], text: str) -> bool:
        """Whether the program in a text passes the tests.

        Raises:
            SandboxUnavailable: Nothing isolates here, so nothing was run.
        """
        gold = problem.gold
        source = program_in(text, gold.entry, gold.prompt)
        if self._sandbox is not None:
            return (await judge(self._sandbox, source, gold.file(), self._limits)).outcome == "pass"
        async with await default_sandbox() as sandbox:
            return (await judge(sandbox, source, gold.file(), self._limits)).outcome == "pass"

    def gold_answer(self, problem: Problem[ProgramGold]) -> str:
        """The published program, fenced."""
        return f"```python\n{problem.gold.source}\n```"


class HumanEval(_Programs):
    """HumanEval (Chen et al. 2021, arXiv 2107.03374)."""

    name = "humaneval"
    about = "Python functions from signature and docstring"
    form = "jsonl: task_id, prompt, entry_point, canonical_solution, test"
    grader = "every assert passes in the sandbox"
    hubs = (Hub("openai/openai_humaneval"),)

    def problem(self, row: Row) -> Problem[ProgramGold]:
        """A row as a problem."""
        prompt, entry, test = row.text("prompt"), row.text("entry_point"), row.text("test")
        if f"def {entry}(" not in prompt:
            raise row.error(f"'prompt' does not define entry_point {entry[:40]!r}")
        key = row.text("task_id").rpartition("/")[2]
        source = prompt + row.text("canonical_solution")
        gold = ProgramGold(source=source, entry=entry, prompt=prompt, tests=(test,))
        question = f"Complete this Python function. Answer with the whole program.\n```python\n{prompt.rstrip()}\n```"
        return Problem[ProgramGold](public=self.public(row, question, goal=f"write {entry}", key=key), gold=gold)


class Mbpp(_Programs):
    """MBPP (Austin et al. 2021, arXiv 2108.07732).

    Args:
        shown: How many of the tests are shown with the question. The paper shows all three; with 1 the others are
            hidden cases.
        sandbox: Where programs run.
        seconds: Limit of one run.
    """

    name = "mbpp"
    about = "short Python functions from a sentence"
    form = "jsonl: task_id, text (or prompt), code, test_list, test_setup_code"
    grader = "every assert passes in the sandbox"
    hubs = (Hub("google-research-datasets/mbpp", "full"),)

    def __init__(self, sandbox: Sandbox | None = None, *, shown: int = 3, seconds: float | None = None) -> None:
        super().__init__(sandbox, seconds=seconds)
        self._shown = shown

    def problem(self, row: Row) -> Problem[ProgramGold]:
        """A row as a problem."""
        tests = row.texts("test_list")
        if not tests:
            raise row.error("'test_list' is empty")
        imports = row.texts("test_imports") if "test_imports" in row.data else ()
        setup = "\n".join([*imports, row.optional("test_setup_code")]).replace("\r\n", "\n").strip("\n")
        told = "\n".join(tests[: max(1, self._shown)])
        question = f"{row.text('text', 'prompt').strip()}\nThe program must pass these tests:\n```python\n{told}\n```"
        gold = ProgramGold(source=row.text("code").replace("\r\n", "\n"), tests=tests, setup=setup)
        key = str(row.field("task_id", int, str))
        return Problem[ProgramGold](public=self.public(row, question, goal="write the program", key=key), gold=gold)


def program_in(text: str, entry: str = "", prompt: str = "") -> str:
    """The program in an answer: the fenced block that defines the function, or the whole text.

    What only continues the prompt is put after it; what defines the function anew gets what the prompt has before it.

    Args:
        text: The answer.
        entry: The function that is asked for, empty if none is.
        prompt: What a completion goes on from.
    """
    text = text[:MAX_CHARS].replace("\r\n", "\n")
    blocks = [str(found) for found in _FENCE.findall(text)]
    defining = [block for block in blocks if _defines(block, entry)]
    code = defining[-1] if defining else blocks[-1] if blocks else text
    if not prompt:
        return code
    if not _defines(code, entry):
        return prompt + code
    before = prompt[: prompt.index(f"def {entry}(")]
    return f"{before}\n{code}" if before.strip() else code


def _defines(code: str, entry: str) -> bool:
    """Whether code defines the function at its top level, or any function if none is named."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(re.search(rf"^def {re.escape(entry)}\(" if entry else r"^def ", code, re.MULTILINE))
    return any(isinstance(node, ast.FunctionDef) and (node.name == entry or not entry) for node in tree.body)
