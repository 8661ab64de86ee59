"""Chooses which worker works on which row: the ledger on one machine, a PostgreSQL queue on several."""

from __future__ import annotations

from typing import Protocol

from apikley.batch.ledger.store import Ledger
from apikley.batch.run.worker import LEASE, Worker
from apikley.errors import ConfigurationError

HEARTBEAT = LEASE  # seconds
_INSTALL = "pip install 'apikley[batch-postgresql]'"


class Dispatcher(Protocol):
    """Gives the rows of a batch to workers."""

    async def run(self, worker: Worker) -> None:
        """Give rows to this worker until the batch is finished or stopped."""


class LocalDispatcher:
    """Gives each worker the next free rows of the ledger. Works on any database."""

    async def run(self, worker: Worker) -> None:
        """Give rows to this worker until the batch is finished or stopped."""
        await worker.run()


def dispatcher_of(ledger: Ledger) -> Dispatcher:
    """Return the dispatcher for the ledger's database.

    Raises:
        ConfigurationError: The packages for PostgreSQL are not installed.
    """
    url = ledger.postgresql_url
    if url is None:
        return LocalDispatcher()
    try:
        from apikley.batch.run.queue import QueueDispatcher  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"workers on PostgreSQL need {error.name}; run: {_INSTALL}") from None
    return QueueDispatcher(url, HEARTBEAT)
