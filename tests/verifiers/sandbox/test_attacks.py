"""Hostile programs against every sandbox; the sandbox without isolation shows that they are not tame."""

import asyncio

import pytest
from planneal.verifiers.sandbox.attacks import ATTACKS
from planneal.verifiers.sandbox.attacks_within import VERDICT
from planneal.verifiers.sandbox.base import Call, Job
from planneal.verifiers.sandbox.check import let_loose

LONG = ("endless", "deaf", "flood", "huge", "deeper", "bit by bit", "hanging", "orphaned", "many files")
QUICK = tuple(attack for attack in ATTACKS if not any(word in attack.name for word in LONG))


def findings(make, attacks, **options):
    async def loose():
        async with make(**options) as sandbox:
            return [finding async for finding in let_loose(sandbox, attacks, grace=15.0)]

    return asyncio.run(loose())


def told(found):
    return [(finding.attack.name, finding.breaches, finding.late) for finding in found if not finding.held]


def test_there_are_enough_of_them():
    assert len(ATTACKS) >= 70
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert len({attack.group for attack in ATTACKS}) == 7


def test_none_of_the_quick_ones_succeeds_in_monty(monty):
    assert told(findings(monty, QUICK)) == []


def test_none_of_the_quick_ones_succeeds_behind_bubblewrap(bubblewrap):
    assert told(findings(bubblewrap, QUICK)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["monty", "bubblewrap"])
def test_none_succeeds(name, request):
    found = findings(request.getfixturevalue(name), ATTACKS)
    assert len(found) == len(ATTACKS)
    assert told(found) == []


CONTROL = ("tcp to loopback", "unix socket by path", "read a file outside", "overwrite a file outside", "fork")
CONTROL += ("delete a file outside", "exec of a shell", "shell by subprocess", "signal a process outside")
CONTROL += ("environment of another process", "see other processes")


def test_without_isolation_they_get_out(unsafe):
    attacks = [attack for attack in ATTACKS if attack.name in CONTROL]
    found = findings(unsafe, attacks, spare=0)
    assert {finding.attack.name for finding in found if finding.breaches} == set(CONTROL)


def test_without_isolation_the_lasting_ones_are_not_let_loose(unsafe):
    assert findings(unsafe, [attack for attack in ATTACKS if not attack.control]) == []


FOOLS_A_TEST_TEXT = ("equal to everything", "leave with success")


@pytest.mark.parametrize("name", FOOLS_A_TEST_TEXT)
def test_what_fools_a_judge_in_the_same_process_does_not_fool_values(unsafe, run, name):
    source = next(attack.source for attack in VERDICT if attack.name == name)
    by_values = run(unsafe, Job(source, (Call("attack", (None,)),)))
    assert [result.value for result in by_values.results] != [42]
    naive = f"{source}\nexpected = 42\nprint('passed' if attack(None) == expected else 'failed')"
    judged_inside = run(unsafe, Job(naive))
    fooled = judged_inside.stdout == "passed\n" or "failed" not in judged_inside.stdout
    assert fooled, "the control must be fooled, or the attack is none"
