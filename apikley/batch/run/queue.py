"""Dispatches rows with PGQueuer, which gives the rows of a dead worker to another one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import psycopg
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.types import QueueEntrypoint
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from apikley.batch.run.context import logger
from apikley.batch.run.worker import Worker

# Jobs that are taken at a time, and the most that one worker holds.
_BATCH_SIZE, _MAX_JOBS = 10, 300
_CHECK_PAUSE, _RECONNECT_PAUSE = 2.0, 2.0  # seconds
_CONNECTION_LOST = (psycopg.OperationalError, psycopg.InterfaceError, OSError)


class QueueDispatcher:
    """Gives rows to workers on several machines, by a queue in their PostgreSQL database.

    Args:
        url: The URL of the database.
        heartbeat: Seconds after which another worker gets the rows of a silent one.
    """

    def __init__(self, url: str, heartbeat: float) -> None:
        self._url = url
        self._heartbeat = timedelta(seconds=heartbeat)

    async def run(self, worker: Worker) -> None:
        """Give rows to this worker until the batch is finished or stopped. A lost connection is made again."""
        async with worker.serving():
            while not await worker.is_finished():
                try:
                    await self._run(worker)
                except _CONNECTION_LOST as error:
                    logger.warning("the queue cannot be reached: %s; next try in %g s", error, _RECONNECT_PAUSE)
                    await asyncio.sleep(_RECONNECT_PAUSE)

    async def _run(self, worker: Worker) -> None:
        name = f"apikley_batch_{worker.batch_id}"
        async with await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, prepare_threshold=None
        ) as connection:
            queries = Queries.from_psycopg_connection(connection)
            async with queries.schema_lock():
                if not await queries.schema_is_installed():
                    await queries.install()
            manager = QueueManager(queries)

            @manager.entrypoint(name)
            async def work(job: Job) -> None:
                await worker.work_on(int(job.payload or b"0"))

            watch = asyncio.create_task(self._watch(worker, manager, queries, name))
            try:
                await manager.run(
                    dequeue_timeout=timedelta(seconds=_CHECK_PAUSE),
                    batch_size=_BATCH_SIZE,
                    max_concurrent_tasks=_MAX_JOBS,
                    heartbeat_timeout=self._heartbeat,
                    log_aggregation_interval=timedelta(0),
                )
            finally:
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch

    async def _watch(self, worker: Worker, manager: QueueManager, queries: Queries, name: str) -> None:
        """Put open rows into the queue when it is empty, and shut the manager down when the batch is finished."""
        try:
            while not await worker.is_finished():
                if worker.takes_rows and not await queries.queued_work([QueueEntrypoint(name)]):
                    await self._enqueue(worker, queries, name)
                await asyncio.sleep(_CHECK_PAUSE)
            if worker.leaves_early:
                await worker.leave()
            else:
                await queries.clear_queue_log(name)  # it keeps three entries for each row
        finally:
            manager.shutdown.set()

    async def _enqueue(self, worker: Worker, queries: Queries, name: str) -> None:
        """Queue the rows that no worker has claimed. A row that is queued already is not queued again."""
        last = 0
        while ids := await worker.free_ids(last):
            last = ids[-1]
            keys: list[str | None] = [f"{name}-{row_id}" for row_id in ids]
            payloads: list[bytes | None] = [b"%d" % row_id for row_id in ids]
            await queries.enqueue([name] * len(ids), payloads, [0] * len(ids), dedupe_key=keys, on_conflict="skip")
