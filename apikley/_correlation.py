"""A token in the callback URL's query, by which a callback names the create it belongs to.

When the answer to a create is lost, its task id is too. The callback then still tells which create it
was, if the service keeps the URL's query. That Apikley does is an assumption: its page says nothing.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit, urlunsplit

PARAMETER = "apikley_token"


def new_token() -> str:
    """One that nobody can guess."""
    return secrets.token_urlsafe(24)


def with_token(url: str, token: str) -> str:
    """The URL with the token at the end of its query."""
    parts = urlsplit(url)
    query = f"{parts.query}&{PARAMETER}={token}" if parts.query else f"{PARAMETER}={token}"
    return urlunsplit(parts._replace(query=query))
