"""Sends the async client's requests over aiohttp, where it is installed.

httpx's own async transport slows down with every request in flight: at 50, each costs several
milliseconds of processor time. aiohttp does not. It is used for plain requests to the API, with the
same certificates and time-outs; uploads, downloads, a client of the user's own and proxies set in the
environment stay with httpx, whose behaviour there is the documented one.
"""

from __future__ import annotations

import ssl
import urllib.request
from urllib.parse import urlencode

import aiohttp
import httpx
from yarl import URL

from apikley._flows.effects import Lost, NotSent, Send
from apikley._http.connection import Collector, Connection
from apikley._http.envelope import Answer
from apikley._http.failures import CUT, NO_HTTP, words_for

# What happens before a request's first byte is on its way.
_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_WORDS: dict[type[Exception], str] = {
    aiohttp.ConnectionTimeoutError: "no connection in time",
    aiohttp.ClientConnectorError: "no connection",
    TimeoutError: "no answer in time",
    aiohttp.ClientOSError: CUT,
}
# Whose details quote what the server sent, or give it a status of aiohttp's own.
_BARE: dict[type[Exception], str] = {
    aiohttp.ServerDisconnectedError: CUT,
    aiohttp.ClientPayloadError: "the answer broke off, or is not compressed as it says",
    aiohttp.ClientResponseError: NO_HTTP,
}
_PIECE = 64 * 1024


def wanted() -> bool:
    """Whether no proxy is set: those are httpx's to use."""
    return not {"http", "https", "all"} & urllib.request.getproxies().keys()


class AiohttpSender:
    """Sends over one pool of connections, made when the first request is sent."""

    def __init__(self, connection: Connection, limits: httpx.Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def send(self, effect: Send, collector: Collector) -> Answer:
        """Send one request; raises `NotSent` or `Lost`."""
        request = effect.request
        query = urlencode(request.get("params") or {})
        url = URL(f"{self._connection.base_url}{request['url']}{'?' if query else ''}{query}", encoded=True)
        session = self._session or self._open()
        body = {"json": request["json"]} if "json" in request else {"data": request.get("content")}
        if effect.timeout is not None:
            body["timeout"] = _timeout(self._connection.within(effect.timeout), effect.timeout)
        try:
            async with session.request(
                request["method"],
                url,
                headers=self._connection.headers(request),
                allow_redirects=False,
                **body,
            ) as response:
                collector.begin()
                async for chunk in response.content.iter_chunked(_PIECE):
                    collector.add(chunk)
            return collector.answer(effect, response.status, _Headers(response.headers))
        except tuple(_BARE) as error:
            raise Lost(next(said for kind, said in _BARE.items() if isinstance(error, kind))) from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            kind = NotSent if isinstance(error, _NEVER_SENT) else Lost
            raise kind(words_for(error, _WORDS)) from error

    async def aclose(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._limits.max_connections or 0,
                keepalive_timeout=self._limits.keepalive_expiry,
                ssl=_certificates(),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_timeout(self._connection.timeout),
        )
        return self._session


class _Headers(dict[str, str]):
    """Headers that are found in lower case, as httpx's are."""

    def __init__(self, headers: object) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})  # type: ignore[attr-defined]


def _timeout(timeout: httpx.Timeout, whole: float | None = None) -> aiohttp.ClientTimeout:
    # Requests are small here, so that the time for the answer is the time for the request, too.
    if whole is None and timeout.connect is not None and timeout.read is not None:
        whole = timeout.connect + timeout.read
    return aiohttp.ClientTimeout(total=whole, connect=timeout.connect, sock_read=timeout.read)


def _certificates() -> ssl.SSLContext:
    """The certificates that httpx would trust."""
    return httpx.create_ssl_context()
