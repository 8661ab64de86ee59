"""Plans a batch: checks every row without sending anything, and estimates time and credits."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from apikley._model.local_files import find_local_files
from apikley.batch.ledger.limits import create_limit, running_limit
from apikley.batch.table.jobs import Job, RowViolation, TableOptions, read_jobs

SECONDS_PER_VIDEO = 300.0


class TablePlan(NamedTuple):
    """What a table would become.

    Attributes:
        rows: The number of rows that can be created.
        models: Their number by model.
        violations: Every broken rule.
        duplicates: The numbers of rows with equal requests. They are created and paid separately.
        files: The number of different local files.
        file_bytes: Their size.
    """

    rows: int
    models: dict[str, int]
    violations: list[RowViolation]
    duplicates: list[list[int]]
    files: int
    file_bytes: int


class Estimate(NamedTuple):
    """How long a batch takes, and what it costs.

    Attributes:
        rows: The number of rows.
        create_seconds: By the limit of creates alone.
        seconds_per_video: How long one video takes.
        running: How many tasks run at a time.
        running_seconds: By the limit of running tasks alone.
        credits: The cost; None without a price.
    """

    rows: int
    create_seconds: float
    seconds_per_video: float
    running: int
    running_seconds: float
    credits: float | None

    @property
    def seconds(self) -> float:
        """How long the batch takes."""
        return max(self.create_seconds + self.seconds_per_video, self.running_seconds) if self.rows else 0.0

    def __str__(self) -> str:
        """Return one line.

        For instance `10,000 rows: 83 minutes by the create limit; at 5 minutes a video and 100 at a time: 8.3 hours`.
        """
        each, whole = duration(self.seconds_per_video), duration(self.running_seconds)
        rows = f"{self.rows:,} row{'s' * (self.rows != 1)}"
        line = f"{rows}: {duration(self.create_seconds)} by the create limit; "
        line += f"at {each} a video and {self.running:,} at a time: {whole}"
        return line if self.credits is None else f"{line}; {self.credits:,g} credits"


def plan_table(path: Path, options: TableOptions) -> TablePlan:
    """Check every row of a table.

    Raises:
        ConfigurationError: The file cannot be read, or is no table.
    """
    models: Counter[str] = Counter()
    violations: list[RowViolation] = []
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    files: dict[Path, int] = {}
    for each in read_jobs(path, options):
        if isinstance(each, RowViolation):
            violations.append(each)
            continue
        models[each.body["model"]] += 1
        numbers[each.content_hash].append(each.number)
        for file in _files_of(each):
            if file not in files:
                files[file] = file.stat().st_size
    duplicates = [found for found in numbers.values() if len(found) > 1]
    return TablePlan(models.total(), dict(models), violations, duplicates, len(files), sum(files.values()))


def estimate(
    rows: int,
    *,
    seconds_per_video: float = SECONDS_PER_VIDEO,
    price: float | None = None,
    max_running: int | None = None,
) -> Estimate:
    """Estimate the time and the cost of rows.

    Args:
        rows: Their number.
        seconds_per_video: How long one video takes.
        price: The price of one row in credits.
        max_running: How many tasks run at a time, if fewer than the service allows.
    """
    requests, seconds = create_limit()
    running = min(running_limit(), max_running or running_limit())
    running_seconds = math.ceil(rows / running) * seconds_per_video
    credits_ = None if price is None else rows * price
    return Estimate(rows, rows * seconds / requests, seconds_per_video, running, running_seconds, credits_)


def duration(seconds: float) -> str:
    """Return a duration in words, for instance `83 minutes` or `8.3 hours`."""
    units = {"second": (1, 100), "minute": (60, 120), "hour": (3600, 72), "day": (24 * 3600, math.inf)}
    unit, size = next((name, size) for name, (size, most) in units.items() if seconds < most * size)
    number = seconds / size
    text = f"{number:.2g}" if number < 10 else f"{number:,.0f}"
    return f"{text} {unit}{'s' * (text != '1')}"


def _files_of(job: Job) -> Iterator[Path]:
    yield from find_local_files(job.body, lambda *_: []).files.values()  # they were checked
