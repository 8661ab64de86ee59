"""Edits of a contract, and the change that the report must find for each of them."""

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
from scripts.pipeline.prepared import prepare
from scripts.pipeline.report.changes import Severity

Document = dict[str, Any]
Edit = Callable[[Document], object]
Finder = Callable[[Document], Any]
MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH
RECORD_INFO = "/api/v1/jobs/recordInfo"


@dataclass(frozen=True)
class SpecChange:
    """One change of a contract.

    Attributes:
        name: A description of the change.
        edit: Makes the change.
        severity: The highest severity in the report; None if nothing but harmless changes may be reported.
        text: A part of a line with this severity.
        before: Prepares the document for the change.
    """

    name: str
    edit: Edit
    severity: Severity | None
    text: str = ""
    before: Edit = lambda _: None

    def apply(self, document: Document) -> tuple[Document, Document]:
        """Return the document before and after the change."""
        old = copy.deepcopy(document)
        self.before(old)
        new = copy.deepcopy(old)
        self.edit(new)
        return old, new


def merge_pages(pages: dict[str, Document], companions: dict[str, Document] | None = None) -> Document:
    """Return pages, and companion documents, as one document."""
    return merge([prepare(name, page) for name, page in pages.items()], companions or {})


def contract_of(pages: dict[str, Document]) -> Document:
    """Return the contract of some pages, before the validators."""
    companions = {path.name: read_document(path) for path in sorted((OPENAPI / "companion").glob("*.yaml"))}
    return complete(merge_pages(pages, companions))


def contract() -> Document:
    """Return the contract of all test pages, before the validators."""
    return contract_of(published_pages())


def at(*steps: Any) -> Finder:
    """Return a function that finds the node at these steps."""

    def find(document: Document) -> Any:
        node: Any = document
        for step in steps:
            node = node[step]
        return node

    return find


def schema(name: str, *steps: Any) -> Finder:
    return at("components", "schemas", name, *steps)


def field(name: str, field: str) -> Finder:
    return schema(name, "properties", field)


root = at()
create_path = at("paths", CREATE_TASK)
create = at("paths", CREATE_TASK, "post")
get_task = at("paths", RECORD_INFO, "get")


def put(find: Finder, **values: Any) -> Edit:
    return lambda document: find(document).update(values)


def replace(find: Finder, **values: Any) -> Edit:
    """Replace everything in an object."""

    def edit(document: Document) -> None:
        node = find(document)
        node.clear()
        node.update(values)

    return edit


def drop(find: Finder, key: Any) -> Edit:
    return lambda document: find(document).pop(key)


def append(find: Finder, value: Any) -> Edit:
    return lambda document: find(document).append(value)


def remove(find: Finder, value: Any) -> Edit:
    return lambda document: find(document).remove(value)


def all_of(*edits: Edit) -> Edit:
    return lambda document: [edit(document) for edit in edits]


def component(name: str, **values: Any) -> Edit:
    return put(at("components", "schemas"), **{name: values})


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
