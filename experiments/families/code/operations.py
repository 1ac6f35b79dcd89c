"""The trusted table of operations: what each does to a value, in our own process.

Programs are compositions of these. What a question expects is computed here, by functions that are written below, never
by running a text. How an operation is told is in :mod:`.phrases`, how it is written in Python in :mod:`.rendering`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....planner.errors import PlanError
from .values import Shape, bounded

__all__ = ["LETTERS", "OPERATIONS", "SEPARATORS", "Operation", "Step", "compose", "first_misfit"]

Constant = int | str
Constants = tuple[Constant, ...]
Run = Callable[[Any, Any], Any]
"""From a value and the constants to the result; values are as trusted as the table that computes them."""
SEPARATORS: Mapping[str, str] = {"comma": ",", "dash": "-", "space": " "}
LETTERS = tuple("aeilnoprst")
_LISTS = (Shape.NUMBERS, Shape.WORDS)
_N, _W, _T = Shape.NUMBERS, Shape.WORDS, Shape.TEXT
# What an operation does for a property of its result: filters and their like keep the order and drop items.
_FILTER = ("sorted", "distinct", "natural")
_ORDER = ("distinct", "natural")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation with open constants.

    Attributes:
        name: Unique; a composition's structure is the tuple of its names.
        takes: Shapes that it works on.
        gives: Shape of its result; None where it is the one it took.
        run: The result for a value and the constants.
        constants: For each constant what it is drawn from.
        keeps: Properties that its result has wherever its input has them (see :mod:`.invariants`).
        makes: Properties that its result has always.
        settles: It only drops items by their own value, or sorts, or drops repetitions: compositions of such
            operations change nothing when they are applied again.
    """

    name: str
    takes: tuple[Shape, ...]
    gives: Shape | None
    run: Run
    constants: tuple[Sequence[Constant], ...] = ()
    keeps: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with its constants.

    Attributes:
        operation: The operation.
        constants: One for each that it has.
    """

    operation: Operation
    constants: Constants = ()

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.operation.name

    def gives(self, shape: Shape) -> Shape:
        """The shape of the result where a value of ``shape`` is taken."""
        return self.operation.gives or shape

    def __call__(self, value: Any) -> Any:
        """The result, bounded.

        Raises:
            PlanError: It has grown beyond all bounds.
        """
        return bounded(self.operation.run(value, self.constants))


def first_misfit(steps: Sequence[Step], shape: Shape) -> int | None:
    """Place of the first step that does not take what comes to it, None where all fit."""
    for place, step in enumerate(steps):
        if shape not in step.operation.takes:
            return place
        shape = step.gives(shape)
    return None


def compose(steps: Sequence[Step], value: Any) -> Any:
    """The value after all steps, in order; the value itself stays as it is.

    Raises:
        PlanError: It grows beyond all bounds.
    """
    for step in steps:
        value = step(value)
    return value


def _each(function: Run) -> Run:
    return lambda xs, c: [function(x, c) for x in xs]


def _where(holds: Run) -> Run:
    return lambda xs, c: [x for x in xs if holds(x, c)]


def _running(join: Callable[[int, int], int]) -> Run:
    def run(xs: list[int], _: Constants) -> list[int]:
        out: list[int] = []
        for x in xs:
            out.append(bounded(join(out[-1], x)) if out else x)
        return out

    return run


def _while_below(xs: list[int], constants: Constants) -> list[int]:
    bound = _number(constants[0])
    end = next((i for i, x in enumerate(xs) if x >= bound), len(xs))
    return xs[:end]


def _with_places(xs: list[int], _: Constants) -> list[int]:
    return [x + i for i, x in enumerate(xs)]


def _grouped(xs: list[str], _: Constants) -> dict[int, list[str]]:
    out: dict[int, list[str]] = {}
    for x in xs:
        out.setdefault(len(x), []).append(x)
    return out


def _number(constant: Constant) -> int:
    if not isinstance(constant, int):
        raise PlanError(f"{constant!r} is no number")
    return constant


def _map(
    name: str,
    shape: Shape,
    run: Run,
    *constants: Sequence[Constant],
    gives: Shape | None = None,
    keeps: tuple[str, ...] = (),
    makes: tuple[str, ...] = (),
) -> Operation:
    return Operation(name, (shape,), gives, _each(run), constants, ("length", *keeps), makes)


def _filter(name: str, shape: Shape, holds: Run, *constants: Sequence[Constant]) -> Operation:
    return Operation(name, (shape,), None, _where(holds), constants, _FILTER, settles=True)


def _whole(
    name: str,
    run: Run,
    *constants: Sequence[Constant],
    takes: tuple[Shape, ...] = _LISTS,
    gives: Shape | None = None,
    keeps: tuple[str, ...] = (),
    makes: tuple[str, ...] = (),
    settles: bool = False,
) -> Operation:
    return Operation(name, takes, gives, run, constants, keeps, makes, settles)


_TABLE: tuple[Operation, ...] = (
    _filter("even", _N, lambda x, c: x % 2 == 0),
    _filter("odd", _N, lambda x, c: x % 2 == 1),
    _filter("above", _N, lambda x, c: x > c[0], range(0, 9)),
    _filter("below", _N, lambda x, c: x < c[0], range(4, 13)),
    _filter("other_than", _N, lambda x, c: x != c[0], range(0, 7)),
    _filter("multiples", _N, lambda x, c: x % c[0] == 0, (3, 4, 5)),
    _map("square", _N, lambda x, c: x * x, makes=("natural",)),
    _map("add", _N, lambda x, c: x + c[0], range(2, 10), keeps=_FILTER),
    _map("subtract", _N, lambda x, c: x - c[0], range(2, 10), keeps=("sorted", "distinct")),
    _map("times", _N, lambda x, c: x * c[0], range(2, 6), keeps=_FILTER),
    _map("negate", _N, lambda x, c: -x, keeps=("distinct",)),
    _map("absolute", _N, lambda x, c: abs(x), makes=("natural",)),
    _map("halve", _N, lambda x, c: x // 2, keeps=("sorted", "natural")),
    _map("remainder", _N, lambda x, c: x % c[0], (3, 4, 5, 7), makes=("natural",)),
    _map(
        "clamp",
        _N,
        lambda x, c: min(max(x, c[0]), c[1]),
        range(0, 4),
        range(6, 12),
        keeps=("sorted",),
        makes=("natural",),
    ),
    _whole("add_index", _with_places, takes=(_N,), keeps=("length", "natural", "sorted")),
    _whole(
        "sort_up", lambda xs, c: sorted(xs), takes=(_N,), keeps=("length", *_ORDER), makes=("sorted",), settles=True
    ),
    _whole("sort_down", lambda xs, c: sorted(xs, reverse=True), takes=(_N,), keeps=("length", *_ORDER), settles=True),
    _whole("sort_size", lambda xs, c: sorted(xs, key=abs), takes=(_N,), keeps=("length", *_ORDER)),
    _whole("reverse", lambda xs, c: xs[::-1], keeps=("length", *_ORDER)),
    _whole(
        "distinct",
        lambda xs, c: list(dict.fromkeys(xs)),
        keeps=("sorted", "natural"),
        makes=("distinct",),
        settles=True,
    ),
    _whole("first", lambda xs, c: xs[: c[0]], (2, 3, 4), keeps=_FILTER),
    _whole("skip", lambda xs, c: xs[c[0] :], (2, 3), keeps=_FILTER),
    _whole("last", lambda xs, c: xs[-c[0] :], (2, 3, 4), keeps=_FILTER),
    _whole("every_second", lambda xs, c: xs[::2], keeps=_FILTER),
    _whole("rotate", lambda xs, c: xs[1:] + xs[:1], keeps=("length", *_ORDER)),
    _whole("append", lambda xs, c: [*xs, c[0]], range(0, 10), takes=(_N,), keeps=("natural",)),
    _whole("while_below", _while_below, range(5, 13), takes=(_N,), keeps=_FILTER),
    _whole("running_total", _running(lambda a, b: a + b), takes=(_N,), keeps=("length", "natural")),
    _whole("running_largest", _running(max), takes=(_N,), keeps=("length", "natural"), makes=("sorted",)),
    _whole("gaps", lambda xs, c: [b - a for a, b in itertools.pairwise(xs)], takes=(_N,)),
    _filter("longer", _W, lambda x, c: len(x) > c[0], (3, 4)),
    _filter("shorter", _W, lambda x, c: len(x) < c[0], (4, 5, 6)),
    _filter("containing", _W, lambda x, c: c[0] in x, LETTERS),
    _filter("lacking", _W, lambda x, c: c[0] not in x, LETTERS),
    _map("capitals", _W, lambda x, c: x.upper()),
    _map("backwards", _W, lambda x, c: x[::-1], keeps=("distinct",)),
    _map("first_letter", _W, lambda x, c: x[:1]),
    _map("lengths", _W, lambda x, c: len(x), gives=_N, makes=("natural",)),
    _whole(
        "alphabet", lambda xs, c: sorted(xs), takes=(_W,), keeps=("length", *_ORDER), makes=("sorted",), settles=True
    ),
    _whole("sort_length", lambda xs, c: sorted(xs, key=len), takes=(_W,), keeps=("length", *_ORDER)),
    _whole("split", lambda s, c: s.split(), takes=(_T,), gives=_W),
    _whole("join", lambda xs, c: SEPARATORS[c[0]].join(xs), tuple(SEPARATORS), takes=(_W,), gives=_T),
    _whole("sum", lambda xs, c: sum(xs), takes=(_N,), gives=Shape.NUMBER),
    _whole("count", lambda xs, c: len(xs), gives=Shape.NUMBER),
    _whole("largest", lambda xs, c: max(xs, default=0), takes=(_N,), gives=Shape.NUMBER),
    _whole("smallest", lambda xs, c: min(xs, default=0), takes=(_N,), gives=Shape.NUMBER),
    _whole("tally", lambda xs, c: dict(Counter(xs)), gives=Shape.TABLE),
    _whole("group", _grouped, takes=(_W,), gives=Shape.TABLE),
    _whole("index", lambda xs, c: list(enumerate(xs)), gives=Shape.PAIRS),
)
OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _TABLE}
"""Every operation by its name."""
