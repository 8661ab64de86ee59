"""The generated client reads every valid value and writes it back unchanged."""

from __future__ import annotations

import copy
import importlib
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apikley_client.models
import apikley_contract
from contract_tests.contract.draws import component, values
from contract_tests.contract.report import Subject
from contract_tests.contract.sample import sampled
from scripts.pipeline import client as generator

CLIENT = Subject("generated client")
ALL_SCHEMAS = [
    name
    for name in apikley_contract.schemas()["components"]["schemas"]
    if hasattr(getattr(apikley_client.models, name, None), "from_dict")
    # A file in a form is not JSON; test_generated_client.py sends one.
    and name != "FileStreamUpload"
]
MODELS = {name: "model" for model in apikley_contract.models().values() for name in (model.request, model.input)}
SCHEMAS = sampled(ALL_SCHEMAS, lambda name: MODELS.get(name, name))
BODIES = {
    description["operationId"]: content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    for item in apikley_contract.openapi()["paths"].values()
    for description in item.values()
    if isinstance(description, dict)
    and "application/json" in (content := description.get("requestBody", {}).get("content", {}))
}


def _validator(schema: str) -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator({"$ref": f"#/components/schemas/{schema}", **apikley_contract.schemas()})


def _endpoint(operation_id: str) -> Any:
    tag = apikley_contract.operation(operation_id).description["tags"][0]
    # The generator's rule: uploadFileBase64 becomes upload_file_base_64.
    words = re.findall(r"[A-Z]?[a-z]+|\d+", operation_id)
    return importlib.import_module(f"apikley_client.api.{tag}.{'_'.join(words).lower()}")


@pytest.mark.parametrize("schema", SCHEMAS)
@settings(max_examples=80)
@given(data=st.data())
def test_a_valid_value_survives_from_dict_and_to_dict(schema: str, data: st.DataObject) -> None:
    rule = f"read and write {schema}"
    CLIENT.case(rule, "apikley_client", "jsonschema")
    drawn = data.draw(values(component(schema)))
    cls = getattr(apikley_client.models, schema)
    written = json.loads(json.dumps(cls.from_dict(copy.deepcopy(drawn)).to_dict()))
    good = written == drawn and _validator(schema).is_valid(written)
    CLIENT.require(good, rule, "apikley_client", f"{json.dumps(drawn)[:900]} becomes {json.dumps(written)[:900]}")


@pytest.mark.parametrize("operation_id", BODIES)
@settings(max_examples=80)
@given(data=st.data())
def test_an_operation_sends_the_contracts_method_path_and_body(operation_id: str, data: st.DataObject) -> None:
    operation, rule = apikley_contract.operation(operation_id), f"send {operation_id}"
    CLIENT.case(rule, "apikley_client")
    schemas = [BODIES[operation_id]]
    if schemas == ["CreateTaskRequest"]:
        schemas = [model.request for model in apikley_contract.models().values()]
    schema = data.draw(st.sampled_from(schemas))
    drawn = data.draw(values(component(schema)))
    body = getattr(apikley_client.models, schema).from_dict(copy.deepcopy(drawn))
    sent = _endpoint(operation_id)._get_kwargs(body=body)
    place = (sent["method"].upper(), sent["url"], sent["headers"]["Content-Type"])
    good = place == (operation.method, operation.path, "application/json") and sent["json"] == drawn
    CLIENT.require(good, rule, "apikley_client", f"sends {sent} for {drawn}"[:2000])


def test_every_object_schema_has_a_class() -> None:
    objects = {name for name in apikley_contract.schemas()["components"]["schemas"] if "properties" in component(name)}
    assert objects - set(ALL_SCHEMAS) == {"FileStreamUpload"}


THING = {"$ref": "#/components/schemas/Thing"}
MAKE_THING = {
    "operationId": "makeThing",
    "tags": ["things"],
    "requestBody": {"required": True, "content": {"application/json": {"schema": THING}}},
    "responses": {"200": {"description": "created"}},
}
DOCUMENT = {
    "openapi": "3.0.0",
    "info": {"title": "Small", "version": "1"},
    "paths": {"/things": {"post": MAKE_THING}},
}


# A property of each kind and a value for it, with names that Python reserves.
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
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client generated from a small document, imported."""
    folder = tmp_path_factory.mktemp("small")
    properties = {"id": {"type": "string"}, **{name: schema for name, (schema, _) in KINDS.items()}}
    thing = {"type": "object", "required": ["id"], "properties": properties}
    document = folder / "small.json"
    document.write_text(json.dumps({**DOCUMENT, "components": {"schemas": {"Thing": thing}}}), encoding="utf-8")
    config = folder / "config.yaml"
    config.write_text("package_name_override: small_client", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "CONFIG", config)
        generator.generate(document, folder)
        (folder / "apikley_client").rename(folder / "small_client")
        patch.syspath_prepend(folder)
        importlib.import_module("small_client.api.things.make_thing")
        yield importlib.import_module("small_client")
        for name in [name for name in sys.modules if name.split(".")[0] == "small_client"]:
            del sys.modules[name]


@pytest.mark.parametrize("name", KINDS)
def test_a_client_generated_from_a_small_document_reads_and_writes_a_value(small: Any, name: str) -> None:
    written = {"id": "1", name: KINDS[name][1]}
    thing = small.models.Thing.from_dict(copy.deepcopy(written))
    assert thing.to_dict() == written
    assert small.api.things.make_thing._get_kwargs(body=thing)["json"] == written


def test_an_absent_property_stays_absent(small: Any) -> None:
    assert small.models.Thing.from_dict({"id": "1"}).to_dict() == {"id": "1"}
