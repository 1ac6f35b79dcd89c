"""Do exact verdicts on a language model's own solutions agree with the recorded labels?

Every recorded attempt at the game of 24 is read as a plan (:mod:`~planneal.experiments.families.game24`) and judged by
the relations verifier and the hand verifier. Two verdicts are compared with the recorded reward, which looks at the
answer's expression alone: ``answer`` (its arithmetic and value are right and it uses the given numbers once each) and
``whole`` (so does every step before it, and the steps end with 24 alone). Every disagreement is put into a class.

Run: ``python -m planneal.experiments.game24_validity --data FOLDER``, where the folder holds ``game24/24.csv`` and
``game24_gpt4/*.json`` (the logs of Tree of Thoughts, Yao et al. 2023).
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..planner.verifier import Verifier
from ..planner.witnesses import GOAL
from ..verifiers import RelationsVerifier
from .families.game24 import ANSWER, Attempt, HandVerifier, read_attempt

FILES = {"step by step": "cot_sample_100.json", "direct": "standard_sample_100.json"}
END = "end: something else is left"
Word = Literal["valid", "invalid", "unparsed"]


class Sample(NamedTuple):
    """One recorded attempt.

    Attributes:
        rank: Rank of the puzzle, from 0.
        numbers: Its numbers.
        text: What the model wrote.
        reward: The recorded label.
    """

    rank: int
    numbers: tuple[int, ...]
    text: str
    reward: bool


class Opinion(NamedTuple):
    """What the verifiers say of one attempt.

    Attributes:
        answer: Of the answer alone.
        whole: Of the answer and of every step.
        faults: Classes of what is wrong, without repetition, the answer's first.
    """

    answer: Word
    whole: Word
    faults: tuple[str, ...]


def samples(folder: Path, file: str) -> Iterator[Sample]:
    """The recorded attempts of one file, puzzle by puzzle."""
    with (folder / "game24" / "24.csv").open(encoding="utf-8") as lines:
        puzzles = [tuple(map(int, row["Puzzles"].split())) for row in csv.DictReader(lines)]
    for record in json.loads((folder / "game24_gpt4" / file).read_text(encoding="utf-8")):
        labels = record["accs"] if "accs" in record else [info["r"] for info in record["infos"]]
        for text, label in zip(record["ys"], labels, strict=True):
            yield Sample(record["idx"], puzzles[record["idx"]], text, bool(label))


async def judge(attempt: Attempt, verifiers: Sequence[Verifier]) -> Opinion:
    """The verifiers' opinion of an attempt that was read, or why there is none."""
    if attempt.plan is None:
        word: Word = "invalid" if attempt.trouble == "gave up" else "unparsed"
        return Opinion(word, word, (attempt.trouble.split(":")[0],))
    task, plan = attempt.task, attempt.plan
    of_answer = {item.id for item in plan.items if item.kind == "I" or item.defines == ANSWER}
    steps = [item.id for item in plan.items if item.kind == "S" and item.id not in of_answer]
    wrong: dict[str, list[str]] = {}
    for verifier in verifiers:
        assessment = await verifier.assess(task, plan)
        if assessment.abstained is not None:
            wrong.setdefault(GOAL, []).append(f"no verdict: {assessment.abstained}")
        for item_id, verdict in assessment.verdicts.items():
            if verdict.outcome != "pass":
                wrong.setdefault(item_id, []).append(_class(item_id in of_answer, verifier.name, verdict.reason))
    demand = task.constraints[0].id
    if demand in wrong:
        wrong[demand] = ["answer: not 24"]
    if not steps and wrong.get(GOAL) == [END]:
        wrong.pop(GOAL)  # an answer without steps leaves nothing behind
    order = [*sorted(of_answer), demand, *steps, GOAL]
    faults = tuple(dict.fromkeys(fault for item_id in order for fault in wrong.get(item_id, ())))
    answer: Word = "invalid" if wrong.keys() & {*of_answer, demand} or _silent(wrong) else "valid"
    return Opinion(answer, "invalid" if wrong else "valid", faults)


def _silent(wrong: Mapping[str, list[str]]) -> bool:
    """Whether a verifier gave no verdicts at all, which is no pass."""
    return any(fault.startswith("no verdict") for fault in wrong.get(GOAL, ()))


def _class(is_answer: bool, verifier: str, reason: str) -> str:
    """The class of a fault, by who found it and where."""
    where = "answer" if is_answer else "step"
    if verifier == "hand":
        if reason.startswith("the steps end"):
            return END
        kind = "other numbers" if is_answer or "not at hand" in reason else "wrong list of what is left"
        return f"{where}: {kind}"
    return f"{where}: false equation"


