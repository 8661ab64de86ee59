"""What a failure of httpx2 means for a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from apikley._flows.effects import Lost, NotSent

_CUT = "the connection was cut"
_NOT_HTTP = "the server does not speak HTTP; is the base URL right?"
# Raised before the first byte of a request is written, and never later. The other errors of httpx2 do not
# say when they were raised: an invalid URL, for instance, may be the target of a redirect.
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_MESSAGES: dict[type[Exception], str] = {
    httpx2.ConnectError: "no connection",
    httpx2.ConnectTimeout: "no connection in time",
    httpx2.PoolTimeout: "no connection was free in time",
    httpx2.ReadTimeout: "no response in time",
    httpx2.WriteTimeout: "the request could not be written in time",
    httpx2.NetworkError: _CUT,
    httpx2.DecodingError: "the response is not compressed as it says",
    httpx2.InvalidURL: "the URL cannot be used",
}


@contextmanager
def building_request() -> Iterator[None]:
    """Map a failure while a request is built: nothing was sent."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise NotSent(_message(error)) from error


@contextmanager
def invalid_urls() -> Iterator[None]:
    """Map a ValueError from URL handling to `httpx2.InvalidURL`."""
    try:
        yield
    except ValueError as error:
        raise httpx2.InvalidURL(str(error)) from error


@contextmanager
def exchanging(server: str) -> Iterator[None]:
    """Map a failure during an exchange.

    Args:
        server: The server for messages, for instance `http://127.0.0.1:8099 (from APIKLEY_BASE_URL)`.
    """
    try:
        yield
    except httpx2.RemoteProtocolError as error:
        # The details quote what the server sent, possibly the key.
        raise Lost(_CUT if "closed" in str(error) or "disconnected" in str(error) else _NOT_HTTP) from None
    except httpx2.HTTPStatusError:
        raise  # a response hook has refused the response, which is known
    except httpx2.ConnectError as error:
        raise NotSent(_connect_message(error, server)) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise (NotSent if isinstance(error, _NEVER_SENT) else Lost)(_message(error)) from error


@contextmanager
def reading() -> Iterator[None]:
    """Map every other failure of an API exchange, such as a bare `ssl.SSLError`, to `Lost`."""
    try:
        yield
    except (NotSent, Lost, httpx2.HTTPStatusError):
        raise
    except Exception as error:
        raise Lost(_message(error)) from error


def _connect_message(error: httpx2.ConnectError, server: str) -> str:
    if not server:
        return _message(error)
    check = "`apikley doctor` checks"
    if "refused" in str(error):
        return f"{server} refused the connection; is the server or the simulator running? {check}"
    return f"cannot connect to {server}: {' '.join(str(error).split())}; {check}"


def _message(error: Exception) -> str:
    summary = next((text for kind, text in _MESSAGES.items() if isinstance(error, kind)), type(error).__name__)
    detail = " ".join(str(error).split())
    return f"{summary}: {detail}" if detail and detail != summary else summary
