"""Shows in one line where two values differ, however long they are."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

_SHOWN = 80
_BEFORE = 20


def difference(one: Any, other: Any) -> str:
    """Return both values if they are short, else the first different line or item, cut around the difference.

    Args:
        one: The first value: a text, a list or a scalar.
        other: The second value.
    """
    if max(len(repr(one)), len(repr(other))) <= _SHOWN:
        return f"{one!r} and {other!r}"
    place = ""
    if type(one) is type(other) and isinstance(one, str | list):
        kind = "line" if isinstance(one, str) else "item"
        parts = (each.splitlines() if isinstance(each, str) else each for each in (one, other))
        pairs = enumerate(zip_longest(*parts), start=1)
        differing = ((f"{kind} {number}: ", *pair) for number, pair in pairs if pair[0] != pair[1])
        place, one, other = next(differing, ("at the end: ", one, other))
    texts = ["nothing" if value is None else repr(value) for value in (one, other)]
    same = next((index for index, (left, right) in enumerate(zip(*texts, strict=False)) if left != right), 0)
    start = max(same - _BEFORE, 0)
    return place + " and ".join(_cut(text, start) for text in texts)


def _cut(text: str, start: int) -> str:
    end = start + _SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
