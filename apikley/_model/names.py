"""The nearest known names to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_COUNT = 3


def nearest_names(given: object, known: Iterable[str], count: int = _COUNT) -> str:
    """Return the nearest known names, quoted and separated by commas; empty if none is near."""
    lower = {name.lower(): name for name in known}
    text = str(given).lower()
    close = get_close_matches(text, lower, count) or [name for name in lower if text and text in name][:count]
    return ", ".join(repr(lower[name]) for name in close)
