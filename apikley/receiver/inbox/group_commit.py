"""Group commit: concurrent writes share one transaction."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future

from apikley.errors import ConfigurationError, InboxUnavailable
from apikley.receiver.inbox.rows import Operation
from apikley.receiver.inbox.store import Inbox

# More operations in one transaction gain nothing.
_MAX_GROUP = 256

_Job = tuple[tuple[Operation, ...], "Future[None]"]


class GroupCommit:
    """Writes to an inbox from one thread, in groups."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, *operations: Operation) -> Future[None]:
        """Write operations together; the future is done when all are on the disk, or raises if none is."""
        future: Future[None] = Future()
        # Under the lock, so that no job follows the None that ends the thread.
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="apikley-receiver-commit", daemon=True)
                self._thread.start()
            self._jobs.put((operations, future))
        return future

    def close(self) -> None:
        """Return when everything submitted is written."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._jobs.put(None)
                thread.join()

    def _run(self) -> None:
        job = self._jobs.get()
        while job is not None:
            group = [job]
            try:
                while len(group) < _MAX_GROUP and (job := self._jobs.get_nowait()) is not None:
                    group.append(job)
            except queue.Empty:
                pass
            self._write(group)
            job = job and self._jobs.get()

    def _write(self, group: list[_Job]) -> None:
        # A caller that cancelled has already reported that nothing was stored.
        group = [job for job in group if job[1].running() or job[1].set_running_or_notify_cancel()]
        try:
            self._inbox.write([operation for operations, _ in group for operation in operations])
        except Exception as error:  # noqa: BLE001 - each future raises it
            if len(group) == 1 or isinstance(error, InboxUnavailable | ConfigurationError):
                for _, future in group:
                    future.set_exception(error)
            else:  # one job that cannot be written must not fail the others
                for job in group:
                    self._write([job])
        else:
            for _, future in group:
                future.set_result(None)
