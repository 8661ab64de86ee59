"""Pages are merged by meaning: what one page adds is kept, and a contradiction is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from contract_tests.pipeline.contract_edits import Document, Edit, at, create, drop, field, merge_pages, put, root
from contract_tests.pipeline.pages import ACME, HAILUO, STUDIO, published_pages
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page_shape import CREATE_TASK, request_schema
from scripts.pipeline.prepared import prepare

_POST = ("paths", CREATE_TASK, "post")
_RESPONSES = at(*_POST, "responses")
_JSON = at(*_POST, "responses", "200", "content", "application/json")
_BODY, _CODE = at(*_POST, "requestBody"), field("ApiResponse", "code")


def _data(page: Document) -> Document:
    found: Document = _JSON(page)["schema"]["allOf"][1]["properties"]["data"]["properties"]
    return found


def _callback(page: Document) -> Document:
    found: Document = request_schema(page)["properties"]["callBackUrl"]
    return found


def _merge_with(edit: Edit) -> Document:
    """Merge two pages after an edit of the second one."""
    pages = copy.deepcopy(published_pages())
    edit(pages[HAILUO])
    return merge_pages({"a": pages[ACME], "b": pages[HAILUO]})


def _move_security(page: Document) -> None:
    create(page)["security"] = page.pop("security")


def _refer_to_callback(page: Document) -> None:
    page["components"]["schemas"]["Url"] = {"type": "string"}
    _callback(page).clear()
    _callback(page).update({"$ref": "#/components/schemas/Url", "description": "Where to"})


def _inline_envelope(page: Document) -> None:
    envelope = page["components"]["schemas"].pop("ApiResponse")
    envelope["properties"]["data"] = {"type": "object", "properties": _data(page), "required": ["taskId"]}
    _JSON(page)["schema"] = {**envelope, "required": ["data"]}


def _rename_envelope(page: Document) -> None:
    page["components"]["schemas"]["ApiResponseWithRecordId"] = page["components"]["schemas"].pop("ApiResponse")
    _JSON(page)["schema"]["allOf"][0]["$ref"] = "#/components/schemas/ApiResponseWithRecordId"


HARMLESS: dict[str, Edit] = {
    "a server's text": put(at("servers", 0), description="The API server"),
    "a server's trailing slash": put(at("servers", 0), url="https://api.apikley.ru/"),
    "the code table's text": put(_CODE, description="The code"),
    "a response's text": put(at(*_POST, "responses", "200"), description="Success"),
    "a field's text": lambda d: _data(d)["taskId"].update(description="The id", example="task_2"),
    "another contact": put(at("info"), contact={"name": "Support", "email": ["a"]}),
    "an empty title": put(at("info"), title=""),
    "tags": put(create, tags=["Hailuo"]),
    "another patch version of OpenAPI": put(root, openapi="3.0.3"),
    "security of the operation": _move_security,
    "no security": drop(root, "security"),
    "extensions in security": lambda d: d["security"][0].update({"x-apidog": {"required": True}}),
    "type: bearer": put(at("components", "securitySchemes", "BearerAuth"), type="bearer"),
    "callbacks": put(create, callbacks={"done": {"{$request.body#/callBackUrl}": {"post": {"responses": {}}}}}),
    "empty and meaningless members": put(create, parameters=[], deprecated=False, **{"x-apidog-status": "released"}),
    "additionalProperties: true": lambda d: request_schema(d).update(additionalProperties=True),
    "no 500": drop(_RESPONSES, "500"),
    "a 500 with a body": lambda d: _RESPONSES(d).update({"500": {"description": "request failed", "content": {}}}),
    "no requestBody.required": drop(_BODY, "required"),
    "an envelope without a reference": _inline_envelope,
    "an envelope with another name": _rename_envelope,
    "fewer codes": put(_CODE, enum=[200, 401]),
    "the envelope's fields in data": lambda d: _data(d).update(code={"type": "string"}, msg={"type": "string"}),
}


@pytest.mark.parametrize("edit", HARMLESS.values(), ids=HARMLESS)
def test_a_difference_without_meaning_changes_nothing_that_pages_share(edit: Edit) -> None:
    merged, expected = _merge_with(edit), _merge_with(lambda _: None)
    for document in (merged, expected):
        del document["components"]["schemas"]["Hailuo02ImageToVideoProRequest"]
    assert merged == expected


def test_every_code_of_every_page_is_kept() -> None:
    merged = _merge_with(lambda d: _CODE(d)["enum"].extend([433, 1]))
    assert _CODE(merged)["enum"] == [1, 200, 401, 402, 404, 422, 429, 433, 455, 500, 501, 505]


def test_the_longest_code_table_describes_the_codes() -> None:
    longer = put(_CODE, enum=[*range(400, 430)], description="All codes")
    assert _CODE(_merge_with(longer))["description"] == "All codes"


def test_a_response_field_of_one_page_is_kept() -> None:
    merged = _merge_with(lambda d: _data(d).update(recordId={"type": "string"}))
    assert list(_data(merged)) == ["taskId", "recordId"]


@pytest.mark.parametrize("edit", [drop(_callback, "format"), _refer_to_callback], ids=["no format", "a reference"])
def test_the_callback_address_has_one_type_for_all_models(edit: Edit) -> None:
    field_ = field("Hailuo02ImageToVideoProRequest", "callBackUrl")(_merge_with(edit))
    assert (field_["type"], field_["format"]) == ("string", "uri")


def test_each_request_keeps_its_own_texts() -> None:
    merged = _merge_with(lambda d: _callback(d).update(description="Where to"))
    assert field("Hailuo02ImageToVideoProRequest", "callBackUrl")(merged)["description"] == "Where to"


def test_titles_do_not_name_classes() -> None:
    merged = _merge_with(lambda d: request_schema(d)["properties"]["input"].update(title="Input"))
    assert "title" not in merged["components"]["schemas"]["Hailuo02ImageToVideoPro"]


CONTRADICTIONS: dict[str, tuple[Edit, str]] = {
    "another server": (
        put(at("servers", 0), url="https://eu.apikley.ru"),
        'the server differs: 1 page says (c) ["https://eu.apikley.ru"], 2 pages say (a, b) ["https://api.apikley.ru"]',
    ),
    "the type of a code": (put(_CODE, type="string"), "the type of the response's code differs"),
    "the type of data": (
        lambda d: _JSON(d)["schema"]["allOf"][1]["properties"].update(data={"type": "string"}),
        'the type of the response\'s data differs: 1 page says (c) "string", 2 pages say (a, b) "object"',
    ),
    "the type of the task id": (lambda d: _data(d)["taskId"].update(type="integer"), "the response's data.taskId"),
    "the type of callBackUrl": (lambda d: _callback(d).update(type="object"), "the type of callBackUrl differs"),
    "another kind of key": (
        put(at("components", "securitySchemes"), BearerAuth={"type": "apiKey", "in": "header", "name": "X-Key"}),
        "the security scheme BearerAuth differs",
    ),
}


@pytest.mark.parametrize(("edit", "what"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_refused_with_the_pages_of_each_value(edit: Edit, what: str) -> None:
    pages = copy.deepcopy(published_pages())
    edit(pages[HAILUO])
    with pytest.raises(SpecError) as caught:
        merge_pages({"a": pages[ACME], "b": pages[STUDIO], "c": pages[HAILUO]})
    (issue,) = caught.value.issues
    assert what in issue.what
    assert issue.pages == ("c",)
    assert "x-page-repairs in openapi/overlay.yaml" in issue.remedy


def test_a_code_that_is_no_number_is_refused() -> None:
    with pytest.raises(SpecError, match="the code '429' of the code table is no number"):
        merge_pages({"a": _with(published_pages()[ACME], lambda d: _CODE(d).update(enum=[200, "429"]))})


def _with(page: Document, edit: Edit) -> Document:
    edit(page)
    return page


def _model(name: str) -> Edit:
    return lambda d: request_schema(d)["properties"]["model"].update(enum=[name], default=name)


def test_of_two_pages_of_one_model_the_one_that_fits_is_named() -> None:
    pages = published_pages()
    _model(ACME)(pages[STUDIO])
    with pytest.raises(SpecError) as caught:
        merge_pages({"studio": pages[STUDIO], "acme": pages[ACME]})
    (issue,) = caught.value.issues
    assert issue.pages == ("studio",)
    assert issue.what == (
        "describes the model 'acme/1-fast', and so does acme; operation id and example of acme fit this model, "
        "those of this page do not"
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("hailuo/02.image_to-video-pro", "the class name Hailuo02ImageToVideoPro of the model 'hailuo/02.image_to"),
        ("HAILUO/02-imagetovideo-pro", "is taken by Hailuo02ImageToVideoPro of b"),
        ("task", "the class name Task of the model 'task' is taken by Task of the library"),
        ("task/details", "is taken by TaskDetails of companion"),
    ],
)
def test_a_class_name_that_is_taken_is_refused(model: str, message: str) -> None:
    pages = published_pages()
    companion = {"components": {"schemas": {"TaskDetails": {"type": "object"}}}}
    _model(model)(pages[ACME])
    with pytest.raises(SpecError) as caught:
        merge_pages({"b": pages[HAILUO], "c": pages[ACME]}, {"companion": companion})
    assert message in str(caught.value)


def test_a_field_named_like_a_method_is_refused() -> None:
    page = published_pages()[ACME]
    request_schema(page)["properties"]["input"]["properties"]["toDict"] = {"type": "string"}
    with pytest.raises(SpecError, match="the field name 'toDict' is reserved by generated classes"):
        merge_pages({"a": page})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: request_schema(d)["properties"].pop("model"), "model: has the enum None, expected one model"),
        (_model("x"), ""),
        (lambda d: request_schema(d)["properties"]["model"].update(enum=["a", "b"]), "the enum ['a', 'b'], expected"),
        (lambda d: request_schema(d)["properties"].pop("input"), "input: must be an object with properties"),
        (lambda d: create(d).pop("requestBody"), "requestBody: is missing or not an object"),
        (lambda d: d.pop("paths"), "is not an OpenAPI document: it has no paths"),
        (lambda d: d.update(openapi="3.1.0"), "is OpenAPI '3.1.0', expected 3.0"),
        (lambda d: d["paths"].update({"/api/v1/x": {"post": create(d)}}), "/paths: POST /api/v1/x is unknown"),
        (
            lambda d: request_schema(d)["properties"]["input"]["properties"]["seed"].update(type="integr"),
            "/properties/seed/type: 'integr' is not one of ['array',",
        ),
    ],
)
def test_a_document_that_is_no_page_of_a_model_is_refused(edit: Any, message: str) -> None:
    page = published_pages()[ACME]
    edit(page)
    if not message:
        assert prepare("page", page).model == "x"
        return
    with pytest.raises(SpecError) as caught:
        prepare("page", page)
    assert str(caught.value).startswith("page")
    assert message in str(caught.value)
