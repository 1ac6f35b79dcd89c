"""Benchmark: what the tool-call verifier says of NESTFUL's gold sequences, and how many planted faults it sees.

Every row of every file is read as a plan. The verdicts on the gold sequences are set beside those of a second reader,
which knows nothing of the verifier and looks each call up in the raw specs: a call that both fail is a defect of the
data, a call that only the verifier fails would be one of ours. Then each sequence is spoilt in one place, drawn at
random, in each of several ways, and a fault counts as seen if the spoilt call fails with a witness that it did not have
before. The control rewrites a call without changing what it means; there nothing may be seen.

Run: ``python -m planneal.experiments.bench_tool_calls --data ../shared/data/nestful --seed 0``
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..planner.verdicts import Verdict
from ..verifiers.tool_calls import ToolCallVerifier
from ..verifiers.tool_calls.nestful import read_row, to_toolbox
from .nestful_lookups import REFERENCE, Lookups, Raw, Sample, labelled, samples


def verdicts(verifier: ToolCallVerifier, row: Raw) -> dict[str, Verdict]:
    """The verifier's verdicts on the calls of a row, by item, in the order of the calls."""
    read = read_row(row)
    found = asyncio.run(verifier.assess(read.task, read.plan))
    if found.abstained is not None:
        raise RuntimeError(found.abstained)
    return {item.id: found.verdicts[item.id] for item in read.plan.items}


class Spoilt(NamedTuple):
    """A row with one fault: the faulty call's place before and after, and the row."""

    before: int
    after: int
    row: Raw


Corruption = Callable[[np.random.Generator, Raw, Lookups], Spoilt | None]


def _changed(row: Raw, place: int, **changes: Any) -> Spoilt:
    spoilt = copy.deepcopy(row)
    spoilt["output"][place].update(copy.deepcopy(changes))
    return Spoilt(place, place, spoilt)


def _pick(rng: np.random.Generator, found: Sequence[Any]) -> Any:
    """One of them, or None where there is none."""
    return found[int(rng.integers(len(found)))] if found else None


def _known(row: Raw, specs: Lookups) -> list[tuple[int, Raw]]:
    return [(place, call) for place, call in enumerate(row["output"]) if call["name"] in specs]


def unknown_tool(rng: np.random.Generator, row: Raw, specs: Lookups) -> Spoilt | None:
    """One letter of a tool's name is lost."""
    picked = _pick(rng, _known(row, specs))
    if picked is None:
        return None
    place, call = picked
    cut = int(rng.integers(1, len(call["name"])))
    name = call["name"][:cut] + call["name"][cut + 1 :]
    return None if name in specs else _changed(row, place, name=name)


def dropped_argument(rng: np.random.Generator, row: Raw, specs: Lookups) -> Spoilt | None:
    """A required argument is left out."""
    required = [
        (place, call, name)
        for place, call in _known(row, specs)
        for name, spec in specs.arguments(call["name"]).items()
        if spec.get("required") is True and name in call["arguments"]
    ]
    picked = _pick(rng, required)
    if picked is None:
        return None
    place, call, name = picked
    return _changed(row, place, arguments={key: value for key, value in call["arguments"].items() if key != name})


def _references(row: Raw) -> list[tuple[int, str, re.Match[str]]]:
    return [
        (place, name, whole)
        for place, call in enumerate(row["output"])
        for name, value in call["arguments"].items()
        if isinstance(value, str) and (whole := REFERENCE.fullmatch(value))
    ]


def _referring(row: Raw, place: int, name: str, value: Any) -> Spoilt:
    return _changed(row, place, arguments={**row["output"][place]["arguments"], name: value})


def dangling_step(rng: np.random.Generator, row: Raw, specs: Lookups) -> Spoilt | None:
    """A reference names a call that is not there."""
    picked = _pick(rng, _references(row))
    if picked is None:
        return None
    place, name, ref = picked
    return _referring(row, place, name, f"$var99{ref[2]}$")


def dangling_field(rng: np.random.Generator, row: Raw, specs: Lookups) -> Spoilt | None:
    """A reference names a field that the result does not have."""
    named = [found for found in _references(row) if found[2][2] and not found[2][2].endswith("]")]
    picked = _pick(rng, named)
    if picked is None:
        return None
    place, name, ref = picked
    return _referring(row, place, name, f"${ref[1]}{ref[2]}_x$")


