"""Merges the published pages and the companion documents into one OpenAPI document.

Every published model shares `POST /api/v1/jobs/createTask` and differs in `model` and `input`. The
merged operation takes a `oneOf` of one request schema for each model, with a discriminator; each
input becomes a component named after its model.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from scripts.spec.differing import difference
from scripts.spec.form import CREATE_TASK, check_form, request_schema
from scripts.spec.inputs import with_file_rules
from scripts.spec.names import check_class_name, class_name, name_members
from scripts.spec.problems import Problem, SpecError

Document = dict[str, Any]

REQUEST = "CreateTaskRequest"
_COMPONENTS = "#/components/schemas/"
_COMPONENT = re.compile(r"/components/[^/]+/[^/]+$")


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
    problems = [problem for name, page in pages.items() for problem in check_form(name, page)]
    if problems:
        raise SpecError(*problems)
    merged: Document = {}
    shared: Document = {}
    for name, page in pages.items():
        _add_shared(name, _shared_part(page), shared, problems)
        _fill(merged, page)
    operation = merged["paths"][CREATE_TASK]["post"]
    schemas = merged.setdefault("components", {}).setdefault("schemas", {})
    mapping: dict[str, str] = {}
    examples: dict[str, Any] = {}
    taken = [REQUEST, *(key for each in companions.values() for key in each.get("components", {}).get("schemas", {}))]
    for name, page in pages.items():
        _add_model(name, page, schemas, taken, mapping, examples, problems)
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
    taken: list[str],
    mapping: dict[str, str],
    examples: Document,
    problems: list[Problem],
) -> None:
    operation = page["paths"][CREATE_TASK]["post"]
    request = copy.deepcopy(request_schema(page))
    model = request["properties"]["model"]["enum"][0]
    refused = list(check_class_name(name, model, [*schemas, *taken]))
    if refused:
        problems += refused
        return
    name_of_input = class_name(model)
    name_of_request = f"{name_of_input}Request"
    problems += name_members(request["properties"]["input"], f"{name}, input")
    title = operation.get("summary", f"Create a task of {model}")
    schemas[name_of_input] = with_file_rules(request["properties"]["input"])
    request["properties"]["input"] = {"$ref": _COMPONENTS + name_of_input}
    schemas[name_of_request] = {"description": title, **request}
    mapping[model] = _COMPONENTS + name_of_request
    content = operation["requestBody"]["content"]["application/json"]
    if "example" in content:
        examples[model] = {"summary": title, "value": copy.deepcopy(content["example"])}


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


def _fill(target: Document, page: Document) -> None:
    """Add what the pages before did not say; what they did say stands (it agrees, where it counts)."""
    for key, value in page.items():
        if key not in target:
            target[key] = copy.deepcopy(value)
        elif isinstance(value, dict) and isinstance(target[key], dict) and not key.startswith("x-"):
            _fill(target[key], value)


def _shared_part(page: Document) -> Document:
    """What pages have to say alike: all but their own model, their texts about it and their examples."""
    shared: Document = _without(page, ("example", "examples"))
    for key in ("title", "description", "version"):
        shared["info"].pop(key, None)
    operation = shared["paths"][CREATE_TASK]["post"]
    for key in ("summary", "description", "operationId", "tags"):
        operation.pop(key, None)
    schema = request_schema(shared)
    # Each model keeps a request schema of its own, so only what both describe has to agree, in
    # anything but its words.
    for key in ("title", "description", "required"):
        schema.pop(key, None)
    for key in ("model", "input"):
        schema["properties"].pop(key, None)
    schema["properties"] = _without(schema["properties"], ("description",))
    return shared


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    if isinstance(value, list):
        return [_without(item, keys) for item in value]
    return value


# Where a page may say what others leave out.
_OPTIONAL = re.compile(r"/info(/contact|/license)?$|/components(/[^/]+)?$|.*/application~1json/schema/properties$")


def _add_shared(name: str, part: Document, shared: Document, problems: list[Problem]) -> None:
    """Hold a page against all before it; `shared` maps each place to what was said there, and by whom."""

    def visit(value: Any, at: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                visit(item, f"{at}/{pointer_step(key)}")
            if not _OPTIONAL.match(at):
                compare(sorted(value), at)
        else:
            compare(value, at)

    def compare(value: Any, at: str) -> None:
        other, known = shared.setdefault(at, (name, value))
        if known != value:
            problems.append(Problem(f"{other} and {name}", f"disagree at {at or '/'}: {difference(known, value)}"))

    visit(part, "")
