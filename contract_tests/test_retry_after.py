"""Retry-After is read in both of its forms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikley._retry import pause, retry_after

NOW = datetime(2025, 12, 8, 9, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Mon, 08 Dec 2025 09:00:12 GMT", 12.0),
        ("Mon, 08 Dec 2025 08:00:00 GMT", 0.0),
        ("Mon, 08 Dec 2025 09:00:12", 12.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Mon, 99 Dec 2025 09:00:12 GMT", None),
    ],
)
def test_a_header_is_read_as_seconds_from_now(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.integers(0, 50), st.dictionaries(st.just("retry-after"), st.text()))
def test_no_pause_is_longer_than_half_a_minute(attempt: int, headers: dict[str, str]) -> None:
    assert 0 <= pause(attempt, headers, NOW) <= 30


def test_pauses_grow() -> None:
    assert pause(0, {}, NOW) <= 0.5 < pause(2, {}, NOW) <= 2.0 < pause(4, {}, NOW)
