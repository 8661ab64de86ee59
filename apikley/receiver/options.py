"""Checks of a receiver's options, when it is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from apikley._model.fields import is_number
from apikley.errors import ConfigurationError


class Option(NamedTuple):
    """What an option has to be.

    Attributes:
        expected: In words.
        fits: Whether a value is that.
    """

    expected: str
    fits: Callable[[Any], bool]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and is_number(value)


NONE_OR_MORE = Option("0 or more", lambda value: _is_whole(value) and value >= 0)
ONE_OR_MORE = Option("1 or more", lambda value: _is_whole(value) and value >= 1)
SECONDS = Option("0 or more seconds", lambda value: is_number(value) and value >= 0)
SOME_SECONDS = Option("more than 0 seconds", lambda value: is_number(value) and value > 0)
END = Option("more than 0 seconds, with an end", lambda value: is_number(value) and 0 < value < math.inf)


def demand(option: Option, name: str, value: object) -> None:
    """Refuse an option that is something else.

    Raises:
        ConfigurationError: It is.
    """
    if not option.fits(value):
        raise ConfigurationError(f"{name} is {value!r}, expected {option.expected}")
