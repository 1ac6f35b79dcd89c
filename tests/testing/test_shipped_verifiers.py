"""The laws on verifiers that need a toolbox, another verifier or noise."""

from __future__ import annotations

import pytest
from planneal import Task, parse_plan
from planneal.testing import check_verifier, sample_cases
from planneal.verifiers import DryRunVerifier, NoisyVerifier, RelationsVerifier, StructureVerifier, ToolCallVerifier
from planneal.verifiers.tool_calls import from_functions

FEW = (*sample_cases()[:4], sample_cases()[10])


def nuts(count: int) -> int:
    return count


def price(count: int, each: float = 0.5) -> float:
    if count > 100:
        raise ValueError("too many")
    return count * each


CALLS = [
    (Task(question="q"), parse_plan("goal: g\n" + "\n".join(lines)))
    for lines in (
        ["S1: [call: nuts(count=4)]", "S2: [call: price(count=$S1, each=2)] <- S1"],
        ["S1: [call: nuts(count=400)]", "S2: [call: price(count=$S1)] <- S1", "S3: [call: nuts(count=1)]"],
        ['S1: [call: nuts(count="four")]', "S2: [call: bolts(n=1)]", "S3: [call: price(count=$S9)]", "S4: say so"],
        ["S2: [call: price(count=$S1)]", "S1: [call: nuts(count=4)]"],
    )
]


@pytest.mark.parametrize("kind", [ToolCallVerifier, DryRunVerifier])
def test_verifiers_of_tool_calls(kind):
    report = check_verifier(kind(from_functions(nuts, price)), CALLS)
    assert report.ok, str(report)


@pytest.mark.parametrize(
    "made",
    [
        StructureVerifier() + 0.5 * RelationsVerifier(),
        RelationsVerifier().cached(),
        StructureVerifier().within(60.0),
        StructureVerifier().only("S", "goal"),
        NoisyVerifier(StructureVerifier(), flip=0.2, sigma=0.1),
    ],
    ids=["sum", "cached", "within", "only", "noisy"],
)
def test_verifiers_made_of_verifiers(made):
    report = check_verifier(made, FEW)
    assert report.ok, str(report)


def test_variants_of_noise_have_versions_of_their_own():
    one, other = (NoisyVerifier(StructureVerifier(), flip=0.3, seed=seed) for seed in (0, 1))
    report = check_verifier(one, FEW, variants=[other])
    assert report.ok, str(report)
    assert "version" in report.held
