"""Reading answers to Countdown: steps or one expression, in whatever notation, judged by the rules alone.

Text is read by regular expressions and planneal's relation grammar, never evaluated as code. Where there is an
``answer:`` line (or a boxed expression) with an operation in it, that expression is the answer, and what stands before
it is scratch. Otherwise every line that states an equation is a step, and all of them count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ...decoders.citations import last_final, read_answer, statements
from ...planner.errors import ExpressionError
from ...planner.evaluation import evaluate
from ...planner.expressions import MAX_CHARS as MAX_CHARS_OF_RELATION
from ...planner.expressions import Apply, Expression, Number, Relation, parse_relation
from .countdown_rules import RESULT, Rules, Step, step_of, walk

__all__ = ["right"]

MAX_CHARS = 20_000
MAX_STEPS = 32
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u00d7\u00b7\u2219\u22c5", "*"),
        **dict.fromkeys("\u00f7\u2215", "/"),
        **dict.fromkeys("\u2212\u2013", "-"),
        "\uff1d": "=",
    }
)
_LATEX = {r"\times": "*", r"\cdot": "*", r"\div": "/", r"\left": "", r"\right": "", r"\,": " ", r"\ ": " "}
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_BOXED = re.compile(r"\\(?:boxed|fbox)\{((?:[^{}]|\{[^{}]*\}){1,500})\}")
_CROSS = re.compile(r"(?<=[\d)])\s*[xX]\s*(?=[\d(])")
_LABEL = re.compile(r"^\s*(?:[-*•]\s+|(?:(?:step|s)\s*)?\d{1,2}\s*[.):]\s+|[A-Za-z][A-Za-z ]{0,30}:\s*)", re.IGNORECASE)
_LEFT = re.compile(r"[(\[]\s*left\s*:[^)\]]*[)\]]", re.IGNORECASE)


def right(rules: Rules, text: str) -> bool:
    """Whether a text gives a way to the target by the rules; never raises, whatever the text."""
    text = text[-MAX_CHARS:]
    final = _final(text)
    if final is not None and _operates(final.made):
        return walk(rules, [final]).reached(rules)
    if final is not None and evaluate(final.made, {}) not in (None, rules.aim):
        return False  # it says itself that it came to something else
    steps = list(_unrepeated(_steps(text)))
    return 0 < len(steps) <= MAX_STEPS and walk(rules, steps).reached(rules)


def _final(text: str) -> Step | None:
    """The final line as a step, where there is one that can be read: the last ``answer:`` line, else the last box."""
    final = last_final(read_answer(_plain(text)))
    if final is None:
        final = next(reversed([_plain(found[1]) for found in _BOXED.finditer(text)]), None)
    relation = None if final is None else _relation(final)
    return None if relation is None else _expression_step(relation)


def _unrepeated(steps: Iterable[Step]) -> Iterator[Step]:
    """Steps without bare claims about what has a name already, such as a closing ``result = 96``."""
    names: set[str] = set()
    for step in steps:
        if step.name not in names or _operates(step.made):
            yield step
        names |= {step.name} - {""}


def _expression_step(relation: Relation) -> Step | None:
    """``(86 + 28) - 18``, ``... = 96``, ``result = ...`` or ``96 = ...`` as one step."""
    if not relation.ops:
        return Step(RESULT, relation.terms[0])
    if len(relation.terms) == 2 and isinstance(relation.terms[0], Number):
        relation = Relation(relation.terms[::-1], relation.ops)  # the target named first
    return step_of(relation)


def _operates(node: Expression) -> bool:
    return isinstance(node, Apply) and node.op != "neg"


def _steps(text: str) -> Iterator[Step]:
    """Every equation of the text, one for each line or each part between commas or semicolons."""
    for line in read_answer(_plain(text)):
        written = line.final if line.final is not None else _LEFT.sub(" ", _LABEL.sub("", line.text))
        for part in re.split(r"[,;]|\.(?!\d)", written):
            if len(part) > MAX_CHARS_OF_RELATION:
                continue  # no relation is so long, and looking for one inside would take long
            relation = _relation(part) or next(filter(None, map(_relation, statements(part))), None)
            step = _expression_step(relation) if relation is not None else None
            if relation is not None and step is not None and (relation.ops or _operates(step.made)):
                yield step


def _plain(text: str) -> str:
    """The text in ASCII arithmetic, without markup."""
    text = text.translate(_SIGNS)
    for written, meant in _LATEX.items():
        text = text.replace(written, meant)
    text = _FRACTION.sub(r"((\1) / (\2))", text)
    return _CROSS.sub(" * ", text.replace("$", "").replace("**", "").replace("`", ""))


def _relation(text: str) -> Relation | None:
    try:
        return parse_relation(text.strip(" \t.,;:"))
    except ExpressionError:
        return None
