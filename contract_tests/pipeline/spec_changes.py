"""Changes of fields, values, responses, operations and texts, each with its severity."""

from __future__ import annotations

import copy
from typing import Any

from contract_tests.pipeline.contract_edits import (
    MAJOR,
    MINOR,
    PATCH,
    RECORD_INFO,
    Document,
    SpecChange,
    all_of,
    append,
    at,
    create,
    drop,
    field,
    get_task,
    put,
    ref,
    remove,
    schema,
)
from contract_tests.pipeline.pages import STUDIO
from scripts.pipeline.page_shape import CREATE_TASK


def _move_duration(document: Document, **values: Any) -> None:
    inline = schema("Acme1Fast", "properties")(document).pop("duration")
    document["components"]["schemas"]["Duration"] = {**inline, **values}
    schema("Acme1Fast", "properties")(document)["duration"] = ref("Duration")


def _remove_model(document: Document) -> None:
    request = schema("CreateTaskRequest")(document)
    request["oneOf"] = [each for each in request["oneOf"] if "Studio" not in each["$ref"]]
    del request["discriminator"]["mapping"][STUDIO]
    for name in [name for name in document["components"]["schemas"] if name.startswith("Studio")]:
        del document["components"]["schemas"][name]


def _add_model(document: Document) -> None:
    request = copy.deepcopy(schema("Acme1FastRequest")(document))
    request["properties"]["model"].update(enum=["acme/2"], default="acme/2")
    document["components"]["schemas"]["Acme2Request"] = request
    schema("CreateTaskRequest", "oneOf")(document).append(ref("Acme2Request"))
    schema("CreateTaskRequest", "discriminator", "mapping")(document)["acme/2"] = ref("Acme2Request")["$ref"]


