"""Calls receivers and fetches files, from nowhere but loopback and the hosts that were allowed by name."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

_CONNECTIONS = 64


class NotAllowedError(Exception):
    """The host is neither loopback nor allowed by name, or the URL is none of HTTP."""


class _Pool:
    """Connections of one event loop, opened when they are needed first, and how many need them now."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.users = 0
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 - takes its time, and most simulators call nobody

        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ttl_dns_cache=10)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Caller:
    """HTTP requests over one pool of connections; redirects are not followed.

    Args:
        allowed_hosts: Hosts beside the loopback ones.
    """

    def __init__(self, allowed_hosts: frozenset[str] = frozenset()) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._pool: _Pool | None = None

    async def post(self, url: str, content: bytes, headers: dict[str, str], timeout: float) -> tuple[int | None, str]:
        """POST once.

        Returns:
            The HTTP status answered, if any, and what went wrong, if anything.

        Raises:
            NotAllowedError: Nobody was called.
        """
        import aiohttp  # noqa: PLC0415 - takes its time, and most simulators call nobody
        from yarl import URL  # noqa: PLC0415

        self._check(url)
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with (
                self.kept() as pool,
                pool.session().post(
                    URL(url), data=content, headers=headers, timeout=limit, allow_redirects=False
                ) as answer,
            ):
                return answer.status, ""
        except TimeoutError:
            return None, f"no answer within {timeout:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return None, f"{type(error).__name__}: {error}"

    async def fetch(self, url: str, timeout: float, largest: int) -> bytes:
        """GET a file.

        Raises:
            NotAllowedError: Nobody was called.
            ValueError: It could not be fetched, or is larger than allowed; the message says which.
        """
        import aiohttp  # noqa: PLC0415
        from yarl import URL  # noqa: PLC0415

        self._check(url)
        limit = aiohttp.ClientTimeout(total=timeout)
        try:
            async with (
                self.kept() as pool,
                pool.session().get(URL(url), timeout=limit, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise ValueError(f"the file's server answered HTTP {answer.status}")
                content = bytearray()
                async for chunk in answer.content.iter_chunked(64 * 1024):
                    content += chunk
                    if len(content) > largest:
                        raise ValueError(f"the file is larger than {largest:,} bytes")
                return bytes(content)
        except TimeoutError:
            raise ValueError(f"no answer within {timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[_Pool]:
        """Keep the connections of requests that follow one another.

        They are closed when nothing is under way and nobody keeps them, rather than by somebody in the end: an event
        loop that ends without a word, as in a test, leaves none open.
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
        """Close the connections, also those that something is under way on."""
        pool, self._pool = self._pool, None
        if pool is not None and pool.loop is asyncio.get_running_loop():
            await pool.close()

    def _check(self, url: str) -> None:
        # By the parser that makes the request too: two parsers would disagree where it matters.
        from yarl import URL  # noqa: PLC0415

        try:
            parsed = URL(url)
            scheme, host = parsed.scheme, parsed.host
        except (ValueError, TypeError):
            raise NotAllowedError("not sent: this is no URL") from None
        if scheme not in ("http", "https") or not host:
            raise NotAllowedError("not sent: this is no HTTP URL")
        if not (host in ("localhost", *self._allowed) or _is_loopback(host)):
            raise NotAllowedError(f"not sent: {host} is neither loopback nor allowed by name")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
