"""Codes get the names that the overlay gives to their values, in any published order."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import apikley_contract
from contract_tests.pipeline.contract_edits import contract_of, create, field
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
    table = _CODE(codes.add_names(document, "overlay"))
    assert dict(zip(table["x-enum-varnames"], table["enum"], strict=True)) == apikley_contract.codes()


def test_a_page_with_another_order_of_codes_gives_the_same_names() -> None:
    assert _names_of(CODES[::-1]) == apikley_contract.codes()


def test_a_code_that_no_page_lists_is_in_the_table_and_marked_as_inferred() -> None:
    table = _CODE(contract_of({HAILUO: published_pages()[HAILUO]}))
    assert {400, 408, 433} <= set(table["enum"])
    assert table["x-inferred-codes"] == [400, 408, 433]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("- **466**: Sub-key Paused - The sub-key is paused", "SUB_KEY_PAUSED"),
        ("- **466**: 4 limits", "CODE_466"),
        ("- **466**: Not Found - again", "CODE_466"),
        ("", "CODE_466"),
    ],
)
def test_a_code_without_a_name_is_named_after_the_text_of_the_table(text: str, name: str) -> None:
    page = copy.deepcopy(published_pages()[HAILUO])
    _CODE(page).update(enum=[*CODES, 466], description=text)
    table = _CODE(contract_of({HAILUO: page}))
    assert dict(zip(table["enum"], table["x-enum-varnames"], strict=True))[466] == name


def test_a_code_without_a_name_has_an_error_response() -> None:
    page = copy.deepcopy(published_pages()[HAILUO])
    _CODE(page)["enum"] = [*CODES, 466]
    document = contract_of({HAILUO: page})
    assert create(document)["responses"]["466"] == {"$ref": "#/components/responses/Code466"}
    assert document["components"]["responses"]["Code466"]["description"] == "Code 466"


def test_a_name_of_two_codes_is_refused() -> None:
    names = {"200": "SUCCESS", "401": "SUCCESS"}
    schemas = {"ApiResponse": {"properties": {"code": {"enum": [200, 401], "x-code-names": names}}}}
    with pytest.raises(SpecError, match="SUCCESS names several codes, including 401"):
        codes.add_names({"paths": {}, "components": {"schemas": schemas}}, "overlay.yaml")
