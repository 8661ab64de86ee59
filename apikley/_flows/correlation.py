"""A token in the callback URL's query, by which a callback names the create it belongs to.

When the answer to a create is lost, its task id is too. The callback then still tells which create it
was, if the service keeps the URL's query. That Apikley does is an assumption: its page says nothing.
"""

from __future__ import annotations

import secrets

PARAMETER = "apikley_token"


def new_token() -> str:
    """One that nobody can guess."""
    return secrets.token_urlsafe(24)


def with_token(url: str, token: str) -> str:
    """The URL with the token at the end of its query."""
    address, mark, fragment = url.partition("#")
    place, _, query = address.partition("?")
    joint = "&" if query else ""
    return f"{place}?{query}{joint}{PARAMETER}={token}{mark}{fragment}"
