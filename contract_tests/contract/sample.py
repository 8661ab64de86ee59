"""A sample of the test cases of all models, so that the tests of 100 models take minutes and not hours."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")
# `APIKLEY_TEST_CASES=all` runs every case, as the nightly session does.
EVERY_CASE = os.environ.get("APIKLEY_TEST_CASES") == "all"


def sampled(cases: Iterable[T], group: Callable[[T], Hashable], most: int, *, every: bool = EVERY_CASE) -> list[T]:
    """Return a sample of test cases, always the same one.

    Args:
        cases: All cases.
        group: Returns the group of a case. Every group is in the sample.
        most: How many cases of a group to take, spread evenly over the models.
        every: Whether to return all cases.
    """
    groups = defaultdict(list)
    for case in cases:
        groups[group(case)].append(case)
    if every:
        return [case for members in groups.values() for case in members]
    return [
        members[count * len(members) // min(most, len(members))]
        for members in groups.values()
        for count in range(min(most, len(members)))
    ]
