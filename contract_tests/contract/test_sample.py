"""A sample holds every group of cases, and all cases if they are few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract_tests.contract.sample import sampled

CASES = st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=40)


@given(CASES, st.integers(1, 50))
def test_a_sample_takes_cases_of_every_group_up_to_its_limit(cases: list[tuple[str, int]], most: int) -> None:
    sample = sampled(cases, lambda case: case[0], str(most))
    for group in "abc":
        members = [case for case in cases if case[0] == group]
        taken = [case for case in sample if case[0] == group]
        assert len(taken) == min(most, len(members))
        assert taken == members or most < len(members)


@given(CASES)
def test_all_cases_can_be_taken(cases: list[tuple[str, int]]) -> None:
    assert sorted(sampled(cases, lambda case: case[0], "all")) == sorted(cases)
