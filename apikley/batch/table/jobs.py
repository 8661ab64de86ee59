"""Turns the rows of a table into jobs, by the contract."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import apikley_contract
from apikley._model.local_files import LocalFile, check_file, find_local_files
from apikley._model.names import nearest_names
from apikley._model.validation import validate_create
from apikley.batch.table.cells import CellError, value_of
from apikley.batch.table.reading import BrokenRow, TableRow, read_table
from apikley.errors import RequestInvalid, Violation

_MODEL, _ID, _INPUT = "model", "id", "input"
_MAX_KEY = 128
_FILE = "$file"


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
        body: The request body, with local files.
        content_hash: A hash of the request, with paths as they are written in the table.
    """

    key: str
    number: int
    body: dict[str, Any]
    content_hash: str


class RowViolation(NamedTuple):
    """One broken rule in a table.

    Attributes:
        row: The number of the row; None for the whole table.
        column: The column, if it is about one.
        key: The key of the row, if it has one.
        message: The violation in words.
    """

    row: int | None
    column: str | None
    key: str | None
    message: str

    def __str__(self) -> str:
        """Return one line, for instance `row 7, column prompt: 1,812 characters, at most 1,500`."""
        row = None if self.row is None else f"row {self.row}"
        row = f"{row} ({self.key})" if row and self.key else row
        column = None if self.column is None else f"column {self.column}"
        place = ", ".join(filter(None, (row, column)))
        return f"{place}: {self.message}" if place else self.message


def read_jobs(path: Path, options: TableOptions) -> Iterator[Job | RowViolation]:
    """Yield the rows of a table as jobs, and every violation.

    Raises:
        ConfigurationError: The file cannot be read, or is no table.
    """
    return jobs_of(read_table(path), path.stem, path.absolute().parent, options)


def jobs_of(
    rows: Iterable[TableRow | BrokenRow], source: str, folder: Path, options: TableOptions
) -> Iterator[Job | RowViolation]:
    """Yield rows as jobs, and every violation.

    Args:
        rows: The rows.
        source: The name of the table, for the keys of rows without an id.
        folder: The folder that local paths are relative to.
        options: How columns become requests.
    """
    return _Reader(source, folder, options).read(rows)


