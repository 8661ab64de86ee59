"""Pages are read in every published form, and brought into one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract_tests.pipeline.contract_edits import Document, ref
from contract_tests.pipeline.pages import ACME, PAGES, published_pages
from scripts.pipeline.io import dump, read
from scripts.pipeline.issues import SpecError
from scripts.pipeline.normalize import normalize
from scripts.pipeline.page import NoDocument, extract
from scripts.pipeline.prepared import prepare

HEADER = "market/acme/1-fast.json post /api/v1/jobs/createTask"
TEXT = read(PAGES[ACME])
BLOCK = TEXT[TEXT.index("openapi: 3.0.0") : TEXT.index("To find navigation")].rstrip()
INDENTED_FENCE = "      description: |-\n        ```json\n        {}\n        ```\n      operationId"


def _unindented(text: str) -> str:
    return text.replace("servers:\n  - url", "servers:\n- url").replace("    description: API", "  description: API")


FORMS: dict[str, tuple[str, bool]] = {
    "documentation page as text": (TEXT, True),
    "with a button's word": (TEXT.replace("openapi: 3.0.0", "Copy\n\nopenapi: 3.0.0"), True),
    "Mintlify": (f"# Fast\n\n````yaml {HEADER}\n{BLOCK}\n````\n", True),
    "a header above a plain fence": (f"{HEADER}\n\n```yaml\n{BLOCK}\n```\n\nfile at: https://e.test\n", True),
    "Apidog": (f"# Fast\n\n## OpenAPI Specification\n\n```yaml\n{BLOCK}\n```\n", False),
    "unindented lists": (_unindented(BLOCK), False),
    "unindented lists in a page": (f"{HEADER}\n{_unindented(BLOCK)}\n\nTo find more: https://e.test\n", True),
    "JSON": (dump(published_pages()[ACME]), False),
    "JSON in a fence": (f"# Fast\n\n```json\n{dump(published_pages()[ACME])}```\n", False),
}


@pytest.mark.parametrize(("text", "names_itself"), FORMS.values(), ids=FORMS)
def test_every_form_contains_the_same_document(text: str, names_itself: bool) -> None:
    page = extract(text, "page")
    assert page.document == published_pages()[ACME]
    assert page.names_itself is names_itself
    assert page.path.as_posix() == "market/acme/1-fast.json"


def test_a_fence_inside_a_description_does_not_end_the_document() -> None:
    text = f"```yaml\n{BLOCK.replace('      operationId', INDENTED_FENCE, 1)}\n```\n"
    assert "```json" in extract(text, "page").document["paths"]["/api/v1/jobs/createTask"]["post"]["description"]


@pytest.mark.parametrize(
    ("where", "path", "expected"),
    [
        ("x.yaml", "market/a/b.json", "market/a/b.json"),
        ("https://e.test/docs/market/a/c.yaml?raw=1", None, "market/a/c.json"),
        ("folder/market/a/d.json", None, "market/a/d.json"),
        ("market/x.md", None, "market/x.json"),
        ("x.md", None, "market/acme/1-fast.json"),
    ],
)
def test_the_path_comes_from_the_option_the_name_or_the_model(where: str, path: str | None, expected: str) -> None:
    assert extract(BLOCK, where, path).path.as_posix() == expected


@pytest.mark.parametrize("text", ["# Webhooks\n\nX-Webhook-Signature\n", "```json\n{}\n```\n", ""])
def test_a_page_without_a_document_is_told_apart(text: str) -> None:
    with pytest.raises(NoDocument, match="no OpenAPI block found"):
        extract(text, "page")


def _apidog(value: Any) -> Any:
    """Add what Apidog adds to every object."""
    if isinstance(value, list):
        return [_apidog(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: item if key in ("enum", "example") else _apidog(item) for key, item in value.items()}
    if "properties" in value:
        found |= {"x-apidog-orders": [*value["properties"]], "x-apidog-ignore-properties": []}
    if "type" in value and "example" in found:
        found["examples"] = [found.pop("example")]
    return found


def test_what_a_documentation_tool_adds_changes_nothing() -> None:
    page = _apidog(published_pages()[ACME])
    page["security"][0]["x-apidog"] = {"schemeGroups": [{"id": "k"}]}
    page["components"]["securitySchemes"]["BearerAuth"]["type"] = "bearer"
    page["paths"]["/api/v1/jobs/createTask"]["post"] |= {"deprecated": False, "parameters": [], "x-run-in-apidog": "…"}
    assert prepare("page", page) == prepare("page", published_pages()[ACME])


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"const": 5}, {"enum": [5]}),
        ({"examples": ["a", "b"]}, {"example": "a"}),
        ({"properties": {"x-ratio": {"type": "string", "x-a": 1}}}, {"properties": {"x-ratio": {"type": "string"}}}),
        ({"enum": [{"x-a": 1}]}, {"enum": [{"x-a": 1}]}),
        ({"default": {"x-a": 1}, "deprecated": False}, {"default": {"x-a": 1}}),
        (ref("A"), {"type": "string"}),
        ({**ref("A"), "description": "Own text"}, {"type": "string", "description": "Own text"}),
    ],
)
def test_a_schema_gets_the_form_of_openapi_3_0(schema: Document, expected: Document) -> None:
    document = {"components": {"schemas": {"A": {"type": "string"}}}, "node": schema}
    assert normalize(document, "page")["node"] == expected


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ({"A": {"items": ref("A")}}, "page, /node/items: the reference #/components/schemas/A is circular"),
        ({"A": {"items": ref("B")}}, "page, /node/items: the reference #/components/schemas/B has no target"),
        ({"A": {"$ref": "https://e.test/a.json"}}, "page, /node: the reference https://e.test/a.json has no target"),
        (
            {**{name: {"allOf": [ref(chr(ord(name) + 1))] * 9} for name in "ABCDEFG"}, "H": {}},
            "page: its references expand to more than 100,000 nodes",
        ),
    ],
    ids=["circular", "missing", "foreign", "exponential"],
)
def test_a_reference_that_cannot_be_replaced_is_refused(components: Document, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        normalize({"node": ref("A"), "components": {"schemas": components}}, "page")
    assert str(caught.value).startswith(message)


def test_a_deeply_nested_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="broken JSON"):
        extract(json.dumps({"openapi": "3.0.0"})[:-1] + ', "a": ' + "[" * 100_000, "page")
