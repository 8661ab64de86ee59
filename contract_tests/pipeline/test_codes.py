"""A code has the name that the overlay gives to its value, wherever in the list it is published."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import apikley_contract
from contract_tests.pipeline.pages import HAILUO, published_pages
from contract_tests.pipeline.planting import contract_of
from scripts.pipeline import codes
from scripts.pipeline.issues import SpecError

CODES = list(apikley_contract.codes().values())


def _named(published: list[Any]) -> dict[str, int]:
    """The codes by name, in the contract of the published page with another list of codes."""
    page = copy.deepcopy(published_pages()[HAILUO])
    page["components"]["schemas"]["ApiResponse"]["properties"]["code"]["enum"] = published
    table = contract_of({HAILUO: page})["components"]["schemas"]["ApiResponse"]["properties"]["code"]
    return dict(zip(table["x-enum-varnames"], table["enum"], strict=True))


@given(st.permutations(CODES))
def test_code_names_do_not_depend_on_the_order(order: list[int]) -> None:
    names = {str(code): name for name, code in apikley_contract.codes().items()}
    table = {"enum": order, "x-code-names": names}
    schemas = {"ApiResponse": {"properties": {"code": table}}}
    document: dict[str, Any] = {"paths": {}, "components": {"schemas": schemas}}
    result = codes.add_names(document, "overlay")["components"]["schemas"]["ApiResponse"]["properties"]["code"]
    assert result == {"enum": order, "x-enum-varnames": [names[str(code)] for code in order]}


def test_a_page_with_its_codes_in_another_order_gives_the_same_names() -> None:
    assert _named(CODES[::-1]) == apikley_contract.codes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda published: published.append(433),
            "the published code 433 has no name; add '433': NAME there, and to apikley/",
        ),
        (
            lambda published: published.__setitem__(published.index(404), 408),
            "NOT_FOUND names the code 404, which is no longer published; remove it there",
        ),
        (lambda published: published.__setitem__(published.index(429), "429"), "the published code '429' has no name"),
        (lambda published: published.remove(429), "RATE_LIMITED names the code 429, which is no longer published"),
    ],
)
def test_a_code_without_a_name_and_a_name_without_a_code_are_refused(
    change: Callable[[list[Any]], object], words: str
) -> None:
    published: list[Any] = list(CODES)
    change(published)
    with pytest.raises(SpecError) as caught:
        _named(published)
    assert f"openapi/overlay.yaml, x-code-names: {words}" in str(caught.value)
