"""Planted changes of the contract, each with the verdict that the report has to come to."""

from __future__ import annotations

import copy
from typing import Any

from contract_tests.pipeline import spec_changes_access as planted_access
from contract_tests.pipeline import spec_changes_forms as planted_forms
from contract_tests.pipeline.pages import STUDIO
from contract_tests.pipeline.planting import (
    MAJOR,
    MINOR,
    PATCH,
    RECORD_INFO,
    Document,
    Planted,
    callback_data,
    create,
    drop,
    field,
    look,
    put,
    schema,
    whole,
)


def _behind_reference(document: Document, **duration: Any) -> None:
    inline = schema(document, "Acme1Fast")["properties"].pop("duration")
    document["components"]["schemas"]["Duration"] = {**inline, **duration}
    schema(document, "Acme1Fast")["properties"]["duration"] = {"$ref": "#/components/schemas/Duration"}


def _lost_default(document: Document) -> None:
    _behind_reference(document)
    del schema(document, "Duration")["default"]


def _without_model(document: Document) -> None:
    request = schema(document, "CreateTaskRequest")
    request["oneOf"] = [each for each in request["oneOf"] if "Studio" not in each["$ref"]]
    del request["discriminator"]["mapping"][STUDIO]
    for name in [name for name in document["components"]["schemas"] if name.startswith("Studio")]:
        del document["components"]["schemas"][name]
    del create(document)["requestBody"]["content"]["application/json"]["examples"][STUDIO]


def _with_model(document: Document) -> None:
    request = copy.deepcopy(schema(document, "Acme1FastRequest"))
    request["properties"]["model"].update(enum=["acme/2"], default="acme/2")
    document["components"]["schemas"]["Acme2Request"] = request
    target = {"$ref": "#/components/schemas/Acme2Request"}
    schema(document, "CreateTaskRequest")["oneOf"].append(target)
    schema(document, "CreateTaskRequest")["discriminator"]["mapping"]["acme/2"] = target["$ref"]


def _new_code(document: Document) -> None:
    code = field("ApiResponse", "code")(document)
    code["enum"].append(433)
    code["x-enum-varnames"].append("SUB_KEY_LIMIT")


def _dropped_code(document: Document) -> None:
    code = field("ApiResponse", "code")(document)
    code["enum"].remove(505)
    code["x-enum-varnames"].remove("FEATURE_DISABLED")


def _reordered(document: Document) -> None:
    for name, each in document["components"]["schemas"].items():
        document["components"]["schemas"][name] = dict(reversed(each.items()))
    for each in document["components"]["schemas"].values():
        if "properties" in each:
            each["properties"] = dict(reversed(each["properties"].items()))
        if "required" in each:
            each["required"].reverse()
    schema(document, "CreateTaskRequest")["oneOf"].reverse()
    document["paths"] = dict(reversed(document["paths"].items()))


_PROMPT, _IMAGE = field("Hailuo02ImageToVideoPro", "prompt"), field("Hailuo02ImageToVideoPro", "image_url")
_DURATION, _SEED, _GUIDANCE = (field("Acme1Fast", name) for name in ("duration", "seed", "guidance"))
_IMAGES, _NEGATIVE = field("StudioFramesV2", "images"), field("StudioFramesV2", "negative_prompt")
_STATE, _CODE = whole("TaskState"), field("ApiResponse", "code")

