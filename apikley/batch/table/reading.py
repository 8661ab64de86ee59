"""Reads the rows of a table, one at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from apikley.errors import ConfigurationError

_MAX_CELL = 16 * 1024 * 1024  # characters


class TableRow(NamedTuple):
    """A row: its number from 1, and its values by column."""

    number: int
    values: dict[str, Any]


class BrokenRow(NamedTuple):
    """A row that cannot be read, and why."""

    number: int
    reason: str


def read_table(path: Path) -> Iterator[TableRow | BrokenRow]:
    """Yield the rows of a CSV, TSV, JSONL, JSON or Parquet file. The kind follows from the suffix.

    Raises:
        ConfigurationError: The file cannot be read, or is no table.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ConfigurationError(f"{path}: the suffix names no kind of table; expected {', '.join(_READERS)}")
    rows = 0
    try:
        for row in read(path):
            rows += 1
            yield row
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; save it as UTF-8, in Excel as `CSV UTF-8`") from None
    if not rows:
        raise ConfigurationError(f"{path} has no rows; write one row for each video")


def _read_csv(path: Path) -> Iterator[TableRow | BrokenRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
        file.seek(0)
        # A spreadsheet in a country with decimal commas writes semicolons.
        delimiter = ";" if header.count(";") > header.count(",") else ","
        yield from _read_cells(path, csv.reader(file, delimiter=delimiter, strict=True))


def _read_tsv(path: Path) -> Iterator[TableRow | BrokenRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _read_cells(path, csv.reader(file, delimiter="\t", strict=True))


def _read_cells(path: Path, reader: Any) -> Iterator[TableRow | BrokenRow]:
    limit = csv.field_size_limit(_MAX_CELL)
    try:
        names: list[str] | None = None
        number = 0
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _checked_names(path, [cell.strip() for cell in cells])
                continue
            number += 1
            if len(cells) != len(names):
                yield BrokenRow(number, f"line {reader.line_num} has {len(cells)} cells, but the header {len(names)}")
            else:
                yield TableRow(number, dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        raise ConfigurationError(f"{path}, line {reader.line_num}: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _checked_names(path: Path, names: list[str]) -> list[str]:
    if "" in names:
        raise ConfigurationError(f"{path}: column {names.index('') + 1} has no name; write one into the first line")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(f"{path}: two columns are named {twice[0]!r}; rename one")
    return names


def _read_lines(path: Path) -> Iterator[TableRow | BrokenRow]:
    number = 0
    with path.open(encoding="utf-8-sig") as file:
        for line_number, line in enumerate(file, 1):
            if not line.strip():
                continue
            number += 1
            try:
                values = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BrokenRow(number, f"line {line_number} is not JSON: {error}")
            else:
                yield _row(number, values)


def _read_json(path: Path) -> Iterator[TableRow | BrokenRow]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, list):
        raise ConfigurationError(f"{path} is not an array of objects; write [{{…}}, {{…}}], or use JSONL")
    for number, values in enumerate(document, 1):
        yield _row(number, values)


def _read_parquet(path: Path) -> Iterator[TableRow | BrokenRow]:
    try:
        parquet = import_module("pyarrow.parquet")
        invalid = import_module("pyarrow").ArrowInvalid
    except ModuleNotFoundError:
        raise ConfigurationError(f"{path}: Parquet needs pyarrow; run: pip install pyarrow") from None
    try:
        with path.open("rb") as opened, parquet.ParquetFile(opened) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1_000):
                for values in batch.to_pylist():
                    number += 1
                    yield _row(number, values)
    except invalid as error:
        raise ConfigurationError(f"{path} is not a Parquet file: {error}") from error


def _row(number: int, values: object) -> TableRow | BrokenRow:
    if not isinstance(values, dict):
        return BrokenRow(number, f"is {type(values).__name__}, not an object with the fields of a request")
    return TableRow(number, values)


_READERS: dict[str, Callable[[Path], Iterator[TableRow | BrokenRow]]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