class _Reader:
    """Reads the rows of one table."""

    def __init__(self, source: str, folder: Path, options: TableOptions) -> None:
        self._source = source
        self._folder = folder
        self._options = options
        self._fields = {column: name for name, column in options.map.items()}
        self._numbers: dict[str, int] = {}  # of the rows, by key
        self._unknown: set[str] = set()  # columns that were reported
        self._check_file = lru_cache(maxsize=10_000)(check_file)  # many rows may share a file
        models = apikley_contract.models()
        self._default = options.model or (next(iter(models)) if len(models) == 1 else None)

    def read(self, rows: Iterable[TableRow | BrokenRow]) -> Iterator[Job | RowViolation]:
        """Yield the rows as jobs, and every violation."""
        for row in rows:
            if isinstance(row, BrokenRow):
                yield RowViolation(row.number, None, None, row.reason)
            else:
                yield from self._read_row(row)

    def _read_row(self, row: TableRow) -> Iterator[Job | RowViolation]:
        key = self._key(row)
        if isinstance(key, RowViolation):
            yield key
            return
        violations: list[RowViolation] = []
        body = self._body(row, key, violations)
        if not violations:
            try:
                self._validate(body)
            except RequestInvalid as error:
                violations += [self._violation(row, key, each) for each in error.violations]
        if violations:
            yield from violations
        else:
            yield Job(key, row.number, body, _content_hash(body, self._folder))

    def _key(self, row: TableRow) -> str | RowViolation:
        given = row.values.get(_ID)
        key = f"{self._source}-{row.number}" if given in (None, "") else str(given).strip()
        if len(key) > _MAX_KEY or not key or not key.isprintable():
            message = f"{key[:40]!r} is not an id of 1 to {_MAX_KEY} printable characters"
            return RowViolation(row.number, _ID, None, message)
        first = self._numbers.setdefault(key, row.number)
        if first != row.number:
            return RowViolation(row.number, _ID, key, f"{key!r} is the id of row {first}, too; give each its own")
        return key

    def _body(self, row: TableRow, key: str, violations: list[RowViolation]) -> dict[str, Any]:
        """Return the request of a row. Cells that have no value of their field's type are violations."""
        values = {name: value for name, value in row.values.items() if name not in self._options.ignore}
        model = values.pop(_MODEL, None) or self._default
        values.pop(_ID, None)
        body: dict[str, Any] = {} if model is None else {_MODEL: str(model).strip()}
        known = apikley_contract.models().get(body.get(_MODEL, ""))
        schema = apikley_contract.openapi()["components"]["schemas"][known.input] if known else {}
        fields = schema.get("properties", {})
        names = {name.strip(): name for name in fields}  # some published names end with white space
        whole = values.pop(_INPUT, None) if _INPUT not in names else None
        body[_INPUT] = self._whole(whole, schema, row, key, violations)
        given = {name: value for name, value in self._options.set.items() if name in names or known is None}
        cells = {self._fields.get(column, column): value for column, value in values.items() if not _is_empty(value)}
        for name, value in {**given, **cells}.items():
            if name.strip() not in names and known is not None and not self._options.allow_unknown_fields:
                violations += self._unknown_column(name, names)
                continue
            published = names.get(name.strip(), name)
            try:
                body[_INPUT][published] = value_of(value, fields.get(published, {}), self._folder)
            except CellError as error:
                violations.append(RowViolation(row.number, self._options.map.get(name, name), key, str(error)))
        return body

    def _whole(
        self, whole: object, schema: Mapping[str, Any], row: TableRow, key: str, violations: list[RowViolation]
    ) -> dict[str, Any]:
        """Return the column `input`, which holds the whole input of a request."""
        if _is_empty(whole):
            return {}
        try:
            value = value_of(whole, {**schema, "type": "object"}, self._folder)
        except CellError as error:
            violations.append(RowViolation(row.number, _INPUT, key, str(error)))
            return {}
        if not isinstance(value, dict):
            violations.append(RowViolation(row.number, _INPUT, key, "is not an object with the fields of the model"))
            return {}
        return value

    def _unknown_column(self, name: str, fields: Mapping[str, str]) -> Iterator[RowViolation]:
        column = self._options.map.get(name, name)
        if column in self._unknown:
            return
        others = (apikley_contract.models()[model].input for model in apikley_contract.models())
        schemas = apikley_contract.openapi()["components"]["schemas"]
        near = nearest_names(name, fields)
        hint = f"did you mean {near}? " if near else ""
        self._unknown.add(column)
        if any(name in schemas[other].get("properties", {}) for other in others):
            hint = "it is a field of another model; leave its cell empty for this one. "
        yield RowViolation(
            None, column, None, f"is no field of the model; {hint}Use --map FIELD={column} or --ignore {column}"
        )

    def _validate(self, body: dict[str, Any]) -> None:
        complete, _, violations = find_local_files(body, self._check_file)
        validate_create(complete, violations, allow_unknown_fields=self._options.allow_unknown_fields)

    def _violation(self, row: TableRow, key: str, violation: Violation) -> RowViolation:
        steps = violation.pointer.strip("/").split("/")
        name = steps[1] if steps[0] == _INPUT and len(steps) > 1 else steps[0]
        name = name.replace("~1", "/").replace("~0", "~")
        inner = "".join(f"[{step}]" for step in steps[2:])
        message = f"{inner} {violation.message}".strip()
        return RowViolation(row.number, self._options.map.get(name, name) or None, key, message)


def pack(body: Mapping[str, Any]) -> str:
    """Return a request body as JSON, with local files as `{"$file": path}`."""
    return json.dumps(_packed(body), ensure_ascii=False)


def unpack(text: str) -> dict[str, Any]:
    """Return the request body that `pack` has encoded."""
    body: dict[str, Any] = _unpacked(json.loads(text))
    return body


def _packed(value: object) -> object:
    if isinstance(value, os.PathLike):
        return {_FILE: os.path.abspath(value)}  # noqa: PTH100 - `Path.absolute` keeps `..`
    if isinstance(value, Mapping):
        return {(f"${name}" if _is_escaped(name) else name): _packed(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if [*value] == [_FILE]:
            return LocalFile(value[_FILE])
        return {(name[1:] if _is_escaped(name[1:]) else name): _unpacked(item) for name, item in value.items()}
    return [_unpacked(item) for item in value] if isinstance(value, list) else value


def _is_escaped(name: object) -> bool:
    return isinstance(name, str) and name.endswith("file") and name.strip("$") == "file" and name.startswith("$")


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _content_hash(body: dict[str, Any], folder: Path) -> str:
    """Return a hash of a request in which paths are relative, so that moving the folder does not change it."""

    def relative(value: object) -> object:
        if isinstance(value, os.PathLike):
            return {_FILE: os.path.relpath(value, folder)}
        if isinstance(value, dict):
            return {name: relative(item) for name, item in value.items()}
        return [relative(item) for item in value] if isinstance(value, list | tuple) else value

    text = json.dumps(relative(body), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
