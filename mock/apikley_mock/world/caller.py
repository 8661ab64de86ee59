"""Calls receivers and fetches files, only on loopback and on hosts that are allowed by name."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import aiohttp

_CONNECTIONS = 64
_MAX_ANSWER = 4096


class NotAllowedError(Exception):
    """The host is neither loopback nor allowed by name, or the URL is not an HTTP URL."""


class Answer(NamedTuple):
    """What came back: a response with the beginning of its body, or an error."""

    status: int | None
    error: str = ""
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""


class _Pool:
    """The connections of one event loop, and the number of their users."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.users = 0
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 - slow to import, and many simulators send no callback

        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ttl_dns_cache=10)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,  # a small response could be unpacked to gigabytes
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Caller:
    """HTTP requests over one pool of connections; redirects are not followed.

    Args:
        allowed_hosts: Hosts besides loopback.
    """

    def __init__(self, allowed_hosts: frozenset[str] = frozenset()) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._pool: _Pool | None = None

    async def post(self, url: str, content: bytes, headers: dict[str, str], timeout: float) -> Answer:
        """POST once.

        Returns:
            The response, or the error.

        Raises:
            NotAllowedError: Nothing was sent.
        """
        import aiohttp  # noqa: PLC0415 - slow to import, and many simulators send no callback
        from yarl import URL  # noqa: PLC0415

        self._check(url)
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with (
                self.connections() as pool,
                pool.session().post(
                    URL(url), data=content, headers=headers, timeout=limit, allow_redirects=False
                ) as response,
            ):
                body = await response.content.read(_MAX_ANSWER)
                return Answer(response.status, "", list(response.raw_headers), body)
        except TimeoutError:
            return Answer(None, f"no response within {timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, f"{type(error).__name__}: {error}")

    async def fetch(self, url: str, timeout: float, max_bytes: int) -> bytes:
        """GET a file from a host that is allowed by name.

        Loopback must be named, too: a page in a browser could have what it cannot read itself fetched and stored here.

        Raises:
            NotAllowedError: Nothing was sent.
            ValueError: The file could not be fetched, or is too large.
        """
        import aiohttp  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        self._check(url, by_name=True)
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with (
                self.connections() as pool,
                pool.session().get(URL(url), timeout=limit, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise ValueError(f"the file's server responded with HTTP {response.status}")
                content = bytearray()
                async for chunk in response.content.iter_chunked(64 * 1024):
                    content += chunk
                    if len(content) > max_bytes:
                        raise ValueError(f"the file is larger than {max_bytes:,} bytes")
                return bytes(content)
        except TimeoutError:
            raise ValueError(f"no response within {timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None

    @asynccontextmanager
    async def connections(self) -> AsyncIterator[_Pool]:
        """Keep connections open between the requests of this block.

        Unused connections are closed, so that an event loop that ends without `close`, as in a test, leaves none.
        """
        loop = asyncio.get_running_loop()
        if self._pool is None or self._pool.loop is not loop:
            self._pool = _Pool(loop)
        pool = self._pool
        pool.users += 1
        try:
            yield pool
        finally:
            pool.users -= 1
            if not pool.users:
                if self._pool is pool:
                    self._pool = None
                await pool.close()

    async def close(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None and pool.loop is asyncio.get_running_loop():
            await pool.close()

    def _check(self, url: str, *, by_name: bool = False) -> None:
        # Parse as the HTTP client does: two parsers could disagree on the host.
        from yarl import URL  # noqa: PLC0415

        try:
            parsed = URL(url)
            scheme, host = parsed.scheme, parsed.host
        except (ValueError, TypeError):
            raise NotAllowedError("not sent: malformed URL") from None
        if scheme not in ("http", "https") or not host:
            raise NotAllowedError("not sent: not an HTTP URL")
        if host in self._allowed:
            return
        if by_name:
            remedy = f"; start the simulator with --allow-callback-host {host}"
            raise NotAllowedError(f"not sent: {host} is not allowed by name{remedy}")
        if host != "localhost" and not is_loopback(host):
            remedy = f"; start the simulator with --allow-callback-host {host}"
            raise NotAllowedError(f"not sent: {host} is neither loopback nor allowed by name{remedy}")


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
