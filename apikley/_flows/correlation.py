"""A token in the query of the callback URL, by which a callback names its create.

If the response to a create is lost, so is the task id. The callback still carries the token, if the service
keeps the query of the URL. That Apikley does so is an assumption.
"""

from __future__ import annotations

import re

PARAMETER = "apikley_token"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")


def is_token(value: object) -> bool:
    """Whether the value is a token that receivers accept: 16 to 128 letters, digits, `_` or `-`."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def with_token(url: str, token: str) -> str:
    """Return the URL with the token at the end of its query."""
    address, mark, fragment = url.partition("#")
    place, _, query = address.partition("?")
    joint = "&" if query else ""
    return f"{place}?{query}{joint}{PARAMETER}={token}{mark}{fragment}"
