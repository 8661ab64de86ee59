"""The generated client against the contract: what it writes is valid, and what is valid it reads."""

from __future__ import annotations

import copy
import importlib
import json
import re
import sys
from collections.abc import Iterator
from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apikley_client.models
import apikley_contract
from contract_tests.contract import draws as values
from contract_tests.contract.report import Subject
from scripts.pipeline import client as generator

CLIENT = Subject("generated client")
SCHEMAS = [
    name
    for name in apikley_contract.schemas()["components"]["schemas"]
    if hasattr(getattr(apikley_client.models, name, None), "from_dict")
    # A file in a form is no JSON; test_generated_client.py sends one.
    and name != "FileStreamUpload"
]
BODIES = {
    description["operationId"]: content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    for item in apikley_contract.openapi()["paths"].values()
    for description in item.values()
    if isinstance(description, dict)
    and "application/json" in (content := description.get("requestBody", {}).get("content", {}))
}
seeds = st.integers(0, 2**32 - 1)


def _drawn(schema: str, seed: int) -> Any:
    return values.value(values.named(schema), Random(seed))  # noqa: S311 - repeatable on purpose


def _validator(schema: str) -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator({"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()})


def _endpoint(operation_id: str) -> Any:
    tag = apikley_contract.operation(operation_id).description["tags"][0]
    # By the generator's rule: uploadFileBase64 becomes upload_file_base_64.
    words = re.findall(r"[A-Z]?[a-z]+|\d+", operation_id)
    return importlib.import_module(f"apikley_client.api.{tag}.{'_'.join(words).lower()}")


@pytest.mark.parametrize("schema", SCHEMAS)
def test_what_is_valid_is_read_and_written_back_the_same(schema: str) -> None:
    cls, validator, rule = getattr(apikley_client.models, schema), _validator(schema), f"read and write {schema}"

    @settings(max_examples=160)
    @given(seeds)
    def held(seed: int) -> None:
        drawn = _drawn(schema, seed)
        CLIENT.case(rule, "apikley_client", "jsonschema")
        written = json.loads(json.dumps(cls.from_dict(copy.deepcopy(drawn)).to_dict()))
        good = written == drawn and validator.is_valid(written)
        message = f"{json.dumps(drawn)[:900]} comes back as {json.dumps(written)[:900]}"
        CLIENT.demand(good, rule, "apikley_client", message)

    held()


@pytest.mark.parametrize("operation_id", BODIES)
def test_what_an_operation_sends_is_what_the_contract_says(operation_id: str) -> None:
    operation, endpoint = apikley_contract.operation(operation_id), _endpoint(operation_id)
    rule = f"send {operation_id}"
    schemas = [BODIES[operation_id]]
    if schemas == ["CreateTaskRequest"]:
        schemas = [model.request for model in apikley_contract.models().values()]

    @settings(max_examples=160)
    @given(seeds)
    def held(seed: int) -> None:
        schema = schemas[seed % len(schemas)]
        drawn = _drawn(schema, seed)
        CLIENT.case(rule, "apikley_client", "jsonschema")
        sent = endpoint._get_kwargs(body=getattr(apikley_client.models, schema).from_dict(copy.deepcopy(drawn)))
        where = (sent["method"].upper(), sent["url"], sent["headers"]["Content-Type"])
        good = where == (operation.method, operation.path, "application/json") and sent["json"] == drawn
        message = f"sends {sent} for {drawn}"[:2000]
        CLIENT.demand(good, rule, "apikley_client", message)

    held()


def test_every_schema_that_is_an_object_has_a_class() -> None:
    objects = {
        name for name in apikley_contract.schemas()["components"]["schemas"] if "properties" in values.named(name)
    }
    assert objects - set(SCHEMAS) == {"FileStreamUpload"}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Ring", "version": "1"},
    "paths": {
        "/things": {
            "post": {
                "operationId": "makeThing",
                "tags": ["things"],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
                "responses": {"200": {"description": "made"}},
            }
        }
    },
}


# A property of each kind, and a value of it; names that Python keeps for itself among them.
KINDS: dict[str, tuple[dict[str, Any], Any]] = {
    "class": ({"type": "string"}, "x"),
    "kind": ({"type": "string", "enum": ["a", "b-c"]}, "b-c"),
    "note": ({"type": "string", "nullable": True}, None),
    "count": ({"type": "integer"}, 7),
    "share": ({"type": "number"}, 1.5),
    "on": ({"type": "boolean"}, False),
    "many": ({"type": "array", "items": {"type": "string"}}, ["a", ""]),
    "deep": ({"type": "object", "properties": {"level": {"type": "integer"}}}, {"level": 1, "more": "kept"}),
}


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client generated from a small document, imported."""
    folder = tmp_path_factory.mktemp("ring")
    properties = {"id": {"type": "string"}, **{name: schema for name, (schema, _) in KINDS.items()}}
    thing = {"type": "object", "required": ["id"], "properties": properties}
    document = folder / "ring.json"
    document.write_text(json.dumps({**DOCUMENT, "components": {"schemas": {"Thing": thing}}}), encoding="utf-8")
    config = folder / "config.yaml"
    config.write_text("package_name_override: ring_client", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "CONFIG", config)
        generator.generate(document, folder)
        (folder / "apikley_client").rename(folder / "ring_client")
        patch.syspath_prepend(folder)
        importlib.import_module("ring_client.api.things.make_thing")
        yield importlib.import_module("ring_client")
        for name in [name for name in sys.modules if name.split(".")[0] == "ring_client"]:
            del sys.modules[name]


@pytest.mark.parametrize("name", KINDS)
def test_a_client_generated_from_a_small_document_reads_and_writes_it(ring: Any, name: str) -> None:
    written = {"id": "1", name: KINDS[name][1]}
    made = ring.models.Thing.from_dict(copy.deepcopy(written))
    assert made.to_dict() == written
    assert ring.api.things.make_thing._get_kwargs(body=made)["json"] == written


def test_what_is_left_out_stays_out(ring: Any) -> None:
    assert ring.models.Thing.from_dict({"id": "1"}).to_dict() == {"id": "1"}
