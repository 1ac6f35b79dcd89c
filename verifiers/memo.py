"""Small memories: by identity, so that one pass over a plan serves every item, and by content, across plans."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..planner.plan import Plan
from ..planner.task import Task

Value = TypeVar("Value")
Source = TypeVar("Source")


class PlanMemo(Generic[Value]):
    """Remembers what a function gives for the most recent (task, plan) pairs.

    Plans and tasks are frozen, so the same objects always mean the same content; the memory holds on to them, so
    an identity is never given to another object while it is a key. It saves work and nothing else.

    Args:
        compute: What to remember the results of; pure.
        size: Most pairs that are kept.
    """

    def __init__(self, compute: Callable[[Task, Plan], Value], size: int = 16) -> None:
        self._compute = compute
        self._size = size
        self._kept: OrderedDict[tuple[int, int], tuple[Task, Plan, Value]] = OrderedDict()

    def __call__(self, task: Task, plan: Plan) -> Value:
        """The function's value for this task and plan."""
        key = (id(task), id(plan))
        found = self._kept.get(key)
        if found is not None:
            return found[2]
        value = self._compute(task, plan)
        self._kept[key] = (task, plan, value)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return value


class ContentMemo(Generic[Source, Value]):
    """Remembers what a function gives by a key that says all it depends on, least recently used dropped first.

    Args:
        compute: What to remember the results of; its value must be a function of the key.
        size: Most results that are kept.
    """

    def __init__(self, compute: Callable[[Source], Value], size: int = 1024) -> None:
        self._compute = compute
        self._size = size
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()

    def __call__(self, key: Hashable, source: Source) -> Value:
        """The value under the key, computed from the source where it is not held."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        value = self._kept[key] = self._compute(source)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return value