def forward_reference(rng: np.random.Generator, row: Raw, specs: Lookups) -> Spoilt | None:
    """A call is moved before one whose result it uses."""
    labels = [call.get("label") for call in row["output"]]
    pairs = [
        (place, labels.index(ref[1])) for place, _, ref in _references(row) if ref[1] in labels[:place]
    ]  # the last call has no label, and may be moved as well
    picked = _pick(rng, pairs)
    if picked is None:
        return None
    place, source = picked
    spoilt = copy.deepcopy(row)
    spoilt["output"].insert(source, spoilt["output"].pop(place))
    return Spoilt(place, source, spoilt)


def wrong_type(rng: np.random.Generator, row: Raw, specs: Lookups) -> Spoilt | None:
    """A literal is replaced by one of another type than the spec's."""
    other = {"string": 12345, "number": "many", "integer": "many", "boolean": "perhaps", "array": 7, "object": 7}
    literals = [
        (place, name, other[kind])
        for place, call in _known(row, specs)
        for name, spec in specs.arguments(call["name"]).items()
        if name in call["arguments"]
        and (kind := specs.kind(spec))
        and "$var" not in json.dumps(call["arguments"][name])
    ]
    picked = _pick(rng, literals)
    return None if picked is None else _referring(row, *picked)


def harmless(rng: np.random.Generator, row: Raw, specs: Lookups) -> Spoilt | None:
    """The control: the arguments of a call in another order."""
    picked = _pick(rng, [(p, c) for p, c in enumerate(row["output"]) if len(c["arguments"]) > 1])
    if picked is None:
        return None
    place, call = picked
    return _changed(row, place, arguments=dict(reversed(call["arguments"].items())))


CORRUPTIONS: Mapping[str, Corruption] = {
    "unknown tool": unknown_tool,
    "dropped argument": dropped_argument,
    "dangling step": dangling_step,
    "dangling field": dangling_field,
    "forward reference": forward_reference,
    "wrong type": wrong_type,
    "control: reordered": harmless,
}


def seen(verifier: ToolCallVerifier, row: Raw, spoilt: Spoilt) -> bool:
    """Whether the spoilt call fails with a witness that it did not have before."""
    before = list(verdicts(verifier, row).values())[spoilt.before]
    after = list(verdicts(verifier, spoilt.row).values())[spoilt.after]

    def told(verdict: Verdict) -> set[str]:
        return {re.sub(r"^S[0-9]+", "", witness.line) for witness in verdict.witnesses}

    return after.outcome == "fail" and bool(told(after) - told(before))


class Report(NamedTuple):
    """What one file showed.

    Attributes:
        calls: Gold calls by outcome.
        rows: Gold rows in which no call fails, and all rows.
        defects: Gold calls that both readers fail, by what the second reader found.
        ours: Gold calls on which the two readers differ.
        detected: Per corruption, faults seen and faults planted.
    """

    calls: Counter[str]
    rows: tuple[int, int]
    defects: Counter[str]
    ours: list[str]
    detected: dict[str, tuple[int, int]]


def measure(sample: Sample, rng: np.random.Generator) -> Report:
    """Everything about one file."""
    verifier, specs = ToolCallVerifier(to_toolbox(sample.specs)), Lookups(sample.specs)
    calls: Counter[str] = Counter()
    defects: Counter[str] = Counter()
    ours: list[str] = []
    clean = 0
    planted = {name: [0, 0] for name in CORRUPTIONS}
    for row in sample.rows:
        found = verdicts(verifier, row)
        calls.update(verdict.outcome for verdict in found.values())
        clean += not any(verdict.outcome == "fail" for verdict in found.values())
        for (call, earlier), verdict in zip(labelled(row["output"]), found.values(), strict=True):
            known = specs.defects(call, earlier)
            defects.update(known)
            if bool(known) != (verdict.outcome == "fail"):
                ours.append(f"{json.dumps(call)}: {verdict.outcome} ({verdict.reason}), but {sorted(known)}")
        for name, corrupt in CORRUPTIONS.items():
            spoilt = corrupt(rng, row, specs)
            if spoilt is not None:
                planted[name][0] += seen(verifier, row, spoilt)
                planted[name][1] += 1
    return Report(calls, (clean, len(sample.rows)), defects, ours, {n: (k[0], k[1]) for n, k in planted.items()})


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "nestful")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for sample in samples(options.data):
        report = measure(sample, np.random.default_rng(options.seed))
        print(f"\n{sample.name}: {report.rows[0]} of {report.rows[1]} gold rows without a failed call; {report.calls}")
        for name, count in report.defects.most_common():
            print(f"  gold  {count:4d}  {name}")
        print(f"  gold  {len(report.ours):4d}  calls on which the verifier and the second reader differ")
        for line in report.ours:
            print(f"        {line}")
        for name, (hits, total) in report.detected.items():
            print(f"  seen  {hits:4d} of {total:4d}  {name}")


if __name__ == "__main__":
    main()
