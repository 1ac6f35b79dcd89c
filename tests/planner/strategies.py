"""Random plans, edits and texts for property tests, and how long a property test may take.

Other folders may load this file too (see ``conftest.py``): ``plans()`` draws any plan that notation can hold,
``connected_plans()`` plans whose items really use each other's symbols.
"""

import os
import re
import unicodedata

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from planneal.planner.edits import Compound, Delete, Insert, Move, Replace, SetNeeds, Tighten, apply
from planneal.planner.errors import EditError
from planneal.planner.plan import MAX_TEXT_CHARS, Item, Plan

THOROUGH = int(os.environ.get("PLANNEAL_THOROUGH", "0"))
"""Multiplies the examples of every property and draws new ones each time; 0 repeats the same few."""

SOURCES = ("task", "draft", "edit")
KINDS = ("C", "I", "S")


def examples(count):
    """Settings of one property: so many examples, the same each time, no deadline on a busy machine."""
    return settings(
        max_examples=count * max(1, THOROUGH),
        derandomize=not THOROUGH,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        database=None,
    )


def printable(text):
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)


# Pieces that mean something to the notation, so that random joins hit its corners.
PIECES = (
    *("[", "]", "\\", "<-", "<", "-", "@", "@edit", "@task", "@draft", "!", ":", ",", "S1", "C2", "S1!", "\\[", "\\\\"),
    *(" ", "  ", "\u00a0", "\u3000", "goal:", "- ", "•", "before", "after", "replace S1:", "test:", "->"),
    *("é", "数", "🦉", "\u202e", "\u200b", "a\u0301", "'", '"', "#", "`", "{{", "}}", "%", "$S1", "nuts = 4", "0"),
)
texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(max_size=40),
    st.sampled_from(["short text", "a @edit", "@edit", "x <- S1", "[a]", "\\", "ends in \\", "a] [b", "<", "a <"]),
).filter(printable)
said = texts.map(lambda text: text[:MAX_TEXT_CHARS]).filter(lambda text: text.strip())

ids = st.builds(lambda kind, number: f"{kind}{number}", st.sampled_from(KINDS), st.integers(1, 999_999))
small_ids = st.builds(lambda kind, number: f"{kind}{number}", st.sampled_from(KINDS), st.integers(1, 6))

RELATIONS = ("nuts = 4", "bolts = nuts + 3", "wigs > 0", "wigs >= 2", "a = b = 3", "x", "x = = 1", "2 * x + y = 7")


checks = st.one_of(
    st.sampled_from(RELATIONS),
    said.filter(lambda text: not re.match(r"[a-z_]+:", text.strip())),
    said.map(lambda text: f"test: {text}"),
    said.map(lambda text: f"call: {text}"),
    said.map(lambda text: f"order: {text}"),
    st.sampled_from(["order: S1 < S3", "call: get(id=$S1.id)", "test: f([]) == [[1], []]", "order: |S1 - S4| >= 2"]),
)


PLAIN = (st.sampled_from(["a", "b", "c"]), st.sampled_from(RELATIONS))
"""Few texts and checks, quickly drawn, for tests about what edits do to plans rather than about what they hold."""


@st.composite
def items(draw, of=ids, locked=None, words=(said, checks)):
    """Any item: any text, any check, any needs."""
    check = draw(st.none() | words[1])
    text = draw(words[0] if check is None else st.just("") | words[0])
    is_locked = draw(st.integers(0, 3)) == 3 if locked is None else locked
    return Item(
        id=draw(of),
        text=text,
        check=check,
        needs=draw(st.lists(small_ids, max_size=3)),
        locked=is_locked,
        source=draw(st.sampled_from(SOURCES)),
    )


@st.composite
def plans(draw, of=small_ids, least=0, size=6, acyclic=False, words=(said, checks)):
    """Any plan: any goal, any target text, any items, needs in circles and to nowhere included."""
    found = draw(st.lists(items(of, words=words), min_size=least, max_size=size, unique_by=lambda item: item.id))
    if acyclic:
        order = {item.id: index for index, item in enumerate(found)}
        forward = [tuple(n for n in item.needs if order.get(n, -1) < order[item.id]) for item in found]
        found = [item.model_copy(update={"needs": n}) for item, n in zip(found, forward, strict=True)]
    return Plan(goal=draw(words[0]), target=draw(st.none() | st.just("wigs") | words[0]), items=found)


def edits(plan, locked=False, words=(said, checks)):
    """Any simple edit that has a chance to fit ``plan``."""
    here = st.sampled_from(tuple(plan.by_id)) if plan.items else small_ids
    place = {"where": st.sampled_from(("before", "after")), "anchor": st.none() | here}
    return st.one_of(
        st.builds(Delete, id=here),
        st.builds(Insert, item=items(small_ids, locked=locked, words=words), **place),
        st.builds(Replace, item=items(here, locked=locked, words=words)),
        st.builds(Tighten, item=items(here, locked=locked, words=words)),
        st.builds(Move, id=here, **place),
        st.builds(SetNeeds, id=here, needs=st.lists(small_ids, max_size=3), source=st.sampled_from(SOURCES)),
    )


def try_apply(plan, edit):
    """The plan after the edit, or None where it does not fit."""
    try:
        return apply(plan, edit)
    except EditError:
        return None


@st.composite
def fitting_edits(draw, plan, most=4, words=PLAIN):
    """An edit that fits, possibly compound; None where none was found."""
    parts, now = [], plan
    for _ in range(draw(st.integers(2, most + 1))):
        edit = draw(edits(now, words=words))
        after = try_apply(now, edit)
        if after is not None:
            parts.append(edit)
            now = after
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Compound(edits=tuple(parts))


SYMBOLS = ("a", "b", "c", "d", "e", "f")
EQUATIONS = ("{0} + {1} = 10", "2 * {0} + {1} = {2}")
SHAPES = ("{0} = 4", "{0} = {1} + 3", "{0} = {1} * {2}", "{0} = {1} + {2} + {3}", *EQUATIONS)
BOUNDS = ("{0} > 0", "{0} <= {1}", "{0} != {1}", "{0} + {1} < 9", *EQUATIONS)


@st.composite
def connected_items(draw, of):
    """An item over a handful of symbols, so that random plans hang together (and tangle)."""
    item_id = draw(of)
    shapes = SHAPES if item_id[0] == "S" else BOUNDS
    check = draw(st.sampled_from(shapes)).format(*(draw(st.sampled_from(SYMBOLS)) for _ in range(4)))
    return Item(id=item_id, check=check, needs=draw(st.lists(small_ids, max_size=2)))


@st.composite
def connected_plans(draw, size=7, targets=("a", "a + b", None), locked=True):
    """A plan whose items use each other's symbols, with or without locked items, circles, rivals and holes."""
    found = draw(st.lists(connected_items(small_ids), max_size=size, unique_by=lambda item: item.id))
    lock = draw(st.integers(0, 2)) if locked else 0
    hard = [item for item in found if item.kind != "S"][:lock]
    found = [item.model_copy(update={"locked": True, "source": "task"}) if item in hard else item for item in found]
    return Plan(goal="how many a?", target=draw(st.sampled_from(targets)), items=found)
