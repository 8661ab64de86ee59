"""Contracts with other models than the vendored ones, for tests in one process."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

import apikley_contract
import apikley_mock.web.validation
from apikley._model import validation
from contract_tests.pipeline.contract_edits import contract_of
from contract_tests.pipeline.pages import ACME, HAILUO, published_pages
from scripts.pipeline.page_shape import request_schema

# Caches of what the contract says.
_CACHES = (
    apikley_contract.models,
    apikley_contract.schemas,
    apikley_contract.operation,
    apikley_contract.codes,
    validation._validator,
    validation._names_with_space,
    apikley_mock.web.validation._validator,
)


def page_of(model: str, fields: Mapping[str, Any], *, required: tuple[str, ...] = (), **top: Any) -> dict[str, Any]:
    """Return a made-up page.

    Args:
        model: The model.
        fields: The schemas of the input's fields.
        required: The required fields of the input.
        top: Fields beside `model` and `input`; a required one has `"required": True`.
    """
    page = published_pages()[ACME]
    request = request_schema(page)
    request["properties"]["model"].update(enum=[model], default=model)
    request["properties"]["input"] = {"type": "object", "properties": dict(fields)}
    if required:
        request["properties"]["input"]["required"] = [*required]
    for name, schema in top.items():
        request["properties"][name] = {key: value for key, value in schema.items() if key != "required"}
    request["required"] = ["model", *(name for name, schema in top.items() if schema.get("required"))]
    page["paths"]["/api/v1/jobs/createTask"]["post"]["summary"] = model
    del page["paths"]["/api/v1/jobs/createTask"]["post"]["requestBody"]["content"]["application/json"]["example"]
    return page


def contract_with(*pages: dict[str, Any]) -> dict[str, Any]:
    """Return the contract of the seed page and other pages."""
    return contract_of({HAILUO: published_pages()[HAILUO], **{f"page {n}": page for n, page in enumerate(pages)}})


@contextmanager
def using(document: dict[str, Any]) -> Iterator[None]:
    """Let client and simulator read another contract."""
    used = copy.deepcopy(document)
    with mock.patch.object(apikley_contract, "openapi", return_value=used):
        for cache in _CACHES:
            cache.cache_clear()
        try:
            yield
        finally:
            for cache in _CACHES:
                cache.cache_clear()
