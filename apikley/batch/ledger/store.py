"""The ledger that owns the money: no row is paid twice, and none is lost."""

from __future__ import annotations

from apikley.batch.ledger.batch_records import BatchRecords
from apikley.batch.ledger.claims import Claims
from apikley.batch.ledger.creates import Creates
from apikley.batch.ledger.job_rows import JobRows
from apikley.batch.ledger.reports import Reports
from apikley.batch.ledger.tasks import Tasks


class Ledger(BatchRecords, JobRows, Claims, Creates, Tasks, Reports):
    """The ledger of batches. Usable from several threads, processes and, with PostgreSQL, machines.

    Every method is one transaction. It raises `LedgerUnavailable` if the database cannot be reached.

    Args:
        where: The path of a SQLite file, or the URL of a PostgreSQL database.
        create: Whether to create a missing ledger on first use.
        clock: The clock, for tests. By default PostgreSQL's, or the monotonic clock of the machine for SQLite.

    Raises:
        ConfigurationError: The location is invalid.
    """
