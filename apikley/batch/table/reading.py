"""Reads the rows of a table, one at a time."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from apikley.errors import ConfigurationError


class TableRow(NamedTuple):
    """A row: its number from 1, and its values by column."""

    number: int
    values: dict[str, Any]


class BrokenRow(NamedTuple):
    """A row that cannot be read: its number from 1, and why."""

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
        where = f"{path}, line {_first_bad_line(path)}"
        raise ConfigurationError(
            f"{where} is not UTF-8 text; save the file as UTF-8, in Excel as `CSV UTF-8`"
        ) from None
    if not rows:
        raise ConfigurationError(f"{path} has no rows; write one row for each video")


def _read_csv(path: Path) -> Iterator[TableRow | BrokenRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next((line for line in file if line.strip()), "")
        file.seek(0)
        # A spreadsheet in a country with decimal commas writes semicolons.
        delimiter = ";" if header.count(";") > header.count(",") else ","
        yield from _read_cells(path, csv.reader(file, delimiter=delimiter, strict=True))


def _read_tsv(path: Path) -> Iterator[TableRow | BrokenRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _read_cells(path, csv.reader(file, delimiter="\t", strict=True))


def _read_cells(path: Path, reader: Any) -> Iterator[TableRow | BrokenRow]:
    lines = _lines(reader)
    header = next(lines, None)
    if header is None:
        return
    line, cells, problem = header
    if problem is not None:
        raise ConfigurationError(f"{path}, line {line}: {problem}")
    names = _checked_names(path, [cell.strip() for cell in cells])
    for number, (line, cells, problem) in enumerate(lines, 1):
        if problem is not None:
            yield BrokenRow(number, f"line {line}: {problem}")
        elif len(cells) != len(names):
            yield BrokenRow(number, f"line {line} has {len(cells)} cells, but the header has {len(names)}")
        else:
            yield TableRow(number, dict(zip(names, cells, strict=True)))


def _lines(reader: Any) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield the first line, the cells and the problem of each row that is not blank."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            yield line, [], f"{error}; check the quotes"
            continue
        if any("\0" in cell for cell in cells):
            yield line, cells, "a cell holds a NUL character; save the file as UTF-8 text"
        elif any(cell.strip() for cell in cells):
            yield line, cells, None


def _checked_names(path: Path, names: list[str]) -> list[str]:
    if "" in names:
        raise ConfigurationError(f"{path}: column {names.index('') + 1} has no name; write one into the first line")
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigurationError(f"{path}: {count} columns are named {name!r}; rename them")
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
        raise ConfigurationError(f"{path} is not JSON: {error}; for one object a line use the suffix .jsonl") from error
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
            _checked_names(path, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=1_000):
                for values in batch.to_pylist():
                    number += 1
                    yield TableRow(number, {name: _without_nulls(value) for name, value in values.items()})
    except invalid as error:
        raise ConfigurationError(f"{path} is not a Parquet file: {error}") from error


def _without_nulls(value: Any) -> Any:
    """Return a value of Parquet, whose structs have every field of their type, without the absent fields."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _first_bad_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1  # the file has changed


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
