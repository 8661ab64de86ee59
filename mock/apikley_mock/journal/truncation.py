"""JSON values with their long strings shortened: small enough to be kept, and still to be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

_LONGEST = 2_000
_SHOWN = 200


def excerpt(value: Any, cleaned: Callable[[str], str] = str) -> Any:
    """The same value; a string of more than 2,000 characters is its beginning, its length and its digest.

    Args:
        value: As read from JSON.
        cleaned: Applied to every string that is shortened, before that.
    """
    if isinstance(value, dict):
        return {name: excerpt(each, cleaned) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [excerpt(each, cleaned) for each in value]
    if not isinstance(value, str) or len(value) <= _LONGEST:
        return value
    text = cleaned(value)
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{text[:_SHOWN]}… [{len(text):,} characters, SHA-256 {digest}…]"


def excerpt_of(body: bytes, cleaned: Callable[[str], str] = str) -> bytes | None:
    """A JSON body, shortened in the same way; None where it is none."""
    try:
        shortened = excerpt(json.loads(body), cleaned)
        return json.dumps(shortened, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
    except (ValueError, RecursionError):
        return None
