"""Brings a published document into one form, whatever tool has published it.

Extensions and meaningless members (`deprecated: false`, `parameters: []`) go, references are replaced by their
targets, and forms that OpenAPI 3.0 does not know get the form that it knows. The vendored copy keeps everything.
"""

from __future__ import annotations

from typing import Any

from scripts.pipeline.issues import error, pointer

Document = dict[str, Any]

# Objects whose keys are names, so a key such as `x-ratio` is no extension there.
_NAMED = {"paths", "schemas", "properties", "responses", "headers", "parameters", "requestBodies", "securitySchemes"}
_NAMED |= {"links", "callbacks", "content", "encoding", "variables", "mapping", "scopes"}
# Members whose values are data.
_VALUES = {"enum", "default", "example", "const"}
_MEANINGLESS: dict[str, Any] = {"deprecated": False, "nullable": False, "additionalProperties": True}
_EMPTY = ("parameters", "headers", "required", "examples", "links", "callbacks", "servers", "tags")
# References can expand without bounds.
_MAX_NODES = 100_000


def normalize(document: Document, name: str) -> Document:
    """Return a normalized copy of a published document.

    Args:
        document: The document.
        name: Its name in errors.

    Raises:
        SpecError: A reference is circular or has no target, or the document expands too much.
    """
    found: Document = _Normalization(document, name).node(document, "", ())
    components = found.pop("components", None)
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    if schemes:
        found["components"] = {"securitySchemes": schemes}
    for scheme in schemes.values() if isinstance(schemes, dict) else ():
        if isinstance(scheme, dict) and scheme.get("type") == "bearer":
            scheme |= {"type": "http", "scheme": "bearer"}
    return found


def inlined(document: Document, node: Any, name: str) -> Any:
    """Return a normalized copy of one node of a document."""
    return _Normalization(document, name).node(node, "", ())


class _Normalization:
    def __init__(self, document: Document, name: str) -> None:
        self._document, self._name = document, name
        self._nodes = 0

    def node(self, value: Any, at: str, references: tuple[str, ...], *, named: bool = False) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise error(self._name, f"its references expand to more than {_MAX_NODES:,} nodes")
        if isinstance(value, list):
            return [self.node(item, pointer(at, index), references) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if named:
            return {key: self.node(item, pointer(at, key), references) for key, item in value.items()}
        if isinstance(value.get("$ref"), str):
            return self._target(value, at, references)
        found = {
            key: item if key in _VALUES else self.node(item, pointer(at, key), references, named=key in _NAMED)
            for key, item in value.items()
            if key != "callbacks"  # they are in a companion document
            and not str(key).startswith("x-")
            and not (key in _MEANINGLESS and item is _MEANINGLESS[key])
            and not (key in _EMPTY and item in ([], {}))
        }
        return _as_openapi_3_0(found)

    def _target(self, value: Document, at: str, references: tuple[str, ...]) -> Any:
        reference = value["$ref"]
        if reference in references:
            raise error(f"{self._name}, {at}", f"the reference {reference} is circular")
        target: Any = self._document
        for step in reference.removeprefix("#/").split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        if not reference.startswith("#/") or not isinstance(target, dict):
            raise error(f"{self._name}, {at}", f"the reference {reference} has no target in this document")
        found = self.node(target, at, (*references, reference))
        # OpenAPI 3.0 ignores other members, but publishers describe a field there.
        text = value.get("description")
        return {**found, "description": text} if isinstance(text, str) else found


def _as_openapi_3_0(node: Document) -> Document:
    """Return an object with the members of later versions of JSON Schema in the form of OpenAPI 3.0."""
    if isinstance(node.get("examples"), list):
        examples = node.pop("examples")
        node.setdefault("example", examples[0])
    if isinstance(node.get("type"), list):
        types = [each for each in node["type"] if each != "null"]
        if len(types) == 1:
            node |= {"type": types[0], **({"nullable": True} if len(node["type"]) > 1 else {})}
    if "const" in node and "enum" not in node:
        node["enum"] = [node.pop("const")]
    return node
