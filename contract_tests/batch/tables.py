"""A contract with models for the tests of tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from contract_tests.other_models import contract_with, page_of, using

MODEL = "acme/table"
FIELDS = {
    "prompt": {"type": "string", "maxLength": 20},
    "duration": {"type": "integer", "minimum": 1, "maximum": 10},
    "scale": {"type": "number"},
    "loop": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "seeds": {"type": "array", "items": {"type": "integer"}},
    "camera": {"type": "object"},
    "size": {"oneOf": [{"type": "string", "enum": ["auto"]}, {"type": "integer", "minimum": 64}]},
    "seed": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
    "image_url": {"type": "string", "format": "uri", "x-file": {}},
    "image_urls": {"type": "array", "items": {"type": "string", "x-file": {}}},
}


@contextmanager
def table_contract() -> Iterator[None]:
    """Use a contract with this model, one with another field, and one that requires a callback URL."""
    pages = [page_of(MODEL, FIELDS, required=("prompt",)), page_of("acme/other", {"zoom": {"type": "string"}})]
    callback = {"type": "string", "format": "uri", "required": True}
    pages.append(page_of("acme/callback", {"prompt": {"type": "string"}}, callBackUrl=callback))
    with using(contract_with(*pages)):
        yield
