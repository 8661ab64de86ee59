"""Publishers' slips are repaired and reported; they do not stop the build."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.pipeline.contract_edits import Document
from contract_tests.pipeline.pages import ACME, published_pages
from scripts.pipeline.envelope import request_example
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page_shape import request_content, request_schema
from scripts.pipeline.prepared import Prepared, prepare, repaired

EXAMPLE: dict[str, Any] = {"model": ACME, "input": {"prompt": "A lighthouse"}}


def _page(fields: dict[str, Any] | None = None, **content: Any) -> Document:
    """Return a page with other fields or another example."""
    page = published_pages()[ACME]
    request_schema(page)["properties"]["input"]["properties"].update(fields or {})
    request_content(page).update(content)
    return page


def _fields(prepared: Prepared) -> Document:
    found: Document = request_schema(prepared.document)["properties"]["input"]["properties"]
    return found


@pytest.mark.parametrize(
    ("example", "slip"),
    [
        (
            {"model": ACME, "input": {"prompt": "xx"}},
            'page, example.input.prompt: "xx" breaks minLength of the',
        ),
        ({"model": ACME, "input": {"prompt": 5}}, "page, example.input.prompt: 5 breaks type of the page's own schema"),
        ({**EXAMPLE, "input": {"prompt": "A ship", "duration": "7"}}, 'input.duration: "7" breaks enum of the page\'s'),
        ({"model": ACME, "input": {}}, 'page, example.input: "prompt" is a required property'),
        ({"model": ACME, "input": {"prompt": "A ship", "sound": 1}}, "input.sound: is a field that the page does not"),
        (
            {"model": "acme/2", "input": {"prompt": "A ship"}},
            'page, example.model: "acme/2" breaks enum',
        ),
        ("curl …", 'page, example: is "curl …", expected an object'),
    ],
)
def test_an_example_that_breaks_its_own_schema_is_left_out(example: Any, slip: str) -> None:
    prepared = prepare("page", _page(example=example))
    assert request_example(prepared.document) is None
    assert len(prepared.slips) == 1
    assert slip in str(prepared.slips[0])
    assert str(prepared.slips[0]).endswith("; the example is left out")


def test_the_first_valid_example_is_kept() -> None:
    examples = {"broken": {"value": {"model": ACME}}, "good": {"value": EXAMPLE}}
    content = request_content(page := published_pages()[ACME])
    del content["example"]
    content["examples"] = examples
    request_schema(page)["required"] = ["model", "input"]
    assert request_example(prepare("page", page).document) == EXAMPLE


def test_a_long_value_and_many_violations_are_shortened() -> None:
    broken = {"model": "x" * 500, **{f"f{number}": 1 for number in range(9)}}
    slips = [str(slip) for slip in prepare("page", _page(example=broken)).slips]
    assert len(slips) == 4
    assert slips[3].endswith("breaks 7 more rules")
    assert max(map(len, slips)) < 200


FIELDS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"type": "string", "enum": ["a"], "default": "b"},
        {"type": "string", "enum": ["a"]},
        'the default "b" breaks',
    ),
    ({"type": "number", "default": "5"}, {"type": "number", "default": 5}, 'the default "5" is not of the published'),
    ({"type": "integer", "default": "x"}, {"type": "integer"}, 'the default "x" breaks its own schema; left out'),
    ({"type": "number", "default": "nan"}, {"type": "number"}, 'the default "nan" breaks its own schema'),
    (
        {"type": "string", "enum": [5, 10]},
        {"type": "string", "enum": ["5", "10"]},
        "the value 5 is not of the",
    ),
    (
        {"type": "integer", "enum": ["5"]},
        {"type": "integer", "enum": [5]},
        'the value "5" is not of the',
    ),
    ({"type": "string", "enum": ["a", "a"]}, {"type": "string", "enum": ["a"]}, ""),
    ({"type": "string", "pattern": "["}, {"type": "string"}, 'the pattern "[" is not a regular expression; left out'),
    ({"type": "string", "minLength": 9, "maxLength": 3}, {"type": "string", "maxLength": 3}, "minLength 9 is above"),
    ({"type": "array"}, {"type": "array", "items": {}}, ""),
    ({"type": "string", "example": 5}, {"type": "string"}, ""),
    ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a", None], "nullable": True}, ""),
    (
        {"type": "object", "required": ["x"], "properties": {"y": {}}},
        {"type": "object", "properties": {"y": {}}},
        "is re",
    ),
]


@pytest.mark.parametrize(("published", "used", "slip"), FIELDS, ids=[json.dumps(field) for field, _, _ in FIELDS])
def test_a_field_is_repaired(published: dict[str, Any], used: dict[str, Any], slip: str) -> None:
    prepared = prepare("page", _page({"odd": published}))
    assert _fields(prepared)["odd"] == used
    slips = [str(each) for each in prepared.slips]
    assert bool(slips) == bool(slip)
    assert all(each.startswith("page, input.odd") for each in slips)
    assert any(slip in each for each in slips) or not slip


def test_a_name_with_white_space_is_kept_and_the_example_may_use_the_trimmed_one() -> None:
    example = {"model": ACME, "input": {"prompt": "A ship", "look": "x"}}
    page = _page({"look ": {"type": "string"}}, example=example)
    request_schema(page)["properties"]["input"]["required"] = ["prompt", "look"]
    prepared = prepare("page", page)
    assert request_schema(prepared.document)["properties"]["input"]["required"] == ["prompt", "look "]
    assert request_example(prepared.document)["input"] == {"prompt": "A ship", "look ": "x"}
    assert [slip.what for slip in prepared.slips] == ["the published name 'look ' has white space; 'look' is accepted"]


def test_a_slip_inside_nested_fields_names_the_place() -> None:
    item = {"type": "object", "properties": {"seconds": {"type": "integer", "minimum": 1, "default": 0}}}
    (slip,) = prepare("page", _page({"shots": {"type": "array", "items": item}})).slips
    assert str(slip) == "page, input.shots[].seconds: the default 0 breaks its own schema; left out"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_example_is_kept_or_reported(example: Any) -> None:
    prepared = prepare("page", _page(example=example))
    assert (request_example(prepared.document) is None) == bool(prepared.slips)


def test_a_page_without_slips_is_not_changed() -> None:
    prepared = prepare("page", _page())
    assert prepared.slips == []
    assert _fields(prepared) == request_schema(_page())["properties"]["input"]["properties"]


@pytest.mark.parametrize("name", ["market/acme/1-fast.json", "acme.md"])
def test_a_repair_applies_to_one_page_by_its_path_or_its_source(name: str) -> None:
    repairs = {
        "x-page-repairs": {
            name: [
                {"target": "$..properties.model.enum", "remove": True},
                {"target": "$..properties.model", "update": {"enum": ["acme/2"]}},
            ]
        }
    }
    page = repaired(_page(example=None), repairs, "market/acme/1-fast.json", "acme.md")
    assert prepare("page", page).model == "acme/2"
    assert repaired(_page(), repairs, "market/acme/3.json", "other.md") == _page()


def test_a_repair_that_matches_nothing_is_refused_with_the_page() -> None:
    repairs = {"x-page-repairs": {"acme.md": [{"target": "$.nothing", "remove": True}]}}
    with pytest.raises(SpecError, match=r"x-page-repairs, acme\.md, action 1: the target \$\.nothing"):
        repaired(_page(), repairs, "acme.md")
