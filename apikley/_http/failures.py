"""What a failure of httpx2 means for a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from apikley._flows.effects import Lost, NoResponse, NotSent, SendRequest, StreamFile

_CUT = "the connection was cut"
_NOT_HTTP = "the server does not speak HTTP"
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
def exchanging(effect: SendRequest | StreamFile, server: str = "") -> Iterator[None]:
    """Map whatever goes wrong with a request: `NotSent` if no byte of it was written, otherwise `Lost`.

    Args:
        effect: The request.
        server: The API's server for messages, for instance `http://127.0.0.1:8099 (from APIKLEY_BASE_URL)`.
    """
    try:
        yield
    except Exception as error:
        # A response hook may have refused the response, and a function of the effect may have failed.
        known = (NoResponse, httpx2.HTTPStatusError)
        if isinstance(error, known) or error is effect.raised:
            raise
        # The details of a protocol error quote what the server sent, possibly the key.
        cause = None if isinstance(error, httpx2.RemoteProtocolError) else error
        raise _failure(error, effect.written, server) from cause


def _failure(error: Exception, written: bool, server: str) -> NoResponse:
    if isinstance(error, httpx2.RemoteProtocolError):
        is_cut = "closed" in str(error) or "disconnected" in str(error)
        return Lost(_CUT if is_cut else _NOT_HTTP + ("; is the base URL right?" if server else ""))
    if isinstance(error, httpx2.ConnectError):
        return NotSent(_connect_message(error, server))
    is_sent = written and not isinstance(error, _NEVER_SENT)
    failure = Lost(_message(error)) if is_sent else NotSent(_message(error))
    # An error of user code, such as a request hook or a time limit, is not repeated.
    failure.is_transient = isinstance(error, httpx2.HTTPError | OSError)
    return failure


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
