"""Retry-After in both of its forms, and the pauses without it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikley._flows.clock import Clock
from apikley._flows.responses import retry_after
from apikley._flows.retry import Retry
from apikley.errors import RateLimited

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
def test_retry_after_is_parsed_as_seconds_from_now(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.none() | st.floats(0, 1e9), st.integers(0, 12))
def test_no_pause_exceeds_30_seconds(requested: float | None, resends: int) -> None:
    retry = Retry(resends, Clock())
    for _ in range(resends):
        assert 0 <= retry.pause(RateLimited(429, "", retry_after=requested)).seconds <= 30


def test_pauses_double() -> None:
    retry = Retry(5, Clock())
    first, _, third, _, fifth = (retry.pause(RateLimited(429, "")).seconds for _ in range(5))
    assert first <= 0.5 < third <= 2.0 < fifth


def test_retry_after_0_still_pauses() -> None:
    retry = Retry(5, Clock())
    pauses = [retry.pause(RateLimited(429, "", retry_after=0.0)).seconds for _ in range(5)]
    assert 0.25 <= pauses[0] <= 0.5 < pauses[2] <= 2.0 < pauses[4]


def test_max_retries_has_no_upper_limit() -> None:
    class Still(Clock):
        def monotonic(self) -> float:
            return 0.0

    retry = Retry(3_000, Still())
    assert 15 <= [retry.pause(RateLimited(429, "")).seconds for _ in range(3_000)][-1] <= 30


def test_the_failure_is_raised_after_the_last_retry() -> None:
    with pytest.raises(RateLimited, match="slow down"):
        Retry(0, Clock()).pause(RateLimited(429, "slow down"))


def test_no_retry_starts_after_the_retry_time() -> None:
    class Later(Clock):
        now_ = 0.0

        def monotonic(self) -> float:
            return self.now_

    clock = Later()
    retry = Retry(100, clock)
    retry.pause(RateLimited(429, "", retry_after=30.0))
    clock.now_ = 91.0
    with pytest.raises(RateLimited):
        retry.pause(RateLimited(429, "", retry_after=30.0))
