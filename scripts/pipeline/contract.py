"""Builds the contract: vendored and companion documents, merged, overlaid, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.pipeline import codes, overlay
from scripts.pipeline.checks import check
from scripts.pipeline.io import GENERATED, OPENAPI, dump, read, read_document, shown
from scripts.pipeline.merge import merge
from scripts.pipeline.schema_checks import check_companion, check_overlay, refuse
from scripts.pipeline.schemas import definitions
from scripts.pipeline.vendored import documents

PACKAGE = Path(__file__).with_name("contract_package.py")


def merged(openapi: Path = OPENAPI) -> dict[str, Any]:
    """Vendored and companion documents as one, before the overlay."""
    paths = [*documents(openapi / "vendored")], sorted((openapi / "companion").glob("*.yaml"))
    # Named from the folder on, wherever it is: an update builds in a copy.
    pages, companions = ({str(p.relative_to(openapi.parent)): read_document(p) for p in part} for part in paths)
    refuse([problem for name, each in companions.items() for problem in check_companion(name, each)])
    return merge(pages, companions)


def overlaid(document: dict[str, Any], openapi: Path = OPENAPI) -> dict[str, Any]:
    """A merged document with all that we add: the overlay applied, and each code named.

    Raises:
        SpecError: The overlay does not fit the document.
    """
    path = openapi / "overlay.yaml"
    where, changes = shown(path), read_document(path)
    refuse(check_overlay(where, changes))
    return codes.named(overlay.apply(document, changes, where), where)


def build(openapi: Path = OPENAPI) -> dict[str, Any]:
    """The built contract.

    Raises:
        SpecError: Something in `openapi/` is refused.
    """
    document = overlaid(merged(openapi), openapi)
    check(document)
    return document


def write(document: dict[str, Any], generated: Path = GENERATED) -> None:
    """Write the package `apikley_contract`."""
    package = generated / "apikley_contract"
    package.mkdir(parents=True, exist_ok=True)
    (package / "openapi.json").write_text(dump(document), encoding="utf-8")
    (package / "schemas.json").write_text(dump(definitions(document)), encoding="utf-8")
    (package / "__init__.py").write_text(read(PACKAGE), encoding="utf-8")
    (package / "py.typed").write_text("", encoding="utf-8")
