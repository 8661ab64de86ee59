"""Keys that hide themselves where local variables are shown, for instance by `pytest --showlocals` or Sentry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class SecretText(str):
    """A text whose repr hides it. Its value is the text itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class SecretBytes(bytes):
    """Bytes whose repr hides them. Their value is the bytes themselves."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"


def hidden(key: Any) -> Any:
    """Return a key, or several, in a form that hides itself. Anything else stays as it is."""
    if isinstance(key, str):
        return SecretText(key)
    if isinstance(key, bytes):
        return SecretBytes(key)
    if isinstance(key, Iterable) and not isinstance(key, bytearray | memoryview):
        return [hidden(each) for each in key]
    return key
