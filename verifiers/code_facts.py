"""What can be seen in a program without running it: what it calls, imports, defines, and who calls whom.

All of it is read off the syntax tree. Names are followed through ``import ... as``, not through assignments; whatever
could hide a call (``eval``, ``getattr``, a function used as a value) is recorded as a *mention*, so that its absence is
never claimed.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DYNAMIC_NAMES = frozenset(
    {"eval", "exec", "compile", "getattr", "globals", "locals", "vars", "__import__", "__builtins__", "builtins"}
    | {"importlib", "attrgetter", "methodcaller"}
)
"""Names through which a program can reach what its text does not show."""
DYNAMIC_ATTRIBUTES = frozenset(
    {"__dict__", "__globals__", "__builtins__", "__getattribute__", "attrgetter", "methodcaller", "modules"}
)
"""Attributes through which it can."""
_IDLE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class CodeFacts:
    """A program and what its text shows.

    Attributes:
        text: The program.
        tree: Its syntax tree.
    """

    text: str
    tree: ast.Module = field(repr=False, compare=False)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def imports(self) -> Mapping[str, int]:
        """Imported modules and names, dotted (``os.path``, ``math.sqrt``), with the line of the first import."""
        found: dict[str, int] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found.setdefault(alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                found.setdefault(module, node.lineno)
                for alias in node.names:
                    found.setdefault(f"{module}.{alias.name}", node.lineno)
        return found

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """What imported names stand for: ``{"np": "numpy", "root": "math.sqrt"}``."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    found[name] = alias.name if alias.asname else name
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
        return found

    @cached_property
    def calls(self) -> Mapping[str, int]:
        """What is called, with the line of the first call: ``sorted``, ``math.sqrt``, and ``.append`` for methods."""
        found: dict[str, int] = {}
        for node in self.nodes:
            if isinstance(node, ast.Call):
                if (name := self.dotted(node.func)) is not None:
                    found.setdefault(name, node.lineno)
                if isinstance(node.func, ast.Attribute):
                    found.setdefault(f".{node.func.attr}", node.lineno)
        return found

    @cached_property
    def mentions(self) -> frozenset[str]:
        """Every name, attribute and imported name that occurs anywhere."""
        found = {node.id for node in self.nodes if isinstance(node, ast.Name)}
        found |= {node.attr for node in self.nodes if isinstance(node, ast.Attribute)}
        return frozenset(found | {part for name in self.imports for part in name.split(".")})

    @cached_property
    def dynamic(self) -> str | None:
        """A name through which more could happen than the text shows, or None."""
        names = {node.id for node in self.nodes if isinstance(node, ast.Name)} | {*self.aliases, *self.imports}
        attributes = {node.attr for node in self.nodes if isinstance(node, ast.Attribute)}
        return min((names & DYNAMIC_NAMES) | (attributes & DYNAMIC_ATTRIBUTES), default=None)

    def dotted(self, node: ast.expr) -> str | None:
        """A name or a chain of attributes in full: imports resolved, ``builtins.`` dropped."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        full = ".".join([self.aliases.get(node.id, node.id), *reversed(parts)])
        return full.removeprefix("builtins.")

    def passed_around(self, name: str) -> bool:
        """Whether the name occurs other than as what is called, so that a call could hide behind another name."""
        called = {id(node.func) for node in self.nodes if isinstance(node, ast.Call)}
        return any(
            isinstance(node, ast.Name | ast.Attribute) and id(node) not in called and self.dotted(node) == name
            for node in self.nodes
        ) or (name in self.aliases.values() and name not in self.calls)

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """Functions, methods and lambdas with a name, under their qualified names (``f``, ``f.g``, ``Tree.depth``)."""
        return {name: node for name, node in _functions(self.tree, "")}

    @cached_property
    def code_lines(self) -> int:
        """Lines that hold code: blank lines, comments and docstrings do not count."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in _IDLE:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in self.nodes:
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                    lines.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        return len(lines)


def _functions(node: ast.AST, path: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{path}{child.name}"
            if not isinstance(child, ast.ClassDef):
                yield name, child
            yield from _functions(child, name + ".")
        elif isinstance(child, ast.Assign) and isinstance(child.value, ast.Lambda):
            for target in child.targets:
                if isinstance(target, ast.Name):
                    yield f"{path}{target.id}", child.value
        else:
            yield from _functions(child, path)


def parameters(function: Function) -> tuple[str, ...]:
    """Names of the parameters in order, with their stars."""
    spec = function.args
    names = [argument.arg for argument in (*spec.posonlyargs, *spec.args)]
    names += [f"*{spec.vararg.arg}"] if spec.vararg else []
    names += [argument.arg for argument in spec.kwonlyargs]
    return (*names, *([f"**{spec.kwarg.arg}"] if spec.kwarg else []))


def body_nodes(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function's body, those of functions within it left out."""
    stack: list[ast.AST] = list(function.body) if isinstance(function.body, list) else [function.body]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(node))


def bound_names(function: Function) -> frozenset[str]:
    """Names that mean something of the function's own: parameters and what it assigns."""
    names = {name.lstrip("*") for name in parameters(function)}
    for node in body_nodes(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


__all__ = ["DYNAMIC_ATTRIBUTES", "DYNAMIC_NAMES", "CodeFacts", "Function", "body_nodes", "bound_names", "parameters"]
