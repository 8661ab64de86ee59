"""Changes of file rules, alternatives, conditions, references and additional properties, each with its severity."""

from __future__ import annotations

from typing import Any

from contract_tests.pipeline.contract_edits import (
    MAJOR,
    MINOR,
    PATCH,
    Document,
    SpecChange,
    all_of,
    append,
    at,
    component,
    drop,
    field,
    put,
    ref,
    replace,
    schema,
)
from scripts.pipeline.page_shape import CREATE_TASK

_PROMPT, _IMAGE = field("Hailuo02ImageToVideoPro", "prompt"), field("Hailuo02ImageToVideoPro", "image_url")
_FILE = schema("Hailuo02ImageToVideoPro", "properties", "image_url", "x-file")
_TYPES = schema("Hailuo02ImageToVideoPro", "properties", "image_url", "x-file", "media-types")
_SEED, _MODEL, _STATE = field("Acme1Fast", "seed"), field("TaskDetails", "model"), field("TaskDetails", "state")
_ACME, _MAPPING = schema("Acme1Fast"), schema("CreateTaskRequest", "discriminator", "mapping")
_RESPONSE = at("paths", CREATE_TASK, "post", "responses", "200", "content", "application/json", "schema", "allOf")
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_SHORT, _PLAIN = {"maxLength": 5}, {"pattern": "^[a-z]+$"}
_TEXTS = {"type": "array", "items": _TEXT}
_MOOD: dict[str, Any] = {"type": "object", "properties": {"mood": _TEXT}}


def _describe_reference(document: Document) -> None:
    """A description beside a reference needs an `allOf`."""
    data = schema("TaskCallback", "allOf", 1, "properties")(document)
    data["data"] = {"allOf": [data["data"]], "description": "The task."}


def _add_phase(document: Document, *states: str) -> None:
    component("Phase", **_TEXT, enum=[*schema("TaskState", "enum")(document), *states])(document)


FILES = [
    SpecChange("a smaller file", put(_FILE, **{"max-bytes": 5_242_880}), MAJOR, "max-bytes 10485760 → 5242880"),
    SpecChange("a larger file", put(_FILE, **{"max-bytes": 20_971_520}), MINOR, "max-bytes"),
    SpecChange("a removed file type", drop(_TYPES, -1), MAJOR, 'media type "image/webp" removed'),
    SpecChange("a new file type", append(_TYPES, "image/gif"), MINOR, 'new media type "image/gif"'),
    SpecChange("another order of file types", lambda d: _TYPES(d).reverse(), None),
    SpecChange("a removed file rule", drop(_IMAGE, "x-file"), MAJOR, "no longer accepts a local file"),
    SpecChange(
        "a new file rule",
        put(_PROMPT, **{"x-file": {"media-types": ["text/plain"], "max-bytes": 1}}),
        MINOR,
        "now accepts a local file",
    ),
]

ALTERNATIVES = [
    SpecChange("new alternatives", put(_PROMPT, oneOf=[_PLAIN, _SHORT]), MAJOR, "now required"),
    SpecChange("removed alternatives", drop(_PROMPT, "anyOf"), MINOR, "no longer", put(_PROMPT, anyOf=[_PLAIN])),
    SpecChange("new alternatives in a response", put(_MODEL, anyOf=[_PLAIN]), PATCH, "now required"),
    SpecChange(
        "removed alternatives in a response", drop(_MODEL, "anyOf"), MAJOR, "no longer", put(_MODEL, anyOf=[_PLAIN])
    ),
    SpecChange(
        "a text becomes a text or a list",
        replace(_PROMPT, oneOf=[_TEXTS, {**_TEXT, "maxLength": 1500}], description="What to show"),
        MINOR,
        "oneOf gained",
    ),
    SpecChange(
        "a text or a list becomes a text",
        replace(_PROMPT, **_TEXT),
        MAJOR,
        "oneOf lost",
        replace(_PROMPT, oneOf=[_TEXT, _TEXTS]),
    ),
    SpecChange("a response text or number", replace(_MODEL, oneOf=[_TEXT, _NUMBER]), MAJOR, "oneOf gained"),
    SpecChange(
        "other texts and order of alternatives",
        replace(_PROMPT, oneOf=[{**_NUMBER, "description": "B"}, {**_TEXT, "description": "A"}]),
        PATCH,
        "description",
        replace(_PROMPT, oneOf=[_TEXT, _NUMBER]),
    ),
    SpecChange("a second name of a model", put(_MAPPING, one="#/components/schemas/Acme1FastRequest"), MINOR, "one`:"),
    SpecChange("a forbidden value", put(_PROMPT, **{"not": _PLAIN}), MAJOR, "not none →"),
    SpecChange("an allowed value", drop(_PROMPT, "not"), MINOR, "→ none", put(_PROMPT, **{"not": _PLAIN})),
]

