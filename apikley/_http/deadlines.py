"""Until when an answer may come.

httpx2 bounds each read of an answer alone: a server that sends a byte now and then would keep its
caller for hours. So the reads of one answer share a deadline, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any

import httpcore2
import httpx2

_CURRENT: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """The time that one request has, in real seconds: connections know no other.

    Args:
        whole: For request and answer together, from now on; None: without end.
        part: For the answer's head, once the request is written, and for its body, once the head has come.
    """

    def __init__(self, whole: float | None, part: float | None) -> None:
        self._whole = monotonic() + (math.inf if whole is None else whole)
        self._part = math.inf if part is None else part
        self._until = self._whole

    def restart(self) -> None:
        """Say that the next part begins."""
        self._until = min(self._whole, monotonic() + self._part)

    def only_whole(self) -> None:
        """Say that what comes is large, and may take all of the time."""
        self._until = self._whole

    def left(self) -> float:
        """Seconds until then; none or fewer: it is over."""
        return self._until - monotonic()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep it in every read from a connection that was made `punctual`."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


def punctual(client: httpx2.Client | httpx2.AsyncClient) -> None:
    """Have the connections of a client, which has sent nothing yet, keep deadlines.

    httpx2 has no public place for this; transports of the user's that are not httpx2's stay as they are.
    """
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore2.ConnectionPool):
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001
        elif isinstance(pool, httpcore2.AsyncConnectionPool):
            pool._network_backend = _AsyncBackend(pool._network_backend)  # noqa: SLF001


def _within(timeout: float | None) -> float | None:
    """What is left for a read that may take so long."""
    deadline = _CURRENT.get()
    left = math.inf if deadline is None else deadline.left()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return timeout if left == math.inf else min(left, math.inf if timeout is None else timeout)


def _written() -> None:
    deadline = _CURRENT.get()
    if deadline is not None:
        deadline.restart()


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)
        _written()

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **options: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_tcp(*args, **options))

    def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(*args, **options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _AsyncStream(httpcore2.AsyncNetworkStream):
    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, _within(timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)
        _written()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(self, *args: Any, **options: Any) -> httpcore2.AsyncNetworkStream:
        return _AsyncStream(await self._inner.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _AsyncBackend(httpcore2.AsyncNetworkBackend):
    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore2.AsyncNetworkStream:
        return _AsyncStream(await self._inner.connect_tcp(*args, **options))

    async def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore2.AsyncNetworkStream:
        return _AsyncStream(await self._inner.connect_unix_socket(*args, **options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
