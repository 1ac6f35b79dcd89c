"""The store: SQLite in memory, made anew from records, which keeps to the problem's rules by itself.

A call that the rules do not allow raises, whether the rule is a locked item of the task or only told in its text: what
a dry run sees is what would happen.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from ....verifiers.tool_calls.rules import AtMost, Before, Requires, Rule
from .records import VERBS, Records

__all__ = ["GRANTS", "CallRefusedError", "NotFoundError", "Store"]

GRANTS: Mapping[str, frozenset[str]] = {
    "open_orders": frozenset({"orders"}),
    "open_money": frozenset({"money"}),
    "open_shipping": frozenset({"shipping"}),
}
"""Permissions that a call grants to the calls after it."""

_TABLES: Mapping[str, tuple[str, ...]] = {
    "customers": ("name", "city", "sponsor", "currency"),
    "orders": ("id", "customer", "amount", "status"),
    "invoices": ("id", '"order"', "amount", "status"),
    "shipments": ("id", '"order"', "city", "weight", "cost", "status"),
    "currencies": ("name", "rate"),
}
_SCHEMA = "".join(
    f"create table {table} ({columns[0]} primary key, {', '.join(columns[1:])});" for table, columns in _TABLES.items()
)
_INSERT = {
    table: f"insert into {table} values ({', '.join('?' * len(columns))})" for table, columns in _TABLES.items()
}


class CallRefusedError(Exception):
    """A call that the rules, or the status of a record, do not allow."""


class NotFoundError(LookupError):
    """A record that is not there."""


class Store:
    """One run's own store.

    Args:
        records: What it starts with.
        rules: What calls must keep to: limits, permissions, order.

    Attributes:
        read: Every row that was read, as pairs (table, key).
        changes: What was written, as pairs (tool, id), in order.
    """

    def __init__(self, records: Records, rules: Sequence[Rule] = ()) -> None:
        self.read: set[tuple[str, str | int]] = set()
        self.changes: list[tuple[str, int]] = []
        self._rules = tuple(rules)
        self._called: list[str] = []
        self._granted: set[str] = set()
        # A dry run gives each call a thread of its own, one after the other.
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(_SCHEMA)
        self._db.execute("begin")
        for table, sql in _INSERT.items():
            self._db.executemany(sql, [tuple(vars(row).values()) for row in getattr(records, table)])
        self._db.execute("commit")
        weakref.finalize(self, self._db.close)

    def admit(self, tool: str) -> None:
        """Counts a call, unless a rule is against it.

        Raises:
            CallRefusedError: A limit is reached, a permission is not granted, or another call must come first.
        """
        for rule in self._rules:
            if isinstance(rule, AtMost) and rule.tool in ("", tool):
                made = len(self._called) if not rule.tool else self._called.count(tool)
                if made >= rule.count:
                    raise CallRefusedError(f"calls: {rule}")
            elif isinstance(rule, Requires) and rule.tool == tool and rule.permission not in self._granted:
                raise CallRefusedError(f"permission {rule.permission} is not granted")
            elif isinstance(rule, Before) and rule.then == tool and rule.first not in self._called:
                raise CallRefusedError(f"no {rule.first} before {tool}")
        self._called.append(tool)
        self._granted |= GRANTS.get(tool, frozenset())

    def one(self, table: str, column: str, value: str | int) -> dict[str, Any]:
        """The one row of a table with this value.

        Raises:
            NotFoundError: There is none.
        """
        self.expect(table, column, value)
        return self.rows(table, column, value)[0]

    def expect(self, table: str, column: str, value: str | int) -> None:
        """Sees to it that there is such a row, without reading it.

        Raises:
            NotFoundError: There is none.
        """
        if not self._select(table, column, value):
            raise NotFoundError(f"no {'currency' if table == 'currencies' else table[:-1]} with {column} {value}")

    def rows(self, table: str, column: str, value: str | int) -> list[dict[str, Any]]:
        """The rows of a table with this value, in order of their key."""
        found = self._select(table, column, value)
        self.read.update((table, row[_TABLES[table][0]]) for row in found)
        return found

    def _select(self, table: str, column: str, value: str | int) -> list[dict[str, Any]]:
        key = _TABLES[table][0]
        sql = f'select * from {table} where "{column}" = ? order by {key}'
        return [dict(row) for row in self._db.execute(sql, (value,))]

    def change(self, tool: str, key: int) -> dict[str, Any]:
        """Writes: gives a record its new status and returns it.

        Raises:
            NotFoundError: There is no such record.
            CallRefusedError: Its status does not allow the change; nothing is changed twice for that reason.
        """
        verb = VERBS[tool]
        row = self.one(verb.rows, "id", key)
        if row["status"] != verb.before:
            raise CallRefusedError(f"{verb.noun} {key} is {row['status']}, not {verb.before}")
        sql = f"update {verb.rows} set status = ? where id = ?"
        self._db.execute(sql, (verb.after, key))
        self.changes.append((tool, key))
        return {**row, "status": verb.after}

    def dump(self) -> str:
        """Everything that is in the store, as text: equal for equal states."""
        return "\n".join(
            repr(tuple(row))
            for table, columns in _TABLES.items()
            for row in self._db.execute(f"select * from {table} order by {columns[0]}")
        )
