"""Planted changes of a schema's form: files, alternatives, conditions, references, and who may send a field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract_tests.pipeline.planting import (
    MAJOR,
    MINOR,
    PATCH,
    Document,
    Planted,
    create,
    drop,
    field,
    put,
    schema,
    whole,
)

_PROMPT, _IMAGE = field("Hailuo02ImageToVideoPro", "prompt"), field("Hailuo02ImageToVideoPro", "image_url")
_SEED, _MODEL = field("Acme1Fast", "seed"), field("TaskDetails", "model")
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_SHORT, _PLAIN = {"maxLength": 5}, {"pattern": "^[a-z]+$"}


def _file(document: Document) -> Document:
    found: Document = _IMAGE(document)["x-file"]
    return found


def _instead(find: Callable[[Document], Document], **values: Any) -> Callable[[Document], object]:
    """Another schema in a schema's place."""

    def change(document: Document) -> None:
        node = find(document)
        node.clear()
        node.update(values)

    return change


def _component(name: str, **values: Any) -> Callable[[Document], object]:
    return lambda document: document["components"]["schemas"].update({name: values})


def _all(*changes: Callable[[Document], object]) -> Callable[[Document], object]:
    return lambda document: [change(document) for change in changes]


def _to(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _described_reference(document: Document) -> None:
    """A reference says nothing but where to; what is to be said beside it needs an `allOf`."""
    data = schema(document, "TaskCallback")["allOf"][1]["properties"]
    data["data"] = {"allOf": [data["data"]], "description": "The task."}


def _answer(document: Document) -> Document:
    found: Document = create(document)["responses"]["200"]["content"]["application/json"]["schema"]
    return found


def _mapping(document: Document) -> Document:
    found: Document = schema(document, "CreateTaskRequest")["discriminator"]["mapping"]
    return found


_MOOD: dict[str, Any] = {"type": "object", "properties": {"mood": _TEXT}}
_LISTS = {f"{name}List": {"type": "array", "items": item} for name, item in (("Text", _TEXT), ("Number", _NUMBER))}

FILES = [
    Planted(
        "a smaller file", lambda d: _file(d).update({"max-bytes": 5_242_880}), MAJOR, "max-bytes 10485760 → 5242880"
    ),
    Planted("a larger file", lambda d: _file(d).update({"max-bytes": 20_971_520}), MINOR, "max-bytes"),
    Planted(
        "a kind of file refused", lambda d: _file(d)["media-types"].pop(), MAJOR, 'media type "image/webp" dropped'
    ),
    Planted(
        "a kind of file more",
        lambda d: _file(d)["media-types"].append("image/gif"),
        MINOR,
        'new media type "image/gif"',
    ),
    Planted("the kinds of file in another order", lambda d: _file(d)["media-types"].reverse(), None),
    Planted("no local file any more", drop(_IMAGE, "x-file"), MAJOR, "no longer takes a local file"),
    Planted(
        "a local file from now on",
        put(_PROMPT, **{"x-file": {"media-types": ["text/plain"], "max-bytes": 1}}),
        MINOR,
        "now takes a local file",
    ),
]

ALTERNATIVES = [
    Planted("a first alternative", put(_PROMPT, anyOf=[_PLAIN]), MAJOR, "from now on"),
    Planted("two first alternatives", put(_PROMPT, oneOf=[_PLAIN, _SHORT]), MAJOR, "from now on"),
    Planted("the last alternatives gone", drop(_PROMPT, "anyOf"), MINOR, "no longer", put(_PROMPT, anyOf=[_PLAIN])),
    Planted("first alternatives in an answer", put(_MODEL, anyOf=[_PLAIN]), PATCH, "from now on"),
    Planted(
        "the last alternatives gone from an answer",
        drop(_MODEL, "anyOf"),
        MAJOR,
        "no longer",
        put(_MODEL, anyOf=[_PLAIN]),
    ),
    Planted(
        "the same field, or a list",
        _instead(_PROMPT, oneOf=[_LISTS["TextList"], {**_TEXT, "maxLength": 1500}], description="What to show"),
        MINOR,
        "oneOf gained",
    ),
    Planted(
        "no list any more",
        _instead(_PROMPT, **_TEXT),
        MAJOR,
        "oneOf lost",
        _instead(_PROMPT, oneOf=[_TEXT, _LISTS["TextList"]]),
    ),
    Planted("an answer's field, or a number", _instead(_MODEL, oneOf=[_TEXT, _NUMBER]), MAJOR, "oneOf gained"),
    Planted(
        "an alternative gone from an answer",
        _instead(_MODEL, oneOf=[_TEXT]),
        PATCH,
        "oneOf lost",
        _instead(_MODEL, oneOf=[_TEXT, _NUMBER]),
    ),
    Planted(
        "alternatives with other texts, in another order",
        _instead(_PROMPT, oneOf=[{**_NUMBER, "description": "B"}, {**_TEXT, "description": "A"}]),
        PATCH,
        "description",
        _instead(_PROMPT, oneOf=[_TEXT, _NUMBER]),
    ),
    Planted(
        "another name for a model",
        lambda d: _mapping(d).update({"acme/one": _mapping(d)["acme/1-fast"]}),
        MINOR,
        "acme/one",
    ),
    Planted("a value forbidden", put(_PROMPT, **{"not": _PLAIN}), MAJOR, "not none →"),
    Planted("a value no longer forbidden", drop(_PROMPT, "not"), MINOR, "→ none", put(_PROMPT, **{"not": _PLAIN})),
]

CONDITIONS = [
    Planted("a condition more", put(_PROMPT, allOf=[_PLAIN]), MAJOR, "allOf gained"),
    Planted("a condition less", drop(_PROMPT, "allOf"), MINOR, "allOf lost", put(_PROMPT, allOf=[_PLAIN])),
    Planted("a condition less in an answer", drop(_MODEL, "allOf"), MAJOR, "allOf lost", put(_MODEL, allOf=[_PLAIN])),
    Planted("a part with a new field", put(whole("Acme1Fast"), allOf=[_MOOD]), MINOR, "allOf gained"),
    Planted(
        "a part with a new field behind a reference",
        _all(_component("Mood", **_MOOD), put(whole("Acme1Fast"), allOf=[_to("Mood")])),
        MINOR,
        "allOf gained Mood",
    ),
    Planted(
        "a part with a required field",
        put(whole("Acme1Fast"), allOf=[{**_MOOD, "required": ["mood"]}]),
        MAJOR,
        "allOf gained",
    ),
    Planted(
        "a part with a field gone",
        drop(whole("Acme1Fast"), "allOf"),
        MAJOR,
        "allOf lost",
        put(whole("Acme1Fast"), allOf=[_MOOD]),
    ),
    Planted("a part with a new field in an answer", lambda d: _answer(d)["allOf"].append(_MOOD), MINOR, "allOf gained"),
    Planted("an envelope gone", lambda d: _answer(d)["allOf"].pop(0), MAJOR, "allOf lost ApiResponse"),
    Planted("words beside a reference", _described_reference, None),
]

REFERENCES = [
    Planted(
        "another component of the same",
        put(field("TaskDetails", "state"), **_to("Phase")),
        MINOR,
        "refers to",
        lambda d: _component("Phase", **schema(d, "TaskState"))(d),
    ),
    Planted(
        "another component of something else",
        put(field("TaskDetails", "state"), **_to("Phase")),
        MAJOR,
        'new value "idle"',
        lambda d: _component("Phase", type="string", enum=[*schema(d, "TaskState")["enum"], "idle"])(d),
    ),
    Planted(
        "two fields behind one reference that only fits the first",
        _all(
            _instead(_PROMPT, **_to("Words")),
            _instead(_IMAGE, **_to("Words")),
        ),
        MAJOR,
        "maxLength 900 → 500",
        _all(
            _instead(_PROMPT, type="string", maxLength=500),
            _instead(_IMAGE, type="string", maxLength=900),
            _component("Words", type="string", maxLength=500),
        ),
    ),
    Planted(
        "a condition that holds itself",
        put(_SEED, allOf=[_to("Tree")]),
        MAJOR,
        "allOf gained Tree",
        _all(
            _instead(_SEED, type="array"),
            _component("Tree", allOf=[_to("Branches")], description="A tree"),
            _component("Branches", type="array", items=_to("Tree")),
        ),
    ),
    Planted(
        "a list that holds itself",
        _all(
            _component("Nest", type="array", items=_to("Nest")),
            put(whole("Acme1Fast"), allOf=[{"properties": {"nest": _to("Nest")}}]),
        ),
        MINOR,
        "allOf gained",
    ),
]

SENDERS = [
    Planted("a field that is only read", put(_SEED, readOnly=True), MAJOR, "readOnly"),
    Planted(
        "a field that is no longer only read", put(_SEED, readOnly=False), MINOR, "readOnly", put(_SEED, readOnly=True)
    ),
    Planted("a field that is not only read, as before", put(_SEED, readOnly=False), None),
    Planted("an answer's field that is only written", put(_MODEL, writeOnly=True), MAJOR, "writeOnly"),
    Planted("an answer's field that is only read", put(_MODEL, readOnly=True), PATCH, "readOnly"),
    Planted("text that becomes a time in Python", put(_MODEL, format="date-time"), MAJOR, "format none"),
    Planted(
        "a time that becomes text in Python",
        drop(_SEED, "format"),
        MAJOR,
        "format",
        _instead(_SEED, type="string", format="date-time"),
    ),
    Planted("a format in an answer", put(_MODEL, format="uri"), PATCH, "format none"),
    Planted(
        "further fields of one kind", put(whole("Acme1Fast"), additionalProperties=_TEXT), MAJOR, "held to a schema"
    ),
    Planted(
        "further fields of another kind",
        put(whole("Acme1Fast"), additionalProperties=_NUMBER),
        MAJOR,
        "type",
        put(whole("Acme1Fast"), additionalProperties=_TEXT),
    ),
    Planted(
        "further fields of an answer refused", put(whole("TaskDetails"), additionalProperties=False), PATCH, "refused"
    ),
    Planted(
        "a wider list", put(_SEED, items={}), MINOR, "type string → any", _instead(_SEED, type="array", items=_TEXT)
    ),
]

FORMS = [*FILES, *ALTERNATIVES, *CONDITIONS, *REFERENCES, *SENDERS]