class Table(NamedTuple):
    """Counts of one verdict against the recorded label.

    Attributes:
        cells: By (word, label).
        doubtful: Samples on which verdict and label disagree, with their faults.
    """

    cells: Counter[tuple[Word, bool]]
    doubtful: list[tuple[Sample, Opinion]]

    @property
    def false_passes(self) -> int:
        """Valid by the verifiers, wrong by the label."""
        return self.cells["valid", False]

    @property
    def false_fails(self) -> int:
        """Invalid by the verifiers, right by the label."""
        return self.cells["invalid", True]

    @property
    def agreement(self) -> float:
        """Share of the attempts that were read on which both agree."""
        read = sum(count for (word, _), count in self.cells.items() if word != "unparsed")
        return (self.cells["valid", True] + self.cells["invalid", False]) / max(1, read)


def compare(recorded: Sequence[Sample], which: Literal["answer", "whole"], opinions: Sequence[Opinion]) -> Table:
    """One verdict against the labels."""
    cells: Counter[tuple[Word, bool]] = Counter()
    doubtful: list[tuple[Sample, Opinion]] = []
    for sample, opinion in zip(recorded, opinions, strict=True):
        word: Word = getattr(opinion, which)
        cells[word, sample.reward] += 1
        if (word == "valid") != sample.reward:
            doubtful.append((sample, opinion))
    return Table(cells, doubtful)


async def opinions_of(recorded: Sequence[Sample], *, hand: bool = True) -> list[Opinion]:
    """The opinion of every sample; without the hand verifier, of its arithmetic alone."""
    verifiers: list[Verifier] = [RelationsVerifier(), *([HandVerifier()] if hand else [])]
    return [await judge(read_attempt(sample.numbers, sample.text), verifiers) for sample in recorded]


def classes(table: Table) -> Counter[tuple[str, str]]:
    """Disagreements by kind and class of the first fault."""
    found: Counter[tuple[str, str]] = Counter()
    for sample, opinion in table.doubtful:
        kind = "false fail" if sample.reward else "false pass"
        if opinion.faults and "unparsed" in (opinion.answer, opinion.whole):
            kind = "unparsed, label right"
        found[kind, " + ".join(opinion.faults) or "no fault found"] += 1
    return found


def report(name: str, recorded: Sequence[Sample], opinions: Sequence[Opinion]) -> Iterator[str]:
    """The lines of a report: two rows and the classes of disagreement."""
    for which in ("answer", "whole"):
        table = compare(recorded, which, opinions)
        cells = table.cells
        unread = cells["unparsed", True] + cells["unparsed", False]
        gave_up = sum(opinion.faults == ("gave up",) for opinion in opinions)
        yield (
            f"| {name} | {which} | {len(recorded)} | {100 * table.agreement:.2f}% | {cells['valid', True]} | "
            f"{table.false_passes} | {table.false_fails} | {cells['invalid', False]} ({gave_up}) | "
            f"{unread} ({cells['unparsed', True]}) |"
        )
        for (kind, faults), count in classes(table).most_common():
            yield f"    {kind}: {count} x {faults}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with game24/ and game24_gpt4/")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N samples of every disagreement class")
    options = parser.parse_args(arguments)
    for name, file in FILES.items():
        recorded = list(samples(options.data, file))
        started = time.perf_counter()
        opinions = asyncio.run(opinions_of(recorded))
        seconds = time.perf_counter() - started
        print("\n".join(report(name, recorded, opinions)))
        print(f"    {1000 * seconds / len(recorded):.2f} ms an attempt, reading included")
        alone = asyncio.run(opinions_of(recorded, hand=False))
        print("\n".join(line for line in report(f"{name}, arithmetic alone", recorded, alone) if line[0] == "|"))
        if options.show:
            _show(recorded, opinions, options.show)


def _show(recorded: Sequence[Sample], opinions: Sequence[Opinion], most: int) -> None:
    shown: Counter[Any] = Counter()
    for sample, opinion in zip(recorded, opinions, strict=True):
        key = (sample.reward, opinion)
        if "valid" in (opinion.answer, opinion.whole) or sample.reward or opinion.answer == "unparsed":
            shown[key] += 1
            if shown[key] <= most and (opinion.whole == "valid") != sample.reward:
                print(f"--- {sample.numbers} reward {sample.reward} {opinion}\n{sample.text}")


if __name__ == "__main__":
    main()
