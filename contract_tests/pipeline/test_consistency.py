"""Pages must agree on their shared parts, but their texts may differ."""

from __future__ import annotations

import copy

import pytest

from contract_tests.pipeline.contract_edits import Document, Edit, all_of, at, create, drop, field, put, root, schema
from contract_tests.pipeline.pages import ACME, HAILUO, published_pages
from scripts.pipeline.issues import SpecError
from scripts.pipeline.merge import merge
from scripts.pipeline.page_shape import CREATE_TASK, request_schema

_POST = ("paths", CREATE_TASK, "post")
_RESPONSE, _JSON = at(*_POST, "responses", "200"), at(*_POST, "responses", "200", "content", "application/json")
_BODY, _CODE = at(*_POST, "requestBody"), field("ApiResponse", "code")


def _data(page: Document) -> Document:
    found: Document = _JSON(page)["schema"]["allOf"][1]["properties"]["data"]["properties"]
    return found


def _merge_with(edit: Edit) -> Document:
    """Merge two pages after an edit of the second one."""
    pages = copy.deepcopy(published_pages())
    edit(pages[HAILUO])
    return merge({"a": pages[ACME], "b": pages[HAILUO]}, {})


def _move_security(page: Document) -> None:
    create(page)["security"] = page.pop("security")


HARMLESS: dict[str, Edit] = {
    "a server's text": put(at("servers", 0), description="The API server"),
    "the code table's text": put(_CODE, description="The code"),
    "a response's text": put(_RESPONSE, description="Success"),
    "the error's text": put(at("components", "responses", "Error"), description="An error"),
    "the key's text": put(at("components", "securitySchemes", "BearerAuth"), description="A key"),
    "a field's text": lambda d: _data(d)["taskId"].update(description="The id", example="task_2"),
    "another contact": put(at("info", "contact"), name="Support"),
    "no contact": drop(at("info"), "contact"),
    "another example": put(_JSON, example={"code": 200, "id": "task_2"}),
    "tags": all_of(put(root, tags=[{"name": "Hailuo"}]), put(create, tags=["Hailuo"])),
    "another patch version of OpenAPI": put(root, openapi="3.0.3"),
    "security of the operation": _move_security,
}


@pytest.mark.parametrize("edit", HARMLESS.values(), ids=HARMLESS)
def test_different_texts_are_accepted_and_the_first_page_is_kept(edit: Edit) -> None:
    assert _merge_with(edit) == _merge_with(lambda _: None)


def test_values_that_only_a_later_page_has_are_added() -> None:
    merged = _merge_with(
        all_of(
            put(_BODY, description="What to make"),
            put(schema("ApiResponse"), title="Envelope", externalDocs={"url": "https://e.test/"}),
            put(at("components", "schemas"), Extra={"type": "object"}),
        )
    )
    assert _BODY(merged)["description"] == "What to make"
    assert schema("ApiResponse", "title")(merged) == "Envelope"
    assert "Extra" in merged["components"]["schemas"]


def test_each_request_keeps_its_own_texts() -> None:
    merged = _merge_with(lambda d: request_schema(d)["properties"]["callBackUrl"].update(description="Where to"))
    assert field("Hailuo02ImageToVideoProRequest", "callBackUrl")(merged)["description"] == "Where to"


CONTRADICTIONS: dict[str, tuple[Edit, str]] = {
    "a field called description": (
        put(schema("ApiResponse", "properties"), description={"type": "string"}),
        "/components/schemas/ApiResponse/properties: ",
    ),
    "a field called title": (
        lambda d: _data(d)["title"].update(type="integer"),
        "/application~1json/schema/allOf/1/properties/data/properties/title/type: 'string' and 'integer'",
    ),
    "an optional body": (put(_BODY, required=False), "/post/requestBody/required: True and False"),
    "a default": (lambda d: field("ApiResponse", "msg")(d).update(default="ok"), "/properties/msg: "),
    "no security": (drop(root, "security"), "/post/security: ['{…}'] and []"),
    "other codes": (lambda d: _CODE(d)["enum"].append(433), "/code/enum: [200, "),
    "many other codes": (put(_CODE, enum=[200, *range(1000, 1040)]), "/code/enum: only [401, "),
}


@pytest.mark.parametrize(("edit", "place"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_different_values_are_refused(edit: Edit, place: str) -> None:
    pages = copy.deepcopy(published_pages())
    for page in pages.values():
        _data(page)["title"] = {"type": "string"}
    edit(pages[HAILUO])
    with pytest.raises(SpecError) as caught:
        merge({"a": pages[ACME], "b": pages[HAILUO]}, {})
    (issue,) = caught.value.issues
    assert issue.where == "a and b"
    assert place in issue.what
    assert issue.remedy == "update all pages in one run: scripts/update-spec --write SOURCE SOURCE"
