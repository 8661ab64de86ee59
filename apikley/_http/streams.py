"""What httpx2 has no public interface for: streams that keep the active deadline, and clients with new connections.

Loaded with the first client, because httpcore2 is slow to import.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import httpcore2
import httpx2

from apikley._http.deadlines import current

_POOLS = (httpcore2.ConnectionPool, httpcore2.AsyncConnectionPool)
AnyClient = httpx2.Client | httpx2.AsyncClient


def install_deadlines(client: AnyClient) -> None:
    """Make a new client's connections honour deadlines. Transports other than httpx2's are left alone."""
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore2.ConnectionPool):
            pool._network_backend = _Backend(pool._network_backend)
        elif isinstance(pool, httpcore2.AsyncConnectionPool):
            pool._network_backend = _AsyncBackend(pool._network_backend)


def has_connections(client: AnyClient, url: httpx2.URL | None = None) -> bool:
    """Whether a client, or its transport for a URL, opens connections by itself, as a mocked one does not."""
    transport = client._transport if url is None else client._transport_for_url(url)
    return isinstance(getattr(transport, "_pool", None), _POOLS)


def fresh_copy(client: AnyClient) -> AnyClient:
    """Return a copy of a user's client. It has the same settings, and a new connection for each request."""
    copied = copy.copy(client)
    copied._transport = _with_new_connections(client._transport)
    copied._mounts = {pattern: _with_new_connections(each) for pattern, each in client._mounts.items()}
    return copied


def _with_new_connections(transport: Any) -> Any:
    pool = getattr(transport, "_pool", None)
    if not isinstance(pool, _POOLS):
        return transport
    copied = copy.copy(transport)
    copied._pool = new_pool = copy.copy(pool)
    new_pool._connections, new_pool._requests = [], []
    new_pool._optional_thread_lock = type(pool._optional_thread_lock)()
    new_pool._max_keepalive_connections = 0
    return copied


def _read_timeout(timeout: float | None) -> float | None:
    """Return the timeout of the next read, or raise if the deadline has passed."""
    deadline = current()
    remaining = math.inf if deadline is None else deadline.remaining()
    if remaining <= 0:
        raise httpcore2.ReadTimeout
    return timeout if remaining == math.inf else min(remaining, math.inf if timeout is None else timeout)


def _request_written() -> None:
    deadline = current()
    if deadline is not None:
        deadline.start_section()


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _read_timeout(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)
        _request_written()

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
        return await self._inner.read(max_bytes, _read_timeout(timeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)
        _request_written()

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
