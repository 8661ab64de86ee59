"""The httpx2 clients of one library client. None is shared between processes or between event loops."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar, cast

import httpx2

from apikley._flows.effects import SendRequest, StreamFile
from apikley._http.streams import fresh_copy, has_connections, install_deadlines
from apikley._http.writes import observe
from apikley.errors import ConfigurationError

# Shorter than the idle timeouts of common servers.
KEEP_ALIVE = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
# A connection that has carried another request may be closed, or may still hold that request's response.
FRESH = httpx2.Limits(max_connections=100, max_keepalive_connections=0)
# What runs on this machine is reached directly, whatever proxy is set.
_DIRECT: dict[str, None] = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))
C = TypeVar("C", bound=httpx2.Client | httpx2.AsyncClient)


_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
NETWORK_VARIABLES = (*_PROXIES, *(name.lower() for name in _PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR")


class ClientOptions(TypedDict, total=False):
    """Arguments of an httpx2 client."""

    limits: httpx2.Limits
    verify: ssl.SSLContext
    mounts: Any
    trust_env: bool
    transport: Any


class _Made(NamedTuple, Generic[C]):
    """A client, the event loop that it belongs to, and what closes it when that loop ends."""

    client: C
    loop: Any
    ending: object


class Clients(Generic[C]):
    """Makes a client for each process or event loop, and a second one for requests that need a fresh connection.

    Args:
        kind: The class of the clients.
        timeout: The timeouts of the clients.
        given: The user's own client or transport, if there is one. It serves every request.
        is_local: Whether the API is a simulator on this machine, which needs no proxy and no certificate. Unusable
            settings of the environment are ignored then.

    Attributes:
        closed: Whether the library client was closed.

    Raises:
        ConfigurationError: The proxy or certificate settings of the environment cannot be used.
    """

    def __init__(self, kind: type[C], timeout: httpx2.Timeout, given: Any = None, *, is_local: bool = False) -> None:
        self.closed = False
        self._is_local = is_local
        self._kind = kind
        self._timeout = timeout
        self._own = given if isinstance(given, kind) else None
        self._given: C | None = self._own
        self._process = os.getpid()
        self._loop: object = None  # that a user's own async client is used in
        self._context: ssl.SSLContext | None = None
        self._made: dict[tuple[int, int, bool], _Made[C]] = {}
        if given is not None and self._own is None:
            self._given = self._make({"transport": given})
        self.get()

    def get(self, *, fresh: bool = False) -> C:
        """Return the client for a request that is sent here and now.

        Args:
            fresh: Whether the request needs a connection that has carried no other request.

        Raises:
            ConfigurationError: The client is closed, or the user's own client belongs to another process or
                event loop.
        """
        if self.closed:
            raise ConfigurationError("this client is closed; make a new one")
        loop = running_loop() if issubclass(self._kind, httpx2.AsyncClient) else None
        given = self._given
        if given is not None:
            self._check(given, loop)
            if not fresh or not has_connections(given):
                return given
        key = (os.getpid(), id(loop), fresh)
        known = self._made.get(key)
        if known is None or known.client.is_closed:
            self._forget()
            client = self._new(FRESH if fresh else KEEP_ALIVE) if given is None else cast("C", fresh_copy(given))
            known = self._made[key] = _Made(client, loop, None if given else _close_with(loop, client))
        return known.client

    def observe(self, effect: SendRequest | StreamFile, client: C, request: httpx2.Request) -> bool:
        """Notice the first byte of a request; see `apikley._http.writes`."""
        return observe(effect, client, request)

    def take(self) -> list[C]:
        """Return the clients of this process and event loop, to close them. No request can be sent any more.

        A user's own client is not one of them: its user closes it.
        """
        if self._own is not None:
            return []
        self.closed = True
        loop = running_loop()
        taken = [made.client for key, made in self._made.items() if key[0] == os.getpid() and made.loop in (None, loop)]
        self._made.clear()
        return [*taken, *([self._given] if self._given is not None else [])]

    def _new(self, limits: httpx2.Limits) -> C:
        options: ClientOptions = {"limits": limits, "mounts": _DIRECT}
        try:
            return self._make({**options, "verify": self._certificates()})
        except (ValueError, TypeError, ImportError, OSError, httpx2.InvalidURL) as error:
            if self._is_local:
                return self._make({**options, "trust_env": False})
            raise _unusable_environment(error) from error

    def _certificates(self) -> ssl.SSLContext:
        # Loading them takes longer than all else, so both clients share them.
        self._context = self._context or httpx2.create_ssl_context()
        return self._context

    def _make(self, options: ClientOptions) -> C:
        client = self._kind(timeout=self._timeout, **options)
        install_deadlines(client)
        return client

    def _check(self, client: C, loop: object) -> None:
        if client.is_closed:
            raise ConfigurationError("http_client is closed; make a new one")
        if not has_connections(client):
            return
        if os.getpid() != self._process:
            raise ConfigurationError(
                "http_client was made in another process, whose connections it would share; make the client after "
                "the fork, or leave out http_client"
            )
        if loop is not None and self._loop not in (None, loop):
            raise ConfigurationError(
                "http_client was used in another event loop, which its connections belong to; make a client in each "
                "event loop, or leave out http_client"
            )
        self._loop = loop or self._loop

    def _forget(self) -> None:
        """Drop the clients of other processes and of event loops that have ended."""
        for key, made in [*self._made.items()]:
            loop_is_closed = getattr(made.loop, "is_closed", bool)
            if key[0] != os.getpid() or made.client.is_closed or loop_is_closed():
                self._made.pop(key, None)


def _unusable_environment(error: Exception) -> ConfigurationError:
    """Return the error about proxy or certificate settings with which no client can be made."""
    found = ", ".join(name for name in NETWORK_VARIABLES if os.environ.get(name)) or "none"
    detail = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ImportError):
        detail = "a SOCKS proxy needs another package; run: pip install socksio"
    return ConfigurationError(
        f"the proxy or certificate settings of the environment cannot be used: {detail}; correct or unset "
        f"the variables (set now: {found})"
    )


def running_loop() -> object:
    """Return asyncio's running event loop or trio's token for the running one; None outside of both."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    trio: Any = sys.modules.get("trio")
    with suppress(RuntimeError):
        return trio and trio.lowlevel.current_trio_token()
    return None


def _close_with(loop: object, client: httpx2.Client | httpx2.AsyncClient) -> object:
    """Let an event loop close a client when it ends, as it closes the asynchronous generators that are left."""
    if loop is None or not isinstance(client, httpx2.AsyncClient):
        return None

    async def until_the_end() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await client.aclose()

    generator = until_the_end()
    with suppress(StopIteration):  # it has reached its yield
        generator.__anext__().__await__().send(None)
    return generator
