"""What a failure of httpx2 means for a request, in one line of words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx2

from apikley._flows.effects import Lost, NotSent

CUT, NO_HTTP = "the connection was cut", "what answered does not speak HTTP; is the base URL right?"
# What happens before a request's first byte is on its way, and never later. httpx2's other errors do not
# say when they came: a bad address, for instance, may be that of a redirect which was the answer.
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_WORDS: dict[type[Exception], str] = {
    httpx2.ConnectError: "no connection",
    httpx2.ConnectTimeout: "no connection in time",
    httpx2.PoolTimeout: "no connection was free in time",
    httpx2.ReadTimeout: "no answer in time",
    httpx2.WriteTimeout: "the request could not be written in time",
    httpx2.NetworkError: CUT,
    httpx2.DecodingError: "the answer is not compressed as it says",
    httpx2.InvalidURL: "the address cannot be used",
}


@contextmanager
def unsent() -> Iterator[None]:
    """While a request is being made: whatever is wrong with it, nothing has been sent."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise NotSent(words_for(error, _WORDS)) from error


@contextmanager
def addressing() -> Iterator[None]:
    """Tell of bad addresses as httpx2 does: it notices some only on the way, by errors of others."""
    try:
        yield
    except ValueError as error:
        raise httpx2.InvalidURL(str(error)) from error


@contextmanager
def unsettled() -> Iterator[None]:
    """While a request is on its way: what a failure of httpx2 means for it."""
    try:
        yield
    except httpx2.RemoteProtocolError as error:
        # Its details quote what the server sent, the key perhaps. Only that nothing more came is told apart.
        raise Lost(CUT if "closed" in str(error) or "disconnected" in str(error) else NO_HTTP) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise (NotSent if isinstance(error, _NEVER_SENT) else Lost)(words_for(error, _WORDS)) from error


def words_for(error: Exception, words: Mapping[type[Exception], str]) -> str:
    """A failure in one line of words."""
    summary = next((said for kind, said in words.items() if isinstance(error, kind)), type(error).__name__)
    detail = " ".join(str(error).split())
    return f"{summary}: {detail}" if detail and detail != summary else summary