def _reverse_order(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for name, each in schemas.items():
        if "properties" in each:
            each["properties"] = dict(reversed(each["properties"].items()))
        if "required" in each:
            each["required"].reverse()
        schemas[name] = dict(reversed(each.items()))
    schema("CreateTaskRequest", "oneOf")(document).reverse()
    document["paths"] = dict(reversed(document["paths"].items()))


def _callback_fields(document: Document) -> Any:
    return next(part for part in schema("TaskCallbackData", "allOf")(document) if "$ref" not in part)["properties"]


_PROMPT, _IMAGE = field("Hailuo02ImageToVideoPro", "prompt"), field("Hailuo02ImageToVideoPro", "image_url")
_DURATION, _SEED, _GUIDANCE = (field("Acme1Fast", name) for name in ("duration", "seed", "guidance"))
_IMAGES, _NEGATIVE = field("StudioFramesV2", "images"), field("StudioFramesV2", "negative_prompt")
_FIELDS, _REQUIRED = schema("Acme1Fast", "properties"), schema("Acme1Fast", "required")
_TASK = schema("TaskDetails")
_CODE, _NAMES = field("ApiResponse", "code"), schema("ApiResponse", "properties", "code", "x-enum-varnames")
_PARAMETERS = at("paths", RECORD_INFO, "get", "parameters")
_RESPONSES = at("paths", CREATE_TASK, "post", "responses")
_REGION = {"name": "region", "in": "query", "schema": {"type": "string"}}
_BOOLEAN = {"type": "boolean"}

REQUESTS = [
    SpecChange("a shorter limit", put(_PROMPT, maxLength=1000), MAJOR, "maxLength 1500 → 1000"),
    SpecChange("a longer limit", put(_PROMPT, maxLength=2000), MINOR, "maxLength 1500 → 2000"),
    SpecChange("a removed limit", drop(_PROMPT, "maxLength"), MINOR, "maxLength 1500 → none"),
    SpecChange("a minimum length", put(_PROMPT, minLength=1), MAJOR, "minLength none → 1"),
    SpecChange("a higher maximum", put(_SEED, maximum=99999), MINOR, "maximum 65535 → 99999"),
    SpecChange("a higher minimum", put(_SEED, minimum=1), MAJOR, "minimum 0 → 1"),
    SpecChange("an exclusive maximum", put(_GUIDANCE, exclusiveMaximum=True), MAJOR, "exclusiveMaximum none → true"),
    SpecChange("fewer items", put(_IMAGES, maxItems=2), MAJOR, "maxItems 4 → 2"),
    SpecChange("another type of items", put(_IMAGES, items={"type": "integer"}), MAJOR, "type string → integer"),
    SpecChange("another type", put(_PROMPT, type="array", items={"type": "string"}), MAJOR, "type string → array"),
    SpecChange("integer to number", put(_SEED, type="number"), MINOR, "type integer → number"),
    SpecChange("number to integer", put(_GUIDANCE, type="integer", default=1), MAJOR, "type number → integer"),
    SpecChange("a new format", put(_IMAGE, format="uri"), MAJOR, "format none"),
    SpecChange("a new pattern", put(_PROMPT, pattern="^[A-Z]"), MAJOR, "pattern none"),
    SpecChange("null refused", put(_NEGATIVE, nullable=False), MAJOR, "no longer nullable in the request"),
    SpecChange("null allowed", put(_SEED, nullable=True), MINOR, "now nullable in the request"),
    SpecChange("a new value", lambda d: _DURATION(d)["enum"].append("15"), MINOR, 'new value "15"'),
    SpecChange("a removed value", lambda d: _DURATION(d)["enum"].remove("10"), MAJOR, 'value "10" removed'),
    SpecChange("text values become numbers", put(_DURATION, enum=[5, 10]), MAJOR, 'values "5", "10" removed'),
    SpecChange("a new enum", put(field("Acme1Fast", "version"), enum=["1.10"]), MAJOR, 'restricted to ["1.10"]'),
    SpecChange("a removed enum", drop(_DURATION, "enum"), MINOR, "no longer restricted"),
    SpecChange("a new optional field", put(_FIELDS, sound=_BOOLEAN), MINOR, "Acme1Fast.sound`: added to the request"),
    SpecChange(
        "a new required field", all_of(put(_FIELDS, sound=_BOOLEAN), append(_REQUIRED, "sound")), MAJOR, "now required"
    ),
    SpecChange("a removed field", drop(_FIELDS, "seed"), MAJOR, "seed`: removed from the request"),
    SpecChange("a field becomes required", append(_REQUIRED, "seed"), MAJOR, "now required"),
    SpecChange("a field becomes optional", remove(_REQUIRED, "prompt"), MINOR, "no longer required"),
    SpecChange("another default", put(_DURATION, default="10"), MAJOR, 'default "5" → "10"'),
    SpecChange("a new default", put(_SEED, default=0), MINOR, "default none → 0"),
    SpecChange("a removed default", drop(_DURATION, "default"), MAJOR, 'default "5" → none'),
    SpecChange(
        "another default in a new component", lambda d: _move_duration(d, default="10"), MAJOR, 'default "5" → "10"'
    ),
    SpecChange("a deprecated field", put(_SEED, deprecated=True), MINOR, "now deprecated"),
    SpecChange("a removed model", _remove_model, MAJOR, "oneOf lost studio/frames.v2"),
    SpecChange("a new model", _add_model, MINOR, "oneOf gained acme/2"),
    SpecChange(
        "another discriminator",
        put(schema("CreateTaskRequest", "discriminator"), propertyName="kind"),
        MAJOR,
        "the discriminator is another field",
    ),
]

RESPONSES = [
    SpecChange("a field removed from a response", drop(schema("TaskDetails", "properties"), "progress"), MAJOR, "from"),
    SpecChange("a new response field", put(schema("TaskDetails", "properties"), queue=_BOOLEAN), MINOR, "added to the"),
    SpecChange("a new state", append(schema("TaskState", "enum"), "paused"), MAJOR, 'new value "paused"'),
    SpecChange("a removed state", remove(schema("TaskState", "enum"), "queuing"), PATCH, 'value "queuing" removed'),
    SpecChange("a response field becomes optional", lambda d: _TASK(d)["required"].remove("state"), MAJOR),
    SpecChange("a response field is always present", lambda d: _TASK(d)["required"].append("model"), PATCH),
    SpecChange("null in a response", put(field("TaskDetails", "model"), nullable=True), MAJOR, "now nullable"),
    SpecChange("no null in a response", put(field("TaskDetails", "failMsg"), nullable=False), PATCH, "no longer null"),
    SpecChange("a wider range", put(field("TaskDetails", "progress"), maximum=1000), MAJOR, "maximum 100 → 1000"),
    SpecChange("a narrower range", put(field("TaskDetails", "progress"), maximum=99), PATCH, "maximum 100 → 99"),
    SpecChange("integer to number in a response", put(field("TaskDetails", "costTime"), type="number"), MAJOR, "type"),
    SpecChange(
        "a new code",
        all_of(lambda d: _CODE(d)["enum"].append(466), append(_NAMES, "TEAPOT")),
        MAJOR,
        "ApiResponse.code`: new value 466",
    ),
    SpecChange(
        "a removed code",
        all_of(lambda d: _CODE(d)["enum"].remove(505), remove(_NAMES, "FEATURE_DISABLED")),
        PATCH,
        "value 505 removed",
    ),
    SpecChange("another meaning of a code", put(_CODE, description="455: Teapot"), MINOR, "code table's text"),
    SpecChange("a renamed code", lambda d: _NAMES(d).__setitem__(9, "TEAPOT"), MAJOR, "455 is named TEAPOT instead of"),
    SpecChange("a removed response", drop(_RESPONSES, "429"), MAJOR, "responses 429`: response removed"),
    SpecChange("a new response", put(_RESPONSES, **{"466": {"description": "x"}}), MINOR, "responses 466`: response"),
    SpecChange(
        "a removed media type",
        lambda d: get_task(d)["responses"]["200"].update(content={"text/plain": {"schema": {"type": "string"}}}),
        MAJOR,
        "media type removed",
    ),
]

OPERATIONS = [
    SpecChange("a removed operation", drop(at("paths"), RECORD_INFO), MAJOR, "operation removed"),
    SpecChange(
        "a new operation",
        put(at("paths"), **{"/api/v1/new": {"get": {"operationId": "getNew", "responses": {}}}}),
        MINOR,
        "GET /api/v1/new`: operation added",
    ),
    SpecChange("a renamed operation", put(get_task, operationId="getJob"), MAJOR, '"getTaskDetails" → "getJob"'),
    SpecChange("a deprecated operation", put(get_task, deprecated=True), MINOR, "now deprecated"),
    SpecChange("a removed parameter", drop(_PARAMETERS, 0), MAJOR, "query parameter taskId removed"),
    SpecChange(
        "a new required parameter",
        append(_PARAMETERS, {**_REGION, "required": True}),
        MAJOR,
        "new required query parameter region",
    ),
    SpecChange("a new optional parameter", append(_PARAMETERS, _REGION), MINOR, "new optional query parameter region"),
    SpecChange(
        "an optional body", put(lambda d: create(d)["requestBody"], required=False), MINOR, "no longer required"
    ),
    SpecChange("removed security", put(create, security=[]), MAJOR, "security removed: no key is required"),
    SpecChange("an additional scheme", lambda d: create(d)["security"].append({"Cookie": []}), MINOR, "accepts Cookie"),
    SpecChange(
        "another kind of key",
        put(at("components", "securitySchemes"), BearerAuth={"type": "apiKey", "in": "header", "name": "X-Key"}),
        MAJOR,
        'type "http" → "apiKey"',
    ),
    SpecChange("another server", lambda d: d["servers"][0].update(url="https://eu.apikley.ru"), MAJOR, "removed"),
    SpecChange("an additional server", append(at("servers"), {"url": "https://eu.apikley.ru"}), MINOR, "added"),
    SpecChange("another rate limit", lambda d: create(d)["x-rate-limit"].update(requests=5), MINOR, "x-rate-limit"),
]

CALLBACKS = [
    SpecChange("a removed callback", drop(create, "callbacks"), MAJOR, "callback removed"),
    SpecChange("a new callback field", put(_callback_fields, region=_BOOLEAN), MINOR, "added to the response"),
    SpecChange(
        "a removed callback field", drop(_callback_fields, "consumeCredits"), MAJOR, "removed from the response"
    ),
    SpecChange("another type in a callback", put(_callback_fields, consumeCredits=_BOOLEAN), MAJOR, "→ boolean"),
]

TEXTS = [
    SpecChange("another description", put(_PROMPT, description="What to show"), PATCH, "description changed"),
    SpecChange("another example", put(_PROMPT, example="A ship"), PATCH, "example changed"),
    SpecChange("another title", put(at("info"), title="API"), PATCH, "changed"),
    SpecChange("another summary", put(create, summary="Make a film"), PATCH, "summary changed"),
    SpecChange("another grade", put(_TASK, **{"x-evidence": "U"}), PATCH, "x-evidence"),
    SpecChange("a field moved to a component", _move_duration, None),
    SpecChange("a minimum length of 0", put(_PROMPT, minLength=0), None),
    SpecChange("another order", _reverse_order, None),
    SpecChange("no change", lambda _: None, None),
]

CHANGES = [*REQUESTS, *RESPONSES, *OPERATIONS, *CALLBACKS, *TEXTS]
