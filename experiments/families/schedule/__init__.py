"""The family `schedule`: put things in a row under rules that the question states. See `docs/families/schedule.md`."""

from __future__ import annotations

from .counting import count_orders
from .drawing import Difficulty
from .family import FAMILY, ScheduleFamily
from .grading import grade, grade_plan, read_order
from .problem import ScheduleGold, ScheduleProblem, SchedulePublic, answer_text, generate, plan_text
from .rules import Kind, Rule, parse_rule
from .verifier import EntriesVerifier
from .wording import read_question, sentence

__all__ = [
    "FAMILY",
    "Difficulty",
    "EntriesVerifier",
    "Kind",
    "Rule",
    "ScheduleFamily",
    "ScheduleGold",
    "ScheduleProblem",
    "SchedulePublic",
    "answer_text",
    "count_orders",
    "generate",
    "grade",
    "grade_plan",
    "parse_rule",
    "plan_text",
    "read_order",
    "read_question",
    "sentence",
]
