"""What a failure of httpx means for a request, in one line of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from apikley._effects import Lost, NotSent

CUT, NO_HTTP = "the connection was cut", "what answered does not speak HTTP; is the base URL right?"
# What happens before a request's first byte is on its way.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.ProxyError,
    httpx.InvalidURL,
)
_WORDS: dict[type[Exception], str] = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: "no connection in time",
    httpx.PoolTimeout: "no connection was free in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "the request could not be written in time",
    httpx.NetworkError: CUT,
    httpx.DecodingError: "the answer is not compressed as it says",
    httpx.InvalidURL: "the address cannot be used",
}


@contextmanager
def addressing() -> Iterator[None]:
    """Tell of bad addresses as httpx does: it notices some only on the way, by errors of others."""
    try:
        yield
    except ValueError as error:
        raise httpx.InvalidURL(str(error)) from error


def translated(error: httpx.HTTPError | httpx.InvalidURL | ValueError) -> NotSent | Lost:
    """What a failure of httpx means for a request."""
    if isinstance(error, httpx.RemoteProtocolError):
        # Its details quote what the server sent. Only that nothing more came is told apart.
        return Lost(CUT if "closed" in str(error) or "disconnected" in str(error) else NO_HTTP)
    return (NotSent if isinstance(error, _NEVER_SENT) else Lost)(words_for(error, _WORDS))


def words_for(error: Exception, words: Mapping[type[Exception], str]) -> str:
    """A failure in one line of words."""
    summary = next((said for kind, said in words.items() if isinstance(error, kind)), type(error).__name__)
    detail = " ".join(str(error).split())
    return f"{summary}: {detail}" if detail and detail != summary else summary