REQUESTS = [
    Planted("a shorter limit", put(_PROMPT, maxLength=1000), MAJOR, "maxLength 1500 → 1000"),
    Planted("a longer limit", put(_PROMPT, maxLength=2000), MINOR, "maxLength 1500 → 2000"),
    Planted("a limit lifted", drop(_PROMPT, "maxLength"), MINOR, "maxLength 1500 → none"),
    Planted("a least length", put(_PROMPT, minLength=1), MAJOR, "minLength none → 1"),
    Planted("a least length lowered", put(field("Acme1Fast", "prompt"), minLength=1), MINOR, "minLength 3 → 1"),
    Planted("a higher maximum", put(_SEED, maximum=99999), MINOR, "maximum 65535 → 99999"),
    Planted("a higher minimum", put(_SEED, minimum=1), MAJOR, "minimum 0 → 1"),
    Planted("a maximum excluded", put(_GUIDANCE, exclusiveMaximum=True), MAJOR, "exclusiveMaximum none → true"),
    Planted("fewer items", put(_IMAGES, maxItems=2), MAJOR, "maxItems 4 → 2"),
    Planted("items of another type", put(_IMAGES, items={"type": "integer"}), MAJOR, "type string → integer"),
    Planted("another type", put(_PROMPT, type="array", items={"type": "string"}), MAJOR, "type string → array"),
    Planted("integer to number", put(_SEED, type="number"), MINOR, "type integer → number"),
    Planted("number to integer", put(_GUIDANCE, type="integer", default=1), MAJOR, "type number → integer"),
    Planted("a format", put(_IMAGE, format="uri"), MAJOR, "format none"),
    Planted("a format lifted", drop(field("Acme1FastRequest", "callBackUrl"), "format"), MINOR, "format"),
    Planted("a pattern", put(_PROMPT, pattern="^[A-Z]"), MAJOR, "pattern none"),
    Planted("null refused", put(_NEGATIVE, nullable=False), MAJOR, "null is no longer allowed"),
    Planted("null allowed", put(_SEED, nullable=True), MINOR, "null is now allowed"),
    Planted("a new value", lambda d: _DURATION(d)["enum"].append("15"), MINOR, 'new value "15"'),
    Planted("a dropped value", lambda d: _DURATION(d)["enum"].remove("10"), MAJOR, 'value "10" dropped'),
    Planted("a replaced value", put(_DURATION, enum=["5", "12"]), MAJOR, 'value "10" dropped'),
    Planted("text became number", put(_DURATION, enum=[5, 10]), MAJOR, 'value "5" dropped'),
    Planted("only some values", put(field("Acme1Fast", "version"), enum=["1.10"]), MAJOR, 'only ["1.10"]'),
    Planted("any value", drop(_DURATION, "enum"), MINOR, "no longer only"),
    Planted(
        "another name for a value", put(_DURATION, **{"x-enum-varnames": ["FIVE", "VALUE_10"]}), MAJOR, "named FIVE"
    ),
    Planted(
        "a new optional field",
        lambda d: schema(d, "Acme1Fast")["properties"].update(sound={"type": "boolean"}),
        MINOR,
        "Acme1Fast.sound`: added to the request",
    ),
    Planted(
        "a new required field",
        lambda d: (
            schema(d, "Acme1Fast")["properties"].update(sound={"type": "boolean"}),
            schema(d, "Acme1Fast")["required"].append("sound"),
        ),
        MAJOR,
        "Acme1Fast.sound`: now required",
    ),
    Planted(
        "a field removed",
        lambda d: schema(d, "Hailuo02ImageToVideoPro")["properties"].pop("prompt_optimizer"),
        MAJOR,
        "prompt_optimizer`: removed from the request",
    ),
    Planted("a field now required", lambda d: schema(d, "Acme1Fast")["required"].append("seed"), MAJOR, "now required"),
    Planted(
        "a field no longer required",
        lambda d: schema(d, "Hailuo02ImageToVideoPro")["required"].remove("image_url"),
        MINOR,
        "no longer required",
    ),
    Planted("further fields refused", put(whole("Acme1Fast"), additionalProperties=False), MAJOR, "now refused"),
    Planted("another default", put(_DURATION, default="10"), MAJOR, 'default "5" → "10"'),
    Planted("a default of another type", put(_SEED, default=True), MINOR, "default none → true"),
    Planted("a new default", put(_SEED, default=0), MINOR, "default none → 0"),
    Planted("a default gone", drop(_DURATION, "default"), MAJOR, 'default "5" → none'),
    Planted("a default gone behind a reference", _lost_default, MAJOR, 'default "5" → none'),
    Planted(
        "a default changed behind a reference",
        lambda d: _behind_reference(d, default="10"),
        MAJOR,
        'default "5" → "10"',
    ),
    Planted("a field deprecated", put(_SEED, deprecated=True), MINOR, "now deprecated"),
    Planted("a model gone", _without_model, MAJOR, "oneOf lost studio/frames.v2"),
    Planted("a new model", _with_model, MINOR, "oneOf gained acme/2"),
    Planted(
        "models told apart by another field",
        lambda d: schema(d, "CreateTaskRequest")["discriminator"].update(propertyName="kind"),
        MAJOR,
        "told apart by another field",
    ),
]

ANSWERS = [
    Planted("a field gone", drop(lambda d: schema(d, "TaskDetails")["properties"], "progress"), MAJOR, "removed from"),
    Planted(
        "a new field",
        lambda d: schema(d, "TaskDetails")["properties"].update(queue={"type": "integer"}),
        MINOR,
        "TaskDetails.queue`: added to the response",
    ),
    Planted("a new state", lambda d: _STATE(d)["enum"].append("paused"), MAJOR, 'new value "paused"'),
    Planted("a state gone", lambda d: _STATE(d)["enum"].remove("queuing"), PATCH, 'value "queuing" dropped'),
    Planted("a field that may be missing", lambda d: schema(d, "TaskDetails")["required"].remove("state"), MAJOR),
    Planted("a field always there", lambda d: schema(d, "TaskDetails")["required"].append("model"), PATCH),
    Planted("null where none was", put(field("TaskDetails", "model"), nullable=True), MAJOR, "null is now allowed"),
    Planted("no null any more", put(field("TaskDetails", "failMsg"), nullable=False), PATCH, "null is no longer"),
    Planted("a wider range", put(field("TaskDetails", "progress"), maximum=1000), MAJOR, "maximum 100 → 1000"),
    Planted("a narrower range", put(field("TaskDetails", "progress"), maximum=99), PATCH, "maximum 100 → 99"),
    Planted("integer to number in an answer", put(field("TaskDetails", "costTime"), type="number"), MAJOR, "number"),
    Planted("a new code", _new_code, MAJOR, "ApiResponse.code`: new value 433"),
    Planted("a code gone", _dropped_code, PATCH, "value 505 dropped"),
    Planted("a code with another meaning", put(_CODE, description="455: Teapot"), MINOR, "code table's text"),
    Planted(
        "a code of another name",
        lambda d: _CODE(d)["x-enum-varnames"].__setitem__(6, "TEAPOT"),
        MAJOR,
        "the value 455 is named TEAPOT, before MAINTENANCE",
    ),
    Planted("an answer gone", lambda d: create(d)["responses"].pop("429"), MAJOR, "responses 429`: answer removed"),
    Planted(
        "a new answer",
        lambda d: create(d)["responses"].update({"433": {"description": "Sub-key limit"}}),
        MINOR,
        "responses 433`: answer added",
    ),
    Planted(
        "a media type gone",
        lambda d: look(d)["responses"]["200"].update(content={"text/plain": {"schema": {"type": "string"}}}),
        MAJOR,
        "media type removed",
    ),
]

