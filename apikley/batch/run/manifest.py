"""The results of a batch as plain values, and the manifest beside the files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from apikley._model.partial_file import partial_file
from apikley.batch.ledger.rows import Row
from apikley.batch.ledger.store import Ledger
from apikley.batch.run.saving import Output
from apikley.errors import ConfigurationError


def result_of(row: Row) -> dict[str, Any]:
    """Return a row as plain values: times in ISO 8601, durations in seconds."""
    first = row.files[0] if row.files else None
    return {
        "id": row.key,
        "number": row.number,
        "model": row.model,
        "state": row.state,
        "task_id": row.task_id,
        "credits": row.credits,
        "seconds": row.seconds,
        "sent_at": _iso(row.sent_at),
        "ended_at": _iso(row.ended_at),
        "error_code": row.error_code,
        "error": row.error,
        "file": first.file if first else None,
        "sha256": first.sha256 if first else None,
        "other_files": [each.file for each in row.files[1:]],
    }


def write_manifest(ledger: Ledger, batch_id: int, output: Output) -> None:
    """Write `manifest.csv` and `manifest.jsonl`. A reader never sees half of a file."""
    output.write("manifest.jsonl", jsonl_lines(results(ledger, batch_id)))
    output.write("manifest.csv", csv_lines(results(ledger, batch_id)))


def export_rows(ledger: Ledger, batch_id: int, path: Path, *, overwrite: bool) -> int:
    """Write the rows of a batch to a CSV, JSONL or Parquet file; returns their number.

    Raises:
        ConfigurationError: The suffix names no kind of table, or pyarrow is missing.
        FileExistsError: The file exists, and `overwrite` is false.
    """
    found = [*results(ledger, batch_id)]
    with partial_file(path, overwrite=overwrite) as file:
        if path.suffix == ".csv":
            file.write("".join(csv_lines(found)).encode())
        elif path.suffix in (".jsonl", ".ndjson"):
            file.write("".join(jsonl_lines(found)).encode())
        elif path.suffix == ".parquet":
            file.write(_parquet(found))
        else:
            raise ConfigurationError(f"{path}: the suffix names no kind of table; expected .csv, .jsonl or .parquet")
    return len(found)


def _parquet(found: list[dict[str, Any]]) -> bytes:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise ConfigurationError("Parquet needs pyarrow; run: pip install pyarrow") from None
    buffer = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(found), buffer)
    return buffer.getvalue()


def results(ledger: Ledger, batch_id: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch as plain values."""
    return map(result_of, ledger.rows(batch_id))


def jsonl_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield results as lines of JSON."""
    for result in found:
        yield json.dumps(result, ensure_ascii=False) + "\n"


def csv_lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield results as lines of CSV, with names in the first."""
    buffer = io.StringIO()
    for number, result in enumerate(found):
        cells = {**result, "other_files": " ".join(result["other_files"])}
        writer = csv.DictWriter(buffer, [*cells])
        if not number:
            writer.writeheader()
        writer.writerow(cells)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
