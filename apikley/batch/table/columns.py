"""Finds the fields that the columns of a table are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import apikley_contract
from apikley._model.names import nearest_names
from apikley.batch.table.violations import RowViolation


class Columns:
    """The columns of a table.

    A violation of a column is reported once for the table, and not for each row.

    Args:
        columns: Columns by field, where their names differ.
        ignored: Columns that are not sent.
    """

    def __init__(self, columns: Mapping[str, str], ignored: Collection[str]) -> None:
        self._columns = {name.strip(): column for name, column in columns.items()}
        self._ignored = frozenset(ignored)
        self._fields: defaultdict[str, list[str]] = defaultdict(list)
        for name, column in self._columns.items():
            self._fields[column].append(name)
        self._seen: set[str] = set()
        self._reported: set[str] = set()

    def column(self, name: str) -> str:
        """Return the column of a field."""
        return self._columns.get(name.strip(), name)

    def cells(self, values: Mapping[str, Any], found: list[RowViolation]) -> dict[str, Any]:
        """Return the filled cells of a row by their fields, and add violations to the list."""
        self._seen.update(values)
        cells: dict[str, Any] = {}
        for column, value in values.items():
            if column in self._ignored or is_empty(value):
                continue
            if column in self._fields:
                cells.update(dict.fromkeys(self._fields[column], value))
            elif column in self._columns:
                hint = f"the field {column!r} comes from column {self._columns[column]!r}; use --ignore {column}"
                found += self._once(column, hint)
            else:
                cells[column] = value
        return cells

    def unknown(
        self, number: int, key: str | None, name: str, fields: Collection[str], models: Collection[str]
    ) -> Iterator[RowViolation]:
        """Yield the violation of a filled cell that is no field of its row's model.

        Args:
            number: The number of the row.
            key: The key of the row.
            name: The name of the cell.
            fields: The fields of the row's model.
            models: The models of the rows so far.
        """
        column = self.column(name)
        if any(name in _fields(model) for model in models):
            message = "is a field of another model and none of this one; leave the cell empty"
            yield RowViolation(number, column, key, message)
        elif column not in self._reported:
            near = nearest_names(name, fields)
            if any(name in _fields(model) for model in apikley_contract.models()):
                hint = "it is a field of another model. "
            else:
                hint = f"did you mean {near}? " if near else ""
            message = f"is no field of the model; {hint}Use --map FIELD={column} or --ignore {column}"
            yield from self._once(column, message)

    def missing(self) -> Iterator[RowViolation]:
        """Yield a violation for each mapped column that no row has had."""
        for name, column in self._columns.items():
            if column not in self._seen:
                near = nearest_names(column, self._seen)
                hint = f"; did you mean {near}?" if near else ""
                yield RowViolation(None, column, None, f"is not in the table, but mapped to the field {name!r}{hint}")

    def _once(self, column: str, message: str) -> Iterator[RowViolation]:
        if column not in self._reported:
            self._reported.add(column)
            yield RowViolation(None, column, None, message)


def is_empty(value: object) -> bool:
    """Whether a cell is empty, so that its field is absent."""
    if isinstance(value, float):
        return math.isnan(value)  # as pandas writes an empty cell
    return value is None or (isinstance(value, str) and not value.strip())


def _fields(model: str) -> Mapping[str, Any]:
    schema = apikley_contract.openapi()["components"]["schemas"][apikley_contract.models()[model].input]
    fields: Mapping[str, Any] = schema.get("properties", {})
    return fields
