"""Turns the rows of a table into jobs, by the contract."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import apikley_contract
from apikley._model.local_files import check_file, find_local_files
from apikley._model.names import nearest_names
from apikley._model.validation import validate_create, with_published_names
from apikley.batch.table.bodies import content_hash, located, pack, unpack
from apikley.batch.table.cells import CellError, value_of
from apikley.batch.table.columns import Columns
from apikley.batch.table.reading import BrokenRow, TableRow, read_table
from apikley.batch.table.violations import RowViolation
from apikley.errors import RequestInvalid, Violation

__all__ = ["Job", "RowViolation", "TableOptions", "jobs_of", "pack", "read_jobs", "unpack"]

_MODEL, _ID, _INPUT = "model", "id", "input"
_MAX_KEY = 128


@dataclass(frozen=True)
class TableOptions:
    """How the columns of a table become requests.

    Attributes:
        model: The model of rows without one.
        set: Values of fields for all rows; a filled cell comes first.
        map: Columns by field, where their names differ.
        ignore: Columns that are not sent.
        allow_unknown_fields: Whether to send fields that the contract does not list.
    """

    model: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    map: Mapping[str, str] = field(default_factory=dict)
    ignore: Collection[str] = ()
    allow_unknown_fields: bool = False


class Job(NamedTuple):
    """A row as a request.

    Attributes:
        key: Its name in the batch.
        number: Its number in the table.
        body: The request body, with local files at absolute paths.
        content_hash: A hash of the request, with paths as they are written in the table.
    """

    key: str
    number: int
    body: dict[str, Any]
    content_hash: str


def read_jobs(path: Path, options: TableOptions) -> Iterator[Job | RowViolation]:
    """Yield the rows of a table as jobs, and every violation; see `jobs_of`.

    Raises:
        ConfigurationError: The file cannot be read, or is no table.
        RequestInvalid: The model of the options is unknown.
    """
    return jobs_of(read_table(path), path.stem, path.absolute().parent, options)


def jobs_of(
    rows: Iterable[TableRow | BrokenRow], source: str, folder: Path, options: TableOptions
) -> Iterator[Job | RowViolation]:
    """Yield rows as jobs, and every violation.

    A violation of the whole table does not keep its rows from being jobs. Create none before all rows are read.

    Args:
        rows: The rows.
        source: The name of the table, for the keys of rows without an id.
        folder: The folder that local paths are relative to.
        options: How columns become requests.

    Raises:
        RequestInvalid: The model of the options is unknown.
    """
    return _Reader(source, folder, options).read(rows)


class _Reader:
    """Reads the rows of one table."""

    def __init__(self, source: str, folder: Path, options: TableOptions) -> None:
        self._source = source
        self._folder = folder
        self._options = options
        self._columns = Columns(options.map, options.ignore)
        self._numbers: dict[str, int] = {}  # of the rows, by key
        self._models: set[str] = set()  # of the rows so far
        self._set: set[str] = set()  # fields of `options.set` that a model has
        self._lacks_model = False
        self._check_file = lru_cache(maxsize=10_000)(check_file)  # many rows may share a file
        models = apikley_contract.models()
        if options.model is not None and options.model not in models:
            validate_create({_MODEL: options.model})  # raises with the nearest name
        self._default = options.model or (next(iter(models)) if len(models) == 1 else None)

    def read(self, rows: Iterable[TableRow | BrokenRow]) -> Iterator[Job | RowViolation]:
        """Yield the rows as jobs, and every violation."""
        for row in rows:
            if isinstance(row, BrokenRow):
                yield RowViolation(row.number, None, None, row.reason)
            else:
                yield from self._read_row(row)
        if self._models:
            yield from self._columns.missing()
            yield from self._unused_set()

    def _read_row(self, row: TableRow) -> Iterator[Job | RowViolation]:
        found: list[RowViolation] = []
        cells = self._columns.cells(row.values, found)
        key = self._key(row.number, cells.pop(_ID, None), found)
        model = cells.pop(_MODEL, self._default)
        if model is None and self._columns.column(_MODEL) not in row.values:
            if not self._lacks_model:
                found.append(RowViolation(None, None, None, "rows have no model; add a column model, or use --model"))
            self._lacks_model = True
            yield from found
            return
        body: dict[str, Any] = {} if model is None else {_MODEL: str(model).strip()}
        body[_INPUT] = self._input(row.number, key, body.get(_MODEL, ""), cells, found)
        absolute = located(body, self._folder)
        found += self._violations(row.number, key, absolute, found)
        yield from found
        if key is not None and all(each.row is None for each in found):
            yield Job(key, row.number, absolute, content_hash(body))

    def _key(self, number: int, given: object, found: list[RowViolation]) -> str | None:
        key = f"{self._source}-{number}" if given is None else str(given).strip()
        if len(key) > _MAX_KEY or not key.isprintable():
            message = f"{key[:40]!r} is not an id of 1 to {_MAX_KEY} printable characters"
            found.append(RowViolation(number, self._columns.column(_ID), None, message))
            return None
        first = self._numbers.setdefault(key, number)
        if first != number:
            message = f"{key!r} is the id of row {first}, too; give each its own"
            found.append(RowViolation(number, self._columns.column(_ID), key, message))
        return key

    def _input(
        self, number: int, key: str | None, model: str, cells: dict[str, Any], found: list[RowViolation]
    ) -> dict[str, Any]:
        """Return the input of a row's request."""
        known = apikley_contract.models().get(model)
        schema = apikley_contract.openapi()["components"]["schemas"][known.input] if known else {}
        fields = schema.get("properties", {})
        names = {name.strip(): name for name in fields}  # some published names end with white space
        accepts_all = known is None or self._options.allow_unknown_fields
        if known:
            self._models.add(model)
        values: dict[str, Any] = {}
        for name, value in self._options.set.items():
            if name.strip() in names or accepts_all:
                values[names.get(name.strip(), name)] = value
                self._set.add(name)
        if _INPUT not in names and _INPUT in cells:
            whole = self._whole(number, key, cells.pop(_INPUT), found)
            values |= with_published_names({_MODEL: model, _INPUT: whole})[_INPUT]
        for name, value in cells.items():
            if name.strip() in names or accepts_all:
                values[names.get(name.strip(), name)] = value
            else:
                found += self._columns.unknown(number, key, name, names, self._models)
        input_ = {}
        for name, value in values.items():
            try:
                input_[name] = value_of(value, fields.get(name, {}))
            except CellError as error:
                found.append(RowViolation(number, self._columns.column(name), key, str(error)))
        return input_

    def _whole(self, number: int, key: str | None, cell: object, found: list[RowViolation]) -> dict[str, Any]:
        """Return the column `input`, which holds the whole input of a request."""
        message = "is not an object with the fields of the model"
        try:
            value = value_of(cell, {"type": "object"})
        except CellError as error:
            value, message = None, str(error)
        if isinstance(value, dict):
            return value
        found.append(RowViolation(number, self._columns.column(_INPUT), key, message))
        return {}

    def _violations(
        self, number: int, key: str | None, body: dict[str, Any], found: list[RowViolation]
    ) -> list[RowViolation]:
        """Return the broken rules of the contract, of columns that have no violation yet."""
        complete, _, violations = find_local_files(body, self._check_file)
        try:
            validate_create(complete, violations, allow_unknown_fields=self._options.allow_unknown_fields)
        except RequestInvalid as error:
            columns = {each.column for each in found if each.row is not None}
            # The batch adds the callback URL, not the table.
            rules = [each for each in error.violations if each.pointer != "/callBackUrl"]
            rest = [self._violation(number, key, each) for each in rules]
            return [each for each in rest if each.column not in columns]
        return []

    def _violation(self, number: int, key: str | None, violation: Violation) -> RowViolation:
        steps = violation.pointer.strip("/").split("/")
        name = steps[1] if steps[0] == _INPUT and len(steps) > 1 else steps[0]
        name = name.replace("~1", "/").replace("~0", "~")
        inner = "".join(f"[{step}]" for step in steps[2:])
        return RowViolation(number, self._columns.column(name) or None, key, f"{inner} {violation.message}".strip())

    def _unused_set(self) -> Iterator[RowViolation]:
        components = apikley_contract.openapi()["components"]["schemas"]
        inputs = [components[apikley_contract.models()[model].input] for model in self._models]
        fields = {name for schema in inputs for name in schema.get("properties", {})}
        for name in self._options.set:
            if name not in self._set:
                near = nearest_names(name, fields)
                hint = f"; did you mean {near}?" if near else ""
                yield RowViolation(None, None, None, f"{name!r} is set, but is no field of the table's models{hint}")
