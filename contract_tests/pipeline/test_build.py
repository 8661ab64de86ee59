"""The contract is built from published documents, companion documents and the overlay."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import apikley_contract
from contract_tests.pipeline.contract_edits import merge_pages
from scripts.pipeline import codes, contract, evidence, node, overlay
from scripts.pipeline.checks import check
from scripts.pipeline.io import GENERATED, OPENAPI, ROOT, dump, read_document
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page import extract
from scripts.pipeline.page_shape import CREATE_TASK

CONTRACT = json.loads((GENERATED / "apikley_contract" / "openapi.json").read_text(encoding="utf-8"))


@pytest.fixture
def document(page: str) -> dict[str, Any]:
    return extract(page, "page").document


@pytest.fixture
def other(document: dict[str, Any]) -> dict[str, Any]:
    """A page of another model with the same shared parts."""
    other: dict[str, Any] = copy.deepcopy(document)
    operation = other["paths"][CREATE_TASK]["post"]
    operation["summary"] = "Generate videos from text using acme/1-fast"
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["model"] |= {"enum": ["acme/1-fast"], "default": "acme/1-fast"}
    schema["properties"]["input"] = {
        "type": "object",
        "required": ["prompt"],
        "properties": {"prompt": {"type": "string", "maxLength": 300}, "seconds": {"type": "string", "enum": ["5"]}},
    }
    return other


def test_every_model_becomes_an_alternative_of_one_operation(document: dict[str, Any], other: dict[str, Any]) -> None:
    merged = merge_pages({"a": document, "b": other})
    schemas = merged["components"]["schemas"]
    assert list(merged["paths"]) == [CREATE_TASK]
    assert schemas["CreateTaskRequest"]["discriminator"]["mapping"] == {
        "hailuo/02-image-to-video-pro": "#/components/schemas/Hailuo02ImageToVideoProRequest",
        "acme/1-fast": "#/components/schemas/Acme1FastRequest",
    }
    assert schemas["Acme1Fast"]["properties"]["prompt"]["maxLength"] == 300
    assert schemas["Hailuo02ImageToVideoPro"]["properties"]["prompt"]["maxLength"] == 1500


def test_a_companion_that_repeats_a_component_is_refused(document: dict[str, Any]) -> None:
    companion = {"components": {"schemas": {"ApiResponse": {"type": "object"}}}}
    with pytest.raises(SpecError, match="c: /components/schemas/ApiResponse is already defined"):
        merge_pages({"a": document}, {"c": companion})


def test_an_overlay_target_that_matches_nothing_is_refused() -> None:
    actions = {"actions": [{"target": "$.info.contact.phone", "remove": True}]}
    with pytest.raises(SpecError) as caught:
        overlay.apply({"info": {"contact": {}}}, actions, "overlay.yaml")
    assert "overlay.yaml, action 1: the target $.info.contact.phone matches nothing" in str(caught.value)


def test_an_invalid_overlay_target_is_refused() -> None:
    with pytest.raises(SpecError, match="the target 'info' is not a JSONPath"):
        overlay.apply({}, {"actions": [{"target": "info", "remove": True}]}, "overlay.yaml")


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"target": "$.a", "remove": True}, {"b": [1, 2, 3]}),
        ({"target": "$.b[?@ > 1]", "remove": True}, {"a": {"x": 1}, "b": [1]}),
        ({"target": "$.b", "update": 4}, {"a": {"x": 1}, "b": [1, 2, 3, 4]}),
        ({"target": "$", "update": {"a": {"y": 2}, "b": [4]}}, {"a": {"x": 1, "y": 2}, "b": [1, 2, 3, 4]}),
        ({"target": "$.a", "update": {"x": [1]}}, {"a": {"x": [1]}, "b": [1, 2, 3]}),
    ],
)
def test_overlay_actions_follow_the_standard(action: dict[str, Any], expected: dict[str, Any]) -> None:
    assert overlay.apply({"a": {"x": 1}, "b": [1, 2, 3]}, {"actions": [action]}, "overlay.yaml") == expected


def test_redocly_applies_the_overlay_in_the_same_way(tmp_path: Path) -> None:
    node.install()
    (tmp_path / "merged.json").write_text(dump(contract.merge_folder()), encoding="utf-8")
    command = node.tool("redocly", "bundle", str(tmp_path / "merged.json"), "--overlay", str(OPENAPI / "overlay.yaml"))
    command += ["--ext", "json", "-o", str(tmp_path / "bundled.json"), "--config", str(OPENAPI / "redocly.yaml")]
    subprocess.run(command, cwd=ROOT, env=node.environment(), check=True, capture_output=True)
    named = codes.add_names(read_document(tmp_path / "bundled.json"), "overlay.yaml")
    assert evidence.add_grades(named) == CONTRACT


def test_the_committed_contract_is_up_to_date() -> None:
    assert contract.build() == CONTRACT


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda doc: doc["info"].pop("title"),
            'built contract, /info: openapi-spec-validator: "title" is a required property',
        ),
        (
            lambda doc: doc["paths"][CREATE_TASK]["post"].update(security=[{"Nothing": []}]),
            "redocly security-defined",
        ),
    ],
)
def test_an_invalid_document_is_refused_with_the_place(edit: Any, message: str) -> None:
    broken = copy.deepcopy(CONTRACT)
    edit(broken)
    with pytest.raises(SpecError) as caught:
        check(broken)
    assert message in str(caught.value)


def test_every_statement_has_a_grade() -> None:
    schemas = CONTRACT["components"]["schemas"]
    published = {"ApiResponse", "CreateTaskRequest", "TaskState", "UploadPath", "DownloadUrlRequest"}
    published |= {name for model in apikley_contract.models().values() for name in (model.request, model.input)}
    published |= {"FileStreamUpload", "FileBase64Upload", "FileUrlUpload"}
    assert {name for name, schema in schemas.items() if schema["x-evidence"] == "A"} == published
    assert {schema["x-evidence"] for schema in schemas.values()} == {"A", "K", "U"}
    rows = evidence.table(CONTRACT)
    assert "| K | schema `TaskDetails` | `#/components/schemas/TaskDetails` |" in rows
    assert "| A | operation `createTask` |" in rows
    assert "`Hailuo02ImageToVideoPro` `image_url` `pattern`" in rows


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "nullable": True, "example": "x"}, {"type": ["string", "null"]}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"allOf": [{"$ref": "#/x"}], "nullable": True}, {"anyOf": [{"allOf": [{"$ref": "#/x"}]}, {"type": "null"}]}),
        (
            {"type": "object", "properties": {"example": {"type": "integer", "x-evidence": "K"}}},
            {"type": "object", "properties": {"example": {"type": "integer"}}},
        ),
    ],
)
def test_schemas_become_draft_4(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert apikley_contract.draft4(schema) == expected
