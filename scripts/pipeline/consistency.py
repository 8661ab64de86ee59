"""What all published pages have to say alike: everything but their own model and their words."""

from __future__ import annotations

import re
from typing import Any

from scripts.pipeline.issues import Issue
from scripts.pipeline.page_shape import CREATE_TASK, request_schema
from scripts.pipeline.text_diff import difference

Document = dict[str, Any]

# Said for people.
_WORDS = ("title", "summary", "description", "contact", "externalDocs", "example", "examples", "tags")
# Objects whose keys are names that somebody has given, so that none of them is one of the words above.
_NAMED = {"paths", "schemas", "properties", "responses", "headers", "parameters", "requestBodies", "securitySchemes"}
_NAMED |= {"links", "callbacks", "content", "encoding", "variables", "mapping", "scopes"}
# Values, which mean what they are.
_VALUES = ("enum", "default")
# Where a page may say what others leave out.
_OPTIONAL = re.compile(r"/info(/license)?$|/components(/[^/]+)?$|.*/application~1json/schema/properties$")
_REMEDY = "take the pages in as they are published now, in one run: scripts/update-spec --write SOURCE SOURCE"


def pointer_step(key: object) -> str:
    """One step of a JSON pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")


def ways_in(page: Document) -> list[Document]:
    """What a page asks for createTask: at the operation, or else for all operations; nothing said means no key."""
    found: list[Document] = page["paths"][CREATE_TASK]["post"].get("security", page.get("security", []))
    return found


def shared_part(page: Document) -> Document:
    """A page without its own model, its texts and its examples."""
    shared: Document = _without_words(page)
    shared["openapi"] = ".".join(page["openapi"].split(".")[:2])
    shared["info"].pop("version", None)
    operation = shared["paths"][CREATE_TASK]["post"]
    operation.pop("operationId", None)
    # Wherever it is said.
    operation["security"] = ways_in(page)
    shared.pop("security", None)
    schema = request_schema(shared)
    # Each model keeps a request schema of its own, so only what both describe has to agree.
    schema.pop("required", None)
    for key in ("model", "input"):
        schema["properties"].pop(key, None)
    return shared


def _without_words(value: Any, *, named: bool = False) -> Any:
    if isinstance(value, list):
        return [_without_words(item) for item in value]
    if not isinstance(value, dict):
        return value
    if named:
        return {key: _without_words(item) for key, item in value.items()}
    return {
        key: item if key in _VALUES or key.startswith("x-") else _without_words(item, named=key in _NAMED)
        for key, item in value.items()
        if key not in _WORDS
    }


def hold_together(name: str, part: Document, shared: Document, issues: list[Issue]) -> None:
    """Hold a page against all before it.

    Args:
        name: What to call the page in an error.
        part: Its shared part.
        shared: For each place what was said there first, and by whom; it is added to.
        issues: Takes what contradicts.
    """

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
            what = f"disagree at {at or '/'}: {difference(known, value)}"
            issues.append(Issue(f"{other} and {name}", what, _REMEDY))

    visit(part, "")
