"""Rows of published data sets, from files as they are published or through the optional `datasets` library.

Nothing of a row is believed: every field is asked for by name and type, and what is not there, or is of another type,
is a :class:`~planneal.planner.errors.DatasetError` that names the file and the row.
"""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ...planner.errors import DatasetError, MissingExtra

__all__ = ["Hub", "Row", "read_hub", "read_rows"]

LISTS = ("examples", "instances", "data", "rows")
"""Names under which a JSON file may hold its rows."""


class Hub(NamedTuple):
    """Where the `datasets` library finds a set.

    Attributes:
        path: Name of the data set.
        config: Name of its configuration, None where it has one only.
        split: Which split.
    """

    path: str
    config: str | None = None
    split: str = "test"

    def __str__(self) -> str:
        return "/".join(filter(None, (self.path, self.config, self.split)))


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        data: Its fields.
        file: Where it stands.
        number: Which row, from 1.
    """

    data: Mapping[str, Any]
    file: str
    number: int

    @property
    def stem(self) -> str:
        """The file's name without folders and ending."""
        return self.file.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or self.file.rpartition("/")[2]

    def error(self, message: str) -> DatasetError:
        """What is wrong with this row."""
        return DatasetError(message, file=self.file, row=self.number)

    def field(self, name: str, *kinds: type) -> Any:
        """A field of one of these types; `bool` is never taken for a number.

        Raises:
            DatasetError: It is missing, or of another type.
        """
        if name not in self.data:
            known = ", ".join(map(str, self.data)) or "none"
            raise self.error(f"no field {name!r} (fields: {known:.200})")
        value = self.data[name]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise self.error(f"{name!r} is {type(value).__name__}, not {wanted}")
        return value

    def text(self, *names: str) -> str:
        """The first of these fields that is there, a text that is not blank.

        Raises:
            DatasetError: None is there, or it is no text.
        """
        name = next((name for name in names if name in self.data), names[0])
        value: str = self.field(name, str)
        if not value.strip():
            raise self.error(f"{name!r} is blank")
        return value

    def optional(self, name: str, default: str = "") -> str:
        """A text that may be missing or null."""
        if self.data.get(name) is None:
            return default
        value: str = self.field(name, str)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts.

        Raises:
            DatasetError: It is missing, no list, or holds something else.
        """
        value: list[object] = self.field(name, list)
        found = tuple(entry for entry in value if isinstance(entry, str))
        if len(found) != len(value):
            raise self.error(f"{name!r} holds something that is no text")
        return found


def read_rows(path: Path, pattern: str = "*") -> Iterator[Row]:
    """The rows of a file (``.jsonl``, ``.json``, ``.csv``), or of every file of a folder that fits the pattern.

    Raises:
        DatasetError: A file is not there, or not of the form that its name says.
    """
    files = sorted(file for file in path.glob(pattern) if file.is_file()) if path.is_dir() else [path]
    if not files:
        raise DatasetError(f"no file {pattern}", file=str(path))
    for file in files:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"cannot be read: {error}", file=str(file)) from None
        yield from _rows_of(text, file)


def _rows_of(text: str, file: Path) -> Iterator[Row]:
    kind = file.suffix.lower()
    if kind == ".jsonl":
        lines = ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
        yield from (_row(_parsed(line, file, number), file, number) for number, line in lines)
    elif kind == ".json":
        yield from (_row(data, file, number) for number, data in enumerate(_listed(_parsed(text, file, 0), file), 1))
    elif kind == ".csv":
        table = csv.DictReader(text.splitlines(), strict=True)
        try:
            yield from (_row(data, file, number) for number, data in enumerate(table, start=1))
        except csv.Error as error:
            raise DatasetError(f"is no CSV: {error}", file=str(file), row=table.line_num) from None
    else:
        raise DatasetError(f"{kind or 'a file without ending'} is not read; .jsonl, .json and .csv are", file=str(file))


def _parsed(text: str, file: Path, number: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"is no JSON: {error}", file=str(file), row=number) from None


def _listed(data: Any, file: Path) -> Sequence[Any]:
    if isinstance(data, Mapping):
        data = next((data[name] for name in LISTS if isinstance(data.get(name), list)), None)
    if not isinstance(data, list):
        raise DatasetError(f"holds no list of rows, nor one under {', '.join(LISTS)}", file=str(file))
    return data


def _row(data: Any, file: Path, number: int) -> Row:
    if not isinstance(data, Mapping):
        raise DatasetError(f"is {type(data).__name__}, not an object", file=str(file), row=number)
    return Row(data, str(file), number)


def read_hub(hub: Hub) -> Iterator[Row]:
    """The rows of a data set on the Hub, through the `datasets` library.

    Raises:
        MissingExtra: The library is not installed.
        DatasetError: The set cannot be had.
    """
    try:
        library = importlib.import_module("datasets")
    except ImportError:
        raise MissingExtra(f"reading {hub} from the Hub", package="datasets") from None
    try:
        rows: Iterable[Any] = library.load_dataset(hub.path, hub.config, split=hub.split)
    except Exception as error:  # whatever the library raises: no network, no such set, no permission
        raise DatasetError(f"cannot be had: {type(error).__name__}: {error}"[:500], file=str(hub)) from None
    for number, data in enumerate(rows, start=1):
        if not isinstance(data, Mapping):
            raise DatasetError("is no object", file=str(hub), row=number)
        yield Row(data, str(hub), number)
