"""What a planted change of the contract is made of: a document, a place in it, and a verdict."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.pipeline.pages import published_pages
from scripts.pipeline.contract import complete
from scripts.pipeline.io import OPENAPI, read_document
from scripts.pipeline.merge import merge
from scripts.pipeline.page_shape import CREATE_TASK
from scripts.pipeline.report.changes import Severity

Document = dict[str, Any]
MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH
RECORD_INFO = "/api/v1/jobs/recordInfo"


@dataclass(frozen=True)
class Planted:
    """One change.

    Attributes:
        name: In words.
        change: What it does to a document.
        verdict: What the report has to say of it; None for no change at all.
        words: What the report's worst lines have to say.
        before: What the document has to hold already, so that it can change.
    """

    name: str
    change: Callable[[Document], object]
    verdict: Severity | None
    words: str = ""
    before: Callable[[Document], object] = lambda _: None


def contract(*models: str) -> Document:
    """The contract of some of the test models, before the validators."""
    pages = {name: page for name, page in published_pages().items() if name in models}
    return contract_of(pages)


def contract_of(pages: dict[str, Document]) -> Document:
    """The contract of some pages, before the validators."""
    companions = {path.name: read_document(path) for path in sorted((OPENAPI / "companion").glob("*.yaml"))}
    return complete(merge(pages, companions))


def planted(document: Document, change: Planted) -> tuple[Document, Document]:
    """The document before the change and after it."""
    old = copy.deepcopy(document)
    change.before(old)
    new = copy.deepcopy(old)
    change.change(new)
    return old, new


def schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def field(model: str, name: str) -> Callable[[Document], Document]:
    def find(document: Document) -> Document:
        found: Document = schema(document, model)["properties"][name]
        return found

    return find


def put(find: Callable[[Document], Document], **values: Any) -> Callable[[Document], object]:
    return lambda document: find(document).update(values)


def drop(find: Callable[[Document], Document], key: str) -> Callable[[Document], object]:
    return lambda document: find(document).pop(key)


def whole(name: str) -> Callable[[Document], Document]:
    return lambda document: schema(document, name)


def create(document: Document) -> Document:
    found: Document = document["paths"][CREATE_TASK]["post"]
    return found


def look(document: Document) -> Document:
    found: Document = document["paths"][RECORD_INFO]["get"]
    return found


def callback_data(document: Document) -> Document:
    return next(part for part in schema(document, "TaskCallbackData")["allOf"] if "$ref" not in part)
