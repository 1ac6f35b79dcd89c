"""Does a lower energy lead to a solution of a schedule? Searches that know only which rules an order breaks, counted.

``python -m planneal.experiments.schedule_moves --problems 200`` prints, per level, how many problems each search solves
from one random order within so many looks at an order:

- ``orders``: another random order at each look (the energy guides nothing);
- ``moves``: a random thing to a random place, kept if no more rules are broken than before;
- ``aimed``: a random broken rule, and one of the moves and swaps that make it true, kept likewise;
- ``aimed, warm``: the same, but a move that breaks one rule more is kept one time in ten.

A family whose energy deceives has `moves` and `aimed` no better than `orders`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .families.schedule import FAMILY, Difficulty, Rule, read_question
from .statistics import wilson

Order = tuple[str, ...]
Search = Callable[[np.random.Generator, Order, Sequence[Rule], int], bool]


def broken(order: Order, rules: Sequence[Rule]) -> list[Rule]:
    """The rules that an order breaks."""
    places = {name: place for place, name in enumerate(order, start=1)}
    return [rule for rule in rules if not rule.keeps(places)]


def moved(order: Order, here: int, there: int) -> Order:
    """The order with one thing put elsewhere."""
    rest = (*order[:here], *order[here + 1 :])
    return (*rest[:there], order[here], *rest[there:])


def swapped(order: Order, here: int, there: int) -> Order:
    """The order with two things exchanged."""
    changed = list(order)
    changed[here], changed[there] = order[there], order[here]
    return tuple(changed)


def repairs(order: Order, rule: Rule) -> Iterator[Order]:
    """What one move or swap of a thing that the rule names leads to, where the rule then holds."""
    for name in rule.names:
        here = order.index(name)
        for there in range(len(order)):
            for changed in (moved(order, here, there), swapped(order, here, there)):
                if there != here and not broken(changed, [rule]):
                    yield changed


def by_orders(rng: np.random.Generator, order: Order, rules: Sequence[Rule], looks: int) -> bool:
    """Random orders."""
    for _ in range(looks):
        order = tuple(order[int(i)] for i in rng.permutation(len(order)))
        if not broken(order, rules):
            return True
    return False


def by_moves(rng: np.random.Generator, order: Order, rules: Sequence[Rule], looks: int) -> bool:
    """Random moves, kept where not worse."""
    least = len(broken(order, rules))
    for _ in range(looks):
        changed = moved(order, int(rng.integers(len(order))), int(rng.integers(len(order))))
        count = len(broken(changed, rules))
        if count <= least:
            order, least = changed, count
        if not least:
            return True
    return not least


def by_aim(
    rng: np.random.Generator, order: Order, rules: Sequence[Rule], looks: int, warmth: float = 0.0
) -> bool:
    """Moves and swaps that mend a broken rule."""
    wrong = broken(order, rules)
    for _ in range(looks):
        if not wrong:
            return True
        choice = list(dict.fromkeys(repairs(order, wrong[int(rng.integers(len(wrong)))])))
        if not choice:
            continue
        changed = choice[int(rng.integers(len(choice)))]
        found = broken(changed, rules)
        if len(found) <= len(wrong) or (len(found) == len(wrong) + 1 and rng.random() < warmth):
            order, wrong = changed, found
    return not wrong


def by_warm_aim(rng: np.random.Generator, order: Order, rules: Sequence[Rule], looks: int) -> bool:
    """The same with some patience for a rule more."""
    return by_aim(rng, order, rules, looks, warmth=0.1)


SEARCHES: dict[str, Search] = {
    "orders": by_orders,
    "moves": by_moves,
    "aimed": by_aim,
    "aimed, warm": by_warm_aim,
}


SIZES: dict[str, Difficulty] = {
    "5 things, 4 rules": Difficulty(items=5, constraints=4, solutions=8),
    "7 things, 8 rules": Difficulty(items=7, constraints=8, solutions=12),
    "10 things, 14 rules": Difficulty(items=10, constraints=14, solutions=24),
}
"""The rows of the table."""


def solved(size: str, search: Search, problems: int, looks: int) -> int:
    """How many of the first problems of a size a search solves."""
    count = 0
    for seed in range(problems):
        names, rules = read_question(FAMILY.generate(seed, SIZES[size]).public.question)
        rng = np.random.default_rng([seed, looks])
        count += search(rng, tuple(names[int(i)] for i in rng.permutation(len(names))), rules, looks)
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--looks", type=int, nargs="+", default=[50, 300])
    asked = parser.parse_args(arguments)
    print("| size | looks | " + " | ".join(SEARCHES) + " |")
    print("|---|---|" + "---|" * len(SEARCHES))
    for size in SIZES:
        for looks in asked.looks:
            shown = []
            for search in SEARCHES.values():
                count = solved(size, search, asked.problems, looks)
                low, high = wilson(count, asked.problems)
                shown.append(f"{count / asked.problems:.2f} [{low:.2f}, {high:.2f}]")
            print(f"| {size} | {looks} | " + " | ".join(shown) + " |", flush=True)


if __name__ == "__main__":
    main()