OPERATIONS = [
    Planted("an operation gone", lambda d: d["paths"].pop(RECORD_INFO), MAJOR, "operation removed"),
    Planted(
        "a new operation",
        lambda d: d["paths"].update({"/api/v1/new": {"get": {"operationId": "getNew", "responses": {}}}}),
        MINOR,
        "GET /api/v1/new`: new operation",
    ),
    Planted("an operation renamed", put(look, operationId="lookUp"), MAJOR, 'operationId "getTaskDetails" → "lookUp"'),
    Planted("an operation deprecated", put(look, deprecated=True), MINOR, "now deprecated"),
    Planted("a parameter gone", lambda d: look(d)["parameters"].pop(), MAJOR, "query parameter taskId removed"),
    Planted(
        "a new required parameter",
        lambda d: look(d)["parameters"].append(
            {"name": "region", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        MAJOR,
        "new required query parameter region",
    ),
    Planted(
        "a new optional parameter",
        lambda d: look(d)["parameters"].append({"name": "region", "in": "query", "schema": {"type": "string"}}),
        MINOR,
        "new optional query parameter region",
    ),
    Planted("a body that may be left out", put(lambda d: create(d)["requestBody"], required=False), MINOR),
    Planted("security dropped", put(create, security=[]), MAJOR, "security dropped"),
    Planted("another way in", lambda d: create(d)["security"].append({"Cookie": []}), MINOR, "one more way in"),
    Planted(
        "another kind of key",
        lambda d: d["components"]["securitySchemes"].update(
            BearerAuth={"type": "apiKey", "in": "header", "name": "X-Key"}
        ),
        MAJOR,
        'type "http" → "apiKey"',
    ),
    Planted("another server", lambda d: d["servers"][0].update(url="https://eu.apikley.ru"), MAJOR, "removed"),
    Planted("one more server", lambda d: d["servers"].append({"url": "https://eu.apikley.ru"}), MINOR, "added"),
    Planted(
        "another rate limit", lambda d: create(d)["x-rate-limit"].update(requests=5), MINOR, "x-rate-limit changed"
    ),
]

CALLBACKS = [
    Planted("callbacks gone", drop(create, "callbacks"), MAJOR, "callback removed"),
    Planted(
        "a new field in a callback",
        lambda d: callback_data(d)["properties"].update(region={"type": "string"}),
        MINOR,
        "added to the response",
    ),
    Planted(
        "a field gone from a callback",
        lambda d: callback_data(d)["properties"].pop("consumeCredits"),
        MAJOR,
        "removed from the response",
    ),
    Planted(
        "a number that became text in a callback",
        lambda d: callback_data(d)["properties"]["consumeCredits"].update(type="string"),
        MAJOR,
        "→ string",
    ),
]

TEXTS = [
    Planted("another description", put(_PROMPT, description="What to show"), PATCH, "description changed"),
    Planted("another example", put(_PROMPT, example="A ship"), PATCH, "example changed"),
    Planted("another title", lambda d: d["info"].update(title="API"), PATCH, "changed"),
    Planted("another summary", put(create, summary="Make a film"), PATCH, "summary changed"),
    Planted("another grade of evidence", put(whole("TaskDetails"), **{"x-evidence": "U"}), PATCH, "x-evidence"),
    Planted("moved behind a reference", _behind_reference, None),
    Planted("a least length of nothing", put(_PROMPT, minLength=0), None),
    Planted("everything in another order", _reordered, None),
    Planted("nothing at all", lambda _: None, None),
]

PLANTED = [*REQUESTS, *ANSWERS, *OPERATIONS, *CALLBACKS, *TEXTS, *planted_forms.FORMS, *planted_access.ACCESS]
