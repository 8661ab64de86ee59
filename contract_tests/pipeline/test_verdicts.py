"""What a changed page does to the contract, and what the report says of it."""

from __future__ import annotations

from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, HAILUO, PAGES
from contract_tests.pipeline.planting import MAJOR, MINOR, PATCH, contract_of, create
from scripts.pipeline.checks import check
from scripts.pipeline.io import read
from scripts.pipeline.naming import name_members
from scripts.pipeline.page import extract
from scripts.pipeline.report.api import compare_api
from scripts.pipeline.report.changes import Change, Severity, strongest

Document = dict[str, Any]

_ROOT_SECURITY = "security:\n  - BearerAuth: []\n"
_POST = "    post:\n"
_ERROR = "        '500':\n          $ref: '#/components/responses/Error'\n"
_REFUSED = """\
        '402':
          description: Not enough credits
          content:
            application/json:
              schema:
                type: object
                required: [error]
                properties:
                  error: {type: string}
"""
_RESOLUTION = "                        - 768P\n                        - 1080P\n"


def _contract(model: str, *changes: tuple[str, str]) -> Document:
    text = read(PAGES[model])
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return contract_of({model: extract(text, "page").document})


def _reported(model: str, *changes: tuple[str, str], before: tuple[tuple[str, str], ...] = ()) -> list[Change]:
    return strongest(compare_api(_contract(model, *before), _contract(model, *changes)))


_API_KEY = ("  securitySchemes:\n", "  securitySchemes:\n    Key: {type: apiKey, in: header, name: X-Key}\n")
SECURITY: dict[str, tuple[list[tuple[str, str]], Severity | None, str]] = {
    "dropped": ([(_ROOT_SECURITY, "")], MAJOR, "security dropped: no key is asked for any more"),
    "none asked for": ([(_ROOT_SECURITY, "security: []\n")], MAJOR, "security dropped"),
    "none asked for here": ([(_POST, f"{_POST}      security: []\n")], MAJOR, "security dropped"),
    "another scheme": (
        [(_ROOT_SECURITY, "security:\n  - Key: []\n"), _API_KEY],
        MAJOR,
        "security BearerAuth → Key",
    ),
    "another scheme, too": (
        [(_ROOT_SECURITY, f"{_ROOT_SECURITY}  - Key: []\n"), _API_KEY],
        MINOR,
        "one more way in: Key",
    ),
    "said at the operation": (
        [(_ROOT_SECURITY, ""), (_POST, f"{_POST}      security:\n        - BearerAuth: []\n")],
        PATCH,
        "says the same in another way",
    ),
}


@pytest.mark.parametrize(("changes", "verdict", "words"), SECURITY.values(), ids=SECURITY)
def test_security_comes_from_the_page(changes: list[tuple[str, str]], verdict: Severity, words: str) -> None:
    reported = _reported(HAILUO, *changes)
    assert reported[0].severity is verdict
    assert words in reported[0].what


def test_a_page_without_security_is_valid() -> None:
    check(_contract(HAILUO, (_ROOT_SECURITY, "")))


def test_tags_of_a_page_are_ignored() -> None:
    tagged = _contract(
        HAILUO, (_POST, f"{_POST}      tags: [Hailuo]\n"), ("\npaths:", "\ntags: [{name: Hailuo}]\npaths:")
    )
    assert tagged == _contract(HAILUO)


def test_codes_in_another_order_change_nothing() -> None:
    (change,) = _reported(
        HAILUO,
        (
            "            - 429\n            - 455\n            - 500\n",
            "            - 500\n            - 429\n            - 455\n",
        ),
    )
    assert (change.severity, change.what) == (PATCH, "says the same in another way")


def test_a_published_error_response_is_kept() -> None:
    document = _contract(HAILUO, (_ERROR, _REFUSED + _ERROR))
    check(document)
    ours, published = create(_contract(HAILUO))["responses"], create(document)["responses"]
    assert published["402"]["content"]["application/json"]["schema"]["required"] == ["error"]
    assert "$ref" not in published["402"]
    assert {code: answer for code, answer in published.items() if code != "402"} == {
        code: answer for code, answer in ours.items() if code != "402"
    }


def test_a_new_enum_value_renames_no_other() -> None:
    types = "                        - image/png\n                        - image/webp\n"
    reported = _reported(
        ACME,
        (_RESOLUTION, f"                        - 4k\n{types}"),
        before=((_RESOLUTION, types),),
    )
    assert [(change.severity, change.what) for change in reported] == [(MINOR, 'new value "4k" in the request')]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["image/png", "image/webp"], ["IMAGE_PNG", "IMAGE_WEBP"]),
        (["image/png", "4k"], ["IMAGE_PNG", "VALUE_4K"]),
        ([None, "image/png"], ["IMAGE_PNG"]),
        ([1, 2], None),
        ([None], None),
    ],
)
def test_enum_members_are_named_after_their_values(values: list[Any], names: list[str] | None) -> None:
    schema: Document = {"enum": values}
    assert list(name_members({"properties": {"x": schema}}, "page")) == []
    assert schema.get("x-enum-varnames") == names