CONDITIONS = [
    SpecChange("a new condition", put(_PROMPT, allOf=[_PLAIN]), MAJOR, "allOf gained"),
    SpecChange("a removed condition", drop(_PROMPT, "allOf"), MINOR, "allOf lost", put(_PROMPT, allOf=[_PLAIN])),
    SpecChange(
        "a removed condition in a response", drop(_MODEL, "allOf"), MAJOR, "allOf lost", put(_MODEL, allOf=[_PLAIN])
    ),
    SpecChange("a part with a new field", put(_ACME, allOf=[_MOOD]), MINOR, "allOf gained"),
    SpecChange(
        "a component with a new field",
        all_of(component("Mood", **_MOOD), put(_ACME, allOf=[ref("Mood")])),
        MINOR,
        "allOf gained Mood",
    ),
    SpecChange(
        "a part with a required field", put(_ACME, allOf=[{**_MOOD, "required": ["mood"]}]), MAJOR, "allOf gained"
    ),
    SpecChange("a part with a removed field", drop(_ACME, "allOf"), MAJOR, "allOf lost", put(_ACME, allOf=[_MOOD])),
    SpecChange("a response part with a new field", append(_RESPONSE, _MOOD), MINOR, "allOf gained"),
    SpecChange("a removed envelope", drop(_RESPONSE, 0), MAJOR, "allOf lost ApiResponse"),
    SpecChange("a description beside a reference", _describe_reference, None),
]

REFERENCES = [
    SpecChange("another component, same contents", put(_STATE, **ref("Phase")), MINOR, "refers to", _add_phase),
    SpecChange(
        "another component, other contents",
        put(_STATE, **ref("Phase")),
        MAJOR,
        'new value "idle"',
        lambda d: _add_phase(d, "idle"),
    ),
    SpecChange(
        "two fields share a component that equals only the first",
        all_of(replace(_PROMPT, **ref("Words")), replace(_IMAGE, **ref("Words"))),
        MAJOR,
        "maxLength 900 → 500",
        all_of(
            replace(_PROMPT, **_TEXT, maxLength=500),
            replace(_IMAGE, **_TEXT, maxLength=900),
            component("Words", **_TEXT, maxLength=500),
        ),
    ),
    SpecChange(
        "a recursive condition",
        put(_SEED, allOf=[ref("Tree")]),
        MAJOR,
        "allOf gained Tree",
        all_of(
            replace(_SEED, type="array"),
            component("Tree", allOf=[ref("Branches")], description="A tree"),
            component("Branches", type="array", items=ref("Tree")),
        ),
    ),
    SpecChange(
        "a recursive list",
        all_of(
            component("Nest", type="array", items=ref("Nest")),
            put(_ACME, allOf=[{"properties": {"nest": ref("Nest")}}]),
        ),
        MINOR,
        "allOf gained",
    ),
]

OTHERS = [
    SpecChange("a read-only field", put(_SEED, readOnly=True), MAJOR, "readOnly"),
    SpecChange("a field no longer read-only", put(_SEED, readOnly=False), MINOR, "readOnly", put(_SEED, readOnly=True)),
    SpecChange("a write-only response field", put(_MODEL, writeOnly=True), MAJOR, "writeOnly"),
    SpecChange("a read-only response field", put(_MODEL, readOnly=True), PATCH, "readOnly"),
    SpecChange("a text becomes a datetime in Python", put(_MODEL, format="date-time"), MAJOR, "format none"),
    SpecChange("a format in a response", put(_MODEL, format="uri"), PATCH, "format none"),
    SpecChange("refused properties", put(_ACME, additionalProperties=False), MAJOR, "now refused"),
    SpecChange("restricted properties", put(_ACME, additionalProperties=_TEXT), MAJOR, "restricted by a schema"),
    SpecChange(
        "another type of additional properties",
        put(_ACME, additionalProperties=_NUMBER),
        MAJOR,
        "type",
        put(_ACME, additionalProperties=_TEXT),
    ),
    SpecChange("refused response properties", put(schema("TaskDetails"), additionalProperties=False), PATCH, "refused"),
    SpecChange("a list of any items", put(_SEED, items={}), MINOR, "type string → any", replace(_SEED, **_TEXTS)),
]

CHANGES = [*FILES, *ALTERNATIVES, *CONDITIONS, *REFERENCES, *OTHERS]
