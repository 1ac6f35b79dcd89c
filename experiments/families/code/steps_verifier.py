"""The verifier `steps`: follows a plan's steps by the trusted table, on what the question shows. It needs no sandbox.

It has no gold: cases, signature and rules are the question's own. A step fails where it cannot take what comes to it, a
``test:`` where the steps answer it wrongly, a ``code:`` item where the question does not ask it, and the goal where a
visible case comes out wrong or no item states a rule of the question. A plan that carries a program is left to the
verifier of programs, and about lines that it cannot read it says nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ....planner.plan import Plan
from ....planner.task import Task
from ....planner.verdicts import Verdict
from ....planner.verifier import Judgement, Verifier
from ....planner.witnesses import GOAL, FailedTest, GoalNotReached, Malformed, Violated, Witness
from ....verifiers.code_checks import CodeCheck, Constraint
from ....verifiers.comparing import cut
from ....verifiers.memo import PlanMemo
from ....verifiers.syntax import NotPython
from ....verifiers.unit_tests import read_test
from .following import Reading, judge_example, judge_test, misfit_of, read_plan, states_signature
from .problem import CodePublic
from .rules import constraint_of

__all__ = ["StepsVerifier"]

_SHOWN = 3
"""Most failing cases that the goal's verdict shows."""


class StepsVerifier(Verifier):
    """Judges plans of one problem by following their steps.

    Args:
        public: The problem, without its gold.
    """

    name = "steps"
    stage = 1
    trust = "exact"
    decides = frozenset({"test", "code"})

    def __init__(self, public: CodePublic) -> None:
        self.public = public
        self._rules = {constraint_of(rule): rule for rule in public.rules}
        self._about = (public.function, public.parameter, public.takes, public.examples, public.rules)
        self._read = PlanMemo(lambda task, plan: read_plan(plan))

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The problem, and what the item states; for tests and the goal all steps, for a step those before it."""
        reading = self._read(task, plan)
        told = tuple((i, step.name, step.constants) if step else (i,) for i, step in reading.steps.items())
        if item_id == GOAL:
            if reading.carries or not reading.steps:
                return None
            return (self._about, told, tuple(reading.rules.values()))
        if item_id in reading.tests:
            return None if reading.carries else (self._about, told, reading.tests[item_id])
        if item_id in reading.rules:
            check = plan[item_id].check
            return None if reading.carries else (self._about, check.text if isinstance(check, CodeCheck) else "")
        if reading.steps.get(item_id) is not None:
            return (self._about, told[: list(reading.steps).index(item_id) + 1])
        return None

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Follows the plan."""
        reading = self._read(task, plan)
        return Judgement({item_id: self._verdict(reading, item_id) for item_id in item_ids})

    def _verdict(self, reading: Reading, item_id: str) -> Verdict:
        if item_id == GOAL:
            return self._goal(reading)
        if item_id in reading.tests:
            return self._test(reading, item_id)
        if item_id in reading.rules:
            return self._rule(item_id, reading.rules[item_id])
        before = list(reading.steps)[: list(reading.steps).index(item_id) + 1]
        misfit = misfit_of({i: reading.steps[i] for i in before}, self.public.takes)
        if misfit is None or misfit[0] != item_id:
            return Verdict.ok()
        return Verdict.failed(Violated(item=item_id, detail=misfit[1]))

    def _rule(self, item_id: str, constraint: Constraint | None) -> Verdict:
        if constraint is None:
            return Verdict.failed(Malformed(item=item_id, reason="not a form of `code:`, such as `no loop`"))
        signature = states_signature(constraint, self.public)
        if signature is not None:
            wanted = f"{self.public.function}({self.public.parameter})"
            return Verdict.ok() if signature else Verdict.failed(Violated(item=item_id, detail=f"it asks for {wanted}"))
        if constraint in self._rules:
            return Verdict.ok(reason="the question asks it")
        return Verdict.failed(Violated(item=item_id, detail="the question does not ask it"))

    def _test(self, reading: Reading, item_id: str) -> Verdict:
        steps = reading.composition
        if steps is None or misfit_of(reading.steps, self.public.takes) is not None:
            return Verdict.unknown("the steps cannot be followed")
        if isinstance(read := read_test(reading.tests[item_id]), NotPython):
            return Verdict.failed(Malformed(item=item_id, reason=cut(str(read))))
        found = judge_test(reading.tests[item_id], steps, self.public)
        if found is None or found.outcome == "unknown":
            return Verdict.unknown("the steps do not answer this test")
        if found.outcome == "pass":
            return Verdict.ok()
        told = all(judge_example(case, steps, self.public).outcome == "pass" for case in self.public.examples)
        culprits = () if told else self._culprits(reading)  # where every case comes out, the test is to blame
        fault = FailedTest(item=item_id, call=found.call, expected=found.expected, got=found.got, culprits=culprits)
        return Verdict.failed(fault)

    def _goal(self, reading: Reading) -> Verdict:
        stated = {constraint for constraint in reading.rules.values() if constraint is not None}
        lacking = [rule for constraint, rule in self._rules.items() if constraint not in stated]
        witnesses: list[Witness] = [GoalNotReached(reason=f"no item states code: {rule}") for rule in lacking]
        steps, misfit = reading.composition, misfit_of(reading.steps, self.public.takes)
        passed, cases = 0, self.public.examples
        if steps is not None and misfit is None:
            findings = [judge_example(case, steps, self.public) for case in cases]
            passed = sum(finding.outcome == "pass" for finding in findings)
            culprits = self._culprits(reading)
            witnesses += [
                FailedTest(item=GOAL, call=one.call, expected=one.expected, got=one.got, culprits=culprits)
                for one in findings
                if one.outcome == "fail"
            ][:_SHOWN]
        elif misfit is not None:
            case, (item_id, reason) = cases[0], misfit
            call = f"{self.public.function}({case.argument})"
            witnesses.append(FailedTest(item=GOAL, call=call, expected=case.gives, got=reason, culprits=(item_id,)))
        if witnesses:
            score = passed / len(cases) * (1 - len(lacking) / (len(self._rules) + 1))
            return Verdict.failed(*witnesses, score=min(score, 0.99))
        if steps is None:
            return Verdict.unknown("a step is told in words that are not known")
        return Verdict.ok(reason=f"{passed} of {len(cases)} cases come out")

    def _culprits(self, reading: Reading) -> tuple[str, ...]:
        """The steps, the last first: any of them may be the wrong one."""
        return tuple(reversed(reading.steps))
