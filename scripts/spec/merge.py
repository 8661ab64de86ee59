"""Merges the published pages and the companion documents into one OpenAPI document.

Every published model shares `POST /api/v1/jobs/createTask` and differs in `model` and `input`. The
merged operation takes a `oneOf` of one request schema for each model, with a discriminator; each
input becomes a component named after its model.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from scripts.spec.inputs import with_file_rules
from scripts.spec.problems import Problem, SpecError

Document = dict[str, Any]

CREATE_TASK = "/api/v1/jobs/createTask"
REQUEST = "CreateTaskRequest"
_COMPONENTS = "#/components/schemas/"
_COMPONENT = re.compile(r"/components/[^/]+/[^/]+$")


def class_name(model: str) -> str:
    """The one rule that names a model's classes.

    >>> class_name("hailuo/02-image-to-video-pro")
    'Hailuo02ImageToVideoPro'
    """
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", model))


def pointer_step(key: object) -> str:
    """One step of a JSON pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")


def merge(pages: dict[str, Document], companions: dict[str, Document]) -> Document:
    """One document from all.

    Args:
        pages: Published documents by name, each with one createTask operation.
        companions: Documents of our own by name, which add paths and components.

    Raises:
        SpecError: Two documents contradict or collide; every such place is named.
    """
    if not pages:
        raise SpecError(Problem("openapi/vendored", "no published document found"))
    problems: list[Problem] = []
    first, *others = pages
    for other in others:
        problems += _disagreements(first, _shared_part(pages[first]), other, _shared_part(pages[other]))
    merged = copy.deepcopy(pages[first])
    operation = merged["paths"][CREATE_TASK]["post"]
    schemas = merged.setdefault("components", {}).setdefault("schemas", {})
    mapping: dict[str, str] = {}
    examples: dict[str, Any] = {}
    for name, page in pages.items():
        _add_model(name, page, schemas, mapping, examples, problems)
    schemas[REQUEST] = {
        "description": "What createTask takes: the model, and the input that this model asks for.",
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "model", "mapping": mapping},
    }
    operation["requestBody"]["content"]["application/json"] = {
        "schema": {"$ref": _COMPONENTS + REQUEST},
        "examples": examples,
    }
    for name, companion in companions.items():
        _add_companion(name, companion, merged, problems)
    if problems:
        raise SpecError(*problems)
    return merged


def _add_model(
    name: str,
    page: Document,
    schemas: Document,
    mapping: dict[str, str],
    examples: Document,
    problems: list[Problem],
) -> None:
    operation = page["paths"][CREATE_TASK]["post"]
    content = copy.deepcopy(operation["requestBody"]["content"]["application/json"])
    request = content["schema"]
    models = request["properties"]["model"].get("enum") or []
    if len(models) != 1:
        problems.append(Problem(name, f"names {len(models)} models in one request schema, expected one"))
        return
    model = models[0]
    name_of_input = class_name(model)
    name_of_request = f"{name_of_input}Request"
    problems += [
        Problem(name, f"the model {model!r} needs the name {component}, which is taken")
        for component in (name_of_input, name_of_request)
        if component in schemas
    ]
    schemas[name_of_input] = with_file_rules(request["properties"]["input"])
    request["properties"]["input"] = {"$ref": _COMPONENTS + name_of_input}
    schemas[name_of_request] = {"description": operation["summary"], **request}
    mapping[model] = _COMPONENTS + name_of_request
    if "example" in content:
        examples[model] = {"summary": operation["summary"], "value": content["example"]}


def _add_companion(name: str, companion: Document, merged: Document, problems: list[Problem]) -> None:
    """A companion adds to what is there; it changes nothing (that is the overlay's task)."""

    def add(target: Document, addition: Document, at: str) -> None:
        for key, value in addition.items():
            place = f"{at}/{pointer_step(key)}"
            if key not in target:
                target[key] = value
            elif isinstance(value, dict) and isinstance(target[key], dict) and not _COMPONENT.match(place):
                add(target[key], value, place)
            else:
                problems.append(Problem(name, f"{place} is described elsewhere too"))

    for part in ("paths", "components"):
        add(merged.setdefault(part, {}), copy.deepcopy(companion.get(part, {})), f"/{part}")


def _shared_part(page: Document) -> Document:
    """What every page has to say alike: all but its own model, its examples and its title."""
    shared: Document = _without_examples(page)
    for key in ("title", "description", "version"):
        shared["info"].pop(key, None)
    operation = shared["paths"][CREATE_TASK]["post"]
    for key in ("summary", "description", "operationId"):
        operation.pop(key, None)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for key in ("model", "input"):
        schema["properties"].pop(key, None)
    return shared


def _without_examples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_examples(item) for key, item in value.items() if key not in ("example", "examples")}
    if isinstance(value, list):
        return [_without_examples(item) for item in value]
    return value


def _disagreements(name: str, one: Any, other_name: str, other: Any, at: str = "") -> list[Problem]:
    if isinstance(one, dict) and isinstance(other, dict):
        found: list[Problem] = []
        for key in [*one, *(key for key in other if key not in one)]:
            found += _disagreements(name, one.get(key), other_name, other.get(key), f"{at}/{pointer_step(key)}")
        return found
    if one == other:
        return []
    return [Problem(f"{name} and {other_name}", f"disagree at {at}: {one!r} and {other!r}")]
