"""Names and titles of models and fields."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import apikley_contract

_COUNT = 3


def nearest_names(given: object, known: Iterable[str], count: int = _COUNT) -> str:
    """Return the nearest known names, quoted and separated by commas; empty if none is near."""
    lower = {name.lower(): name for name in known}
    text = str(given).lower()
    close = get_close_matches(text, lower, count) or [name for name in lower if text and text in name][:count]
    return ", ".join(repr(lower[name]) for name in close)


def title_of(model: apikley_contract.Model) -> str:
    """Return the title of a model: the first line of its request's description."""
    schema = apikley_contract.openapi()["components"]["schemas"][model.request]
    return str(schema.get("description", "")).partition("\n")[0]
