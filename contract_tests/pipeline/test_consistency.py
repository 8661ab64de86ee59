"""Several pages have to say the same of what they share, each in its own words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, HAILUO, published_pages
from scripts.pipeline.issues import SpecError
from scripts.pipeline.merge import merge
from scripts.pipeline.page_shape import CREATE_TASK, request_schema

Document = dict[str, Any]


def _operation(page: Document) -> Document:
    found: Document = page["paths"][CREATE_TASK]["post"]
    return found


def _envelope(page: Document) -> Document:
    found: Document = page["components"]["schemas"]["ApiResponse"]
    return found


def _answer(page: Document) -> Document:
    found: Document = _operation(page)["responses"]["200"]
    return found


def _data(page: Document) -> Document:
    found: Document = _answer(page)["content"]["application/json"]["schema"]["allOf"][1]["properties"]["data"]
    return found


def _merged(change: Callable[[Document], object]) -> Document:
    """Two pages as one document, the second one changed."""
    pages = copy.deepcopy(published_pages())
    change(pages[HAILUO])
    return merge({"a": pages[ACME], "b": pages[HAILUO]}, {})


WORDS: dict[str, Callable[[Document], object]] = {
    "a server": lambda d: d["servers"][0].update(description="The API server"),
    "the code table": lambda d: _envelope(d)["properties"]["code"].update(description="The code"),
    "the answer": lambda d: _answer(d).update(description="Success"),
    "the error": lambda d: d["components"]["responses"]["Error"].update(description="An error"),
    "the key": lambda d: d["components"]["securitySchemes"]["BearerAuth"].update(description="A key"),
    "the task's id": lambda d: _data(d)["properties"]["taskId"].update(description="The id", example="task_2"),
    "the contact": lambda d: d["info"]["contact"].update(name="Support"),
    "no contact": lambda d: d["info"].pop("contact"),
    "an example": lambda d: _answer(d)["content"]["application/json"].update(example={"code": 200, "id": "task_2"}),
    "groups": lambda d: (d.update(tags=[{"name": "Hailuo"}]), _operation(d).update(tags=["Hailuo"])),
    "the corrected version of OpenAPI": lambda d: d.update(openapi="3.0.3"),
}


@pytest.mark.parametrize("change", WORDS.values(), ids=WORDS)
def test_different_texts_do_not_contradict_and_the_first_are_kept(change: Callable[[Document], object]) -> None:
    assert _merged(change) == _merged(lambda _: None)


def test_texts_of_a_later_page_are_added() -> None:
    def change(page: Document) -> None:
        _operation(page)["requestBody"]["description"] = "What to make"
        _envelope(page).update(title="Envelope", externalDocs={"url": "https://e.test/"})

    merged = _merged(change)
    assert _operation(merged)["requestBody"]["description"] == "What to make"
    assert _envelope(merged)["title"] == "Envelope"


def test_each_request_keeps_its_own_texts() -> None:
    merged = _merged(lambda d: request_schema(d)["properties"]["callBackUrl"].update(description="Where to"))
    fields = merged["components"]["schemas"]["Hailuo02ImageToVideoProRequest"]["properties"]
    assert fields["callBackUrl"]["description"] == "Where to"


NO_WORDS: dict[str, tuple[Callable[[Document], object], str]] = {
    "a field called description": (
        lambda d: _envelope(d)["properties"].update(description={"type": "string"}),
        "/components/schemas/ApiResponse/properties: ",
    ),
    "a field called title of another type": (
        lambda d: _data(d)["properties"]["title"].update(type="integer"),
        "/post/responses/200/content/application~1json/schema/allOf: ",
    ),
    "a body that may be missing": (
        lambda d: _operation(d)["requestBody"].update(required=False),
        "/post/requestBody/required: True and False",
    ),
    "a default": (lambda d: _envelope(d)["properties"]["msg"].update(default="ok"), "/properties/msg: "),
    "no key": (lambda d: d.pop("security"), "/post/security: [{'BearerAuth': []}] and []"),
}


@pytest.mark.parametrize(("change", "place"), NO_WORDS.values(), ids=NO_WORDS)
def test_what_is_no_word_has_to_agree(change: Callable[[Document], object], place: str) -> None:
    pages = copy.deepcopy(published_pages())
    for page in pages.values():
        _data(page)["properties"]["title"] = {"type": "string"}
    change(pages[HAILUO])
    with pytest.raises(SpecError) as caught:
        merge({"a": pages[ACME], "b": pages[HAILUO]}, {})
    (issue,) = caught.value.issues
    assert issue.where == "a and b"
    assert place in issue.what
    assert issue.remedy == (
        "take the pages in as they are published now, in one run: scripts/update-spec --write SOURCE SOURCE"
    )


def test_the_same_key_may_be_asked_for_at_the_operation() -> None:
    def moved(page: Document) -> None:
        _operation(page)["security"] = page.pop("security")

    assert _merged(moved) == _merged(lambda _: None)
