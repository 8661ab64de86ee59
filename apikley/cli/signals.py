"""Signal handlers for a limited time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def signal_handler(number: signal.Signals, handler: Any) -> Iterator[None]:
    """Set a signal handler during the block. Does nothing in threads, because only the main thread can set one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
