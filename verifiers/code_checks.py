"""Static constraints on a program, as checks: ``code: no loop``, ``code: at most 12 lines``, ``code: calls sorted``.

========================================  ==========================================================================
form                                      holds if
========================================  ==========================================================================
``no loop``, ``uses recursion``, ...      the text has no, or some, of a :data:`FEATURES` word
``no import``, ``no import os``           nothing is imported, or neither ``os`` nor anything in it
``imports math``                          it is imported
``no call eval``, ``calls math.sqrt``     it is not called, or is; imports are followed; ``.append`` means a method
``at most 12 lines``, ``at least 2 ...``  the number of :data:`UNITS` (of lines, those that hold code)
``defines f``, ``defines f(a, *rest)``    there is such a top-level function, with these parameters in this order
``defines class Tree``                    there is such a top-level class
========================================  ==========================================================================

Judged by the syntax tree alone; the program is never compiled or run. A fail is a fact about the text. Where the text
leaves it open (``getattr``, a function that is passed around) the finding is *unknown*, never a pass.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

from ..planner.checks import Check, register_check
from .code_facts import CodeFacts, parameters
from .recursion import find_recursion

FEATURES: Mapping[str, tuple[type[ast.AST], ...]] = {
    "loop": (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    "for": (ast.For, ast.AsyncFor),
    "while": (ast.While,),
    "comprehension": (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
    "recursion": (),
    "class": (ast.ClassDef,),
    "lambda": (ast.Lambda,),
    "try": (ast.Try, ast.TryStar),
    "global": (ast.Global, ast.Nonlocal),
    "yield": (ast.Yield, ast.YieldFrom),
    "assert": (ast.Assert,),
}
"""Words for parts of the language; ``recursion`` is found in the graph of calls."""
UNITS = ("lines", "statements", "functions", "characters")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = rf"\.?{_NAME}(?:\.{_NAME})*"
_PARAMETER = rf"\*{{0,2}}{_NAME}"
_MAX_CHARS = 500
_FORMS: tuple[tuple[str, str], ...] = (
    ("feature", rf"(?P<sign>no|uses) (?P<word>{'|'.join(FEATURES)})s?"),
    ("import", rf"(?P<sign>no) imports?(?: (?P<word>{_NAME}(?:\.{_NAME})*))?"),
    ("import", rf"(?P<sign>imports) (?P<word>{_NAME}(?:\.{_NAME})*)"),
    ("call", rf"(?P<sign>no) calls?(?: of| to)? (?P<word>{_DOTTED})(?:\(\))?"),
    ("call", rf"(?P<sign>calls) (?P<word>{_DOTTED})(?:\(\))?"),
    ("size", rf"(?P<sign>at most|at least) (?P<number>[0-9]{{1,6}}) (?P<word>{'|'.join(u[:-1] for u in UNITS)})s?"),
    ("defines", rf"(?P<sign>defines) (?P<word>{_NAME})(?P<parameters>\((?:{_PARAMETER}(?: ?, ?{_PARAMETER})*)?\))?"),
    ("class", rf"(?P<sign>defines) class (?P<word>{_NAME})"),
)


@dataclass(frozen=True)
class Constraint:
    """A constraint that was read from its one-line form.

    Attributes:
        form: ``feature``, ``import``, ``call``, ``size``, ``defines`` or ``class``.
        sign: The word that says which way: ``no``, ``uses``, ``imports``, ``calls``, ``at most``, ``at least``, ...
        word: The feature, name or unit; empty for ``no import``.
        number: The bound of a size.
        parameters: Parameter names of ``defines f(a, b)``, None where none were given.
    """

    form: str
    sign: str
    word: str = ""
    number: int = 0
    parameters: tuple[str, ...] | None = None


class Finding(NamedTuple):
    """What a look at a program says of a constraint.

    Attributes:
        outcome: ``pass``, ``fail`` or ``unknown``.
        detail: What was seen, for instance ``a loop in line 3``.
    """

    outcome: Literal["pass", "fail", "unknown"]
    detail: str = ""


@register_check
class CodeCheck(Check):
    """A static constraint on the program, for instance ``no recursion``."""

    prefix: ClassVar[str] = "code:"
    kind: Literal["code"] = "code"

    @cached_property
    def constraint(self) -> Constraint | None:
        """The constraint, or None where the text is none of the forms."""
        return read_constraint(self.text)


def read_constraint(text: str) -> Constraint | None:
    """Reads the one-line form (without ``code:``), or gives None where it is none."""
    text = " ".join(text.split())
    if len(text) > _MAX_CHARS:
        return None
    for form, pattern in _FORMS:
        if (found := re.fullmatch(pattern, text)) is not None:
            groups = found.groupdict()
            listed = groups.get("parameters")
            names = tuple(name.strip() for name in listed[1:-1].split(",") if name.strip()) if listed else ()
            return Constraint(
                form=form,
                sign=groups["sign"],
                word=groups["word"] or "",
                number=int(groups.get("number") or 0),
                parameters=names if listed else None,
            )
    return None


def check_code(constraint: Constraint, facts: CodeFacts) -> Finding:
    """Judges a constraint on a program by its text."""
    try:
        return _CHECKS[constraint.form](constraint, facts)
    except RecursionError:
        return Finding("unknown", "the program is nested too deeply to be looked at")


def _absent(facts: CodeFacts, detail: str = "") -> Finding:
    """A pass, unless the program can do what its text does not show."""
    if facts.dynamic is not None:
        return Finding("unknown", f"the text does not show what {facts.dynamic} does")
    return Finding("pass", detail)


def _feature(constraint: Constraint, facts: CodeFacts) -> Finding:
    wanted = constraint.sign == "uses"
    if constraint.word == "recursion":
        found = find_recursion(facts)
        if found.circle:
            return Finding("pass" if wanted else "fail", f"recursion: {' calls '.join(found.circle)}")
        if found.doubt:
            return Finding("unknown", f"whether {found.doubt} reaches itself does not show")
    else:
        kinds = FEATURES[constraint.word]
        line = min((node.lineno for node in facts.nodes if isinstance(node, kinds)), default=0)  # type: ignore[attr-defined]
        if line:
            return Finding("pass" if wanted else "fail", f"a {constraint.word} in line {line}")
    if facts.dynamic is not None:
        return _absent(facts)
    return Finding("fail" if wanted else "pass", f"no {constraint.word}")


def _import(constraint: Constraint, facts: CodeFacts) -> Finding:
    word = constraint.word
    found = next((m for m in facts.imports if not word or m == word or m.startswith(word + ".")), None)
    if constraint.sign == "imports":
        return Finding("pass") if found is not None else Finding("fail", f"{word} is not imported")
    if found is not None:
        return Finding("fail", f"{found} is imported in line {facts.imports[found]}")
    return _absent(facts)


def _call(constraint: Constraint, facts: CodeFacts) -> Finding:
    word = constraint.word
    line = facts.calls.get(word)
    if line is not None:
        return Finding("fail" if constraint.sign == "no" else "pass", f"{word} is called in line {line}")
    if facts.passed_around(word) or word.lstrip(".").rpartition(".")[2] in facts.mentions:
        return Finding("unknown", f"{word} is mentioned, not called in plain sight")
    if constraint.sign == "no":
        return _absent(facts)
    return _absent(facts) if facts.dynamic is not None else Finding("fail", f"{word} is not called")


def _size(constraint: Constraint, facts: CodeFacts) -> Finding:
    count = _COUNTS[constraint.word + "s"](facts)
    holds = count <= constraint.number if constraint.sign == "at most" else count >= constraint.number
    unit = constraint.word if count == 1 else constraint.word + "s"
    return Finding("pass" if holds else "fail", f"{count} {unit}, {constraint.sign} {constraint.number} wanted")


def _statements(facts: CodeFacts) -> int:
    return sum(isinstance(node, ast.stmt) for node in facts.nodes)


_COUNTS: Mapping[str, Callable[[CodeFacts], int]] = {
    "lines": lambda facts: facts.code_lines,
    "statements": _statements,
    "functions": lambda facts: len(facts.functions),
    "characters": lambda facts: len(facts.text),
}


def _defines(constraint: Constraint, facts: CodeFacts) -> Finding:
    function = facts.functions.get(constraint.word)
    if function is None:
        known = ", ".join(name for name in facts.functions if "." not in name)[:100] or "none"
        return Finding("fail", f"no function {constraint.word} (there is {known})")
    found = parameters(function)
    if constraint.parameters is not None and found != constraint.parameters:
        wanted = ", ".join(constraint.parameters)
        return Finding("fail", f"{constraint.word}({', '.join(found)}) is defined, not {constraint.word}({wanted})")
    return Finding("pass")


def _class(constraint: Constraint, facts: CodeFacts) -> Finding:
    if any(isinstance(node, ast.ClassDef) and node.name == constraint.word for node in facts.tree.body):
        return Finding("pass")
    return Finding("fail", f"no class {constraint.word}")


_CHECKS: Mapping[str, Callable[[Constraint, CodeFacts], Finding]] = {
    "feature": _feature,
    "import": _import,
    "call": _call,
    "size": _size,
    "defines": _defines,
    "class": _class,
}


__all__ = ["FEATURES", "UNITS", "CodeCheck", "Constraint", "Finding", "check_code", "read_constraint"]
