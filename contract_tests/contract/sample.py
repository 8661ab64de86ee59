"""A sample of the test cases of all models, so that the tests of 100 models take minutes and not hours."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")
# How many cases of a group to test; the nightly session sets `APIKLEY_TEST_CASES=all`.
MOST = os.environ.get("APIKLEY_TEST_CASES", "10")


def sampled(cases: Iterable[T], group: Callable[[T], Hashable], most: str = MOST) -> list[T]:
    """Return a sample of test cases, always the same one.

    Args:
        cases: All cases.
        group: Returns the group of a case. Every group is in the sample.
        most: How many cases of a group to take, spread evenly over the models, or `all`.
    """
    groups = defaultdict(list)
    for case in cases:
        groups[group(case)].append(case)
    sample = []
    for members in groups.values():
        count = len(members) if most == "all" else min(int(most), len(members))
        sample += [members[number * len(members) // count] for number in range(count)]
    return sample
