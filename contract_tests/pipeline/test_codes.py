"""Codes get the names that the overlay gives to their values, in any published order."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import apikley_contract
from contract_tests.pipeline.contract_edits import contract_of, field
from contract_tests.pipeline.pages import HAILUO, published_pages
from scripts.pipeline import codes
from scripts.pipeline.issues import SpecError

CODES = list(apikley_contract.codes().values())
_CODE = field("ApiResponse", "code")


def _names_of(published: list[Any]) -> dict[str, int]:
    """Return the codes by name, in the contract of the page with these published codes."""
    page = copy.deepcopy(published_pages()[HAILUO])
    _CODE(page)["enum"] = published
    table = _CODE(contract_of({HAILUO: page}))
    return dict(zip(table["x-enum-varnames"], table["enum"], strict=True))


@given(st.permutations(CODES))
def test_code_names_do_not_depend_on_the_order(order: list[int]) -> None:
    names = {str(code): name for name, code in apikley_contract.codes().items()}
    schemas = {"ApiResponse": {"properties": {"code": {"enum": order, "x-code-names": names}}}}
    document: dict[str, Any] = {"paths": {}, "components": {"schemas": schemas}}
    expected = {"enum": order, "x-enum-varnames": [names[str(code)] for code in order]}
    assert _CODE(codes.add_names(document, "overlay")) == expected


def test_a_page_with_another_order_of_codes_gives_the_same_names() -> None:
    assert _names_of(CODES[::-1]) == apikley_contract.codes()


@pytest.mark.parametrize(
    ("change", "message"),
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
    ],
)
def test_a_code_without_a_name_and_a_name_without_a_code_are_refused(
    change: Callable[[list[Any]], object], message: str
) -> None:
    published: list[Any] = list(CODES)
    change(published)
    with pytest.raises(SpecError) as caught:
        _names_of(published)
    assert f"openapi/overlay.yaml, x-code-names: {message}" in str(caught.value)
