"""A contract with a model for the tests of tables: a field of each type, and files."""

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
    "image_url": {"type": "string", "format": "uri", "x-file": {}},
    "image_urls": {"type": "array", "items": {"type": "string", "x-file": {}}},
}


@contextmanager
def table_contract() -> Iterator[None]:
    """Use a contract with this model and another one."""
    pages = page_of(MODEL, FIELDS, required=("prompt",)), page_of("acme/other", {"zoom": {"type": "string"}})
    with using(contract_with(*pages)):
        yield
