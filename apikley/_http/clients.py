"""The httpx2 clients of one library client. None is shared between processes or between event loops."""

from __future__ import annotations

import asyncio
import os
import ssl
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Generic, TypedDict, TypeVar

import httpx2

from apikley.errors import ConfigurationError

# Shorter than the idle timeouts of common servers.
KEEP_ALIVE = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
# A connection that has carried another request may be closed, or may still hold that request's response.
FRESH = httpx2.Limits(max_connections=100, max_keepalive_connections=0)
_OUTSIDE = id(None)  # the place of requests that are sent outside of an event loop
C = TypeVar("C", bound=httpx2.Client | httpx2.AsyncClient)


_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_NETWORK_VARIABLES = (*_PROXIES, *(name.lower() for name in _PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR")


class ClientOptions(TypedDict, total=False):
    """Arguments of an httpx2 client."""

    limits: httpx2.Limits
    verify: ssl.SSLContext
    transport: Any


class Clients(Generic[C]):
    """Makes a client for each process or event loop, and a second one for requests that need a fresh connection.

    Args:
        make: Makes a client with these options.
        given: The user's own client, or one around the user's own transport. It serves every request.
        per_loop: Whether each event loop needs a client of its own, as async clients do.

    Attributes:
        closed: Whether the library client was closed.
    """

    def __init__(self, make: Callable[[ClientOptions], C], given: C | None = None, *, per_loop: bool = False) -> None:
        self.closed = False
        self._make = make
        self._given = given
        self._per_loop = per_loop
        self._process = os.getpid()
        self._context: ssl.SSLContext | None = None
        self._made: dict[tuple[int, int, bool], tuple[Callable[[], object], C, object]] = {}

    def get(self, *, fresh: bool = False) -> C:
        """Return the client for a request that is sent here and now.

        Args:
            fresh: Whether the request needs a connection that has carried no other request.

        Raises:
            ConfigurationError: The client is closed, or the user's own client was made before a fork.
        """
        if self.closed:
            raise ConfigurationError("this client is closed; make a new one")
        if self._given is not None:
            return self._checked(self._given)
        loop = self._loop()
        key = (os.getpid(), id(loop), fresh)
        known = self._made.get(key)
        if known is None or known[0]() is not loop:
            self._forget()
            client = self._new(FRESH if fresh else KEEP_ALIVE)
            known = self._made[key] = (_reference(loop), client, _close_with(loop, client))
        return known[1]

    def take(self) -> list[C]:
        """Return the clients of this process and event loop, to close them. No request can be sent any more."""
        self.closed = True
        if self._given is not None:
            return [self._given]
        here = (os.getpid(), id(self._loop()))
        taken = [client for key, (_, client, _) in self._made.items() if key[:2] == here]
        self._made.clear()
        return taken

    def _loop(self) -> object:
        return _event_loop() if self._per_loop else None

    def _new(self, limits: httpx2.Limits) -> C:
        try:
            if self._context is None:
                # Loading the certificates takes longer than all else, so both clients share them.
                self._context = httpx2.create_ssl_context()
            return self._make({"limits": limits, "verify": self._context})
        except (ValueError, TypeError, ImportError, OSError, httpx2.InvalidURL) as error:
            found = ", ".join(name for name in _NETWORK_VARIABLES if os.environ.get(name)) or "none"
            detail = " ".join(str(error).split()) or type(error).__name__
            raise ConfigurationError(
                f"the proxy or certificate settings of the environment cannot be used: {detail}; correct or unset "
                f"the variables (set now: {found})"
            ) from error

    def _checked(self, client: C) -> C:
        if client.is_closed:
            raise ConfigurationError("http_client is closed; make a new one")
        transport = client._transport  # noqa: SLF001 - there is no public way to ask for it
        if os.getpid() != self._process and isinstance(transport, httpx2.HTTPTransport | httpx2.AsyncHTTPTransport):
            raise ConfigurationError(
                "http_client was made in another process, whose connections it would share; make the client after "
                "the fork, or leave out http_client"
            )
        return client

    def _forget(self) -> None:
        """Drop the clients of other processes and of event loops that are gone. They cannot be closed from here."""
        for key, (alive, _, _) in [*self._made.items()]:
            loop = alive()
            if key[0] != os.getpid() or (loop is None and key[1] != _OUTSIDE) or getattr(loop, "is_closed", bool)():
                self._made.pop(key, None)


def _event_loop() -> object:
    """Return the running event loop, or None outside of one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
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


def _reference(loop: Any) -> Callable[[], object]:
    """Return a weak reference, so that an event loop is not kept alive."""
    return (lambda: None) if loop is None else weakref.ref(loop)
