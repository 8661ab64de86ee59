"""One transaction for many: whoever stores at the same time shares one write to the disk."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future

from sqlalchemy.exc import OperationalError

from apikley.errors import ConfigurationError
from apikley.receiver.inbox.rows import Operation
from apikley.receiver.inbox.store import Inbox

# More than this many in one transaction gain nothing.
_LARGEST = 256

_Job = tuple[tuple[Operation, ...], "Future[None]"]


class GroupCommit:
    """Writes to an inbox from one thread, in groups.

    Args:
        inbox: Where to.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, *operations: Operation) -> Future[None]:
        """Hand in what belongs together. The future is done when all of it is on the disk, or tells why none is."""
        future: Future[None] = Future()
        # Under the lock, so that nothing is put behind the mark that ends the thread.
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="apikley-receiver-commit", daemon=True)
                self._thread.start()
            self._jobs.put((operations, future))
        return future

    def close(self) -> None:
        """Return once everything handed in is written."""
        with self._starting:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._jobs.put(None)
                thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            group, last = [job], False
            while len(group) < _LARGEST and not last:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    last = True
                else:
                    group.append(following)
            self._write(group)
            if last:
                return

    def _write(self, group: list[_Job]) -> None:
        # Whoever has given up waiting meanwhile has also said that it is not stored.
        group = [job for job in group if job[1].running() or job[1].set_running_or_notify_cancel()]
        try:
            self._inbox.write([operation for operations, _ in group for operation in operations])
        except Exception as error:  # noqa: BLE001 - it is the submitter's to handle
            if len(group) == 1 or isinstance(error, OperationalError | ConfigurationError):
                for _, future in group:
                    future.set_exception(error)
            else:  # one that cannot be written must not take the others with it
                for job in group:
                    self._write([job])
        else:
            for _, future in group:
                future.set_result(None)
