"""Builds the contract from vendored and companion documents and the overlay."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from scripts.pipeline import codes, overlay
from scripts.pipeline.checks import check
from scripts.pipeline.evidence import add_grades
from scripts.pipeline.io import GENERATED, OPENAPI, display_path, dump, read_document
from scripts.pipeline.issues import refuse
from scripts.pipeline.merge import merge
from scripts.pipeline.prepared import Prepared, prepare, repaired
from scripts.pipeline.schema_checks import check_companion
from scripts.pipeline.vendored import documents, records


def prepared_pages(openapi: Path = OPENAPI) -> list[Prepared]:
    """Return the vendored documents with their repairs, in one form."""
    vendored, repairs = openapi / "vendored", read_document(openapi / "overlay.yaml")
    recorded = records(vendored)
    pages = []
    for path in documents(vendored):
        name = path.relative_to(vendored).as_posix()
        source = recorded.get(name, {}).get("source", name)
        pages.append(prepare(name, repaired(read_document(path), repairs, name, source)))
    return pages


def merge_folder(openapi: Path = OPENAPI) -> dict[str, Any]:
    """Return vendored and companion documents as one, before the overlay."""
    # Names start at the folder, because an update builds in a copy.
    paths = sorted((openapi / "companion").glob("*.yaml"))
    companions = {str(path.relative_to(openapi.parent)): read_document(path) for path in paths}
    refuse(issue for name, each in companions.items() for issue in check_companion(name, each))
    return merge(prepared_pages(openapi), companions)


def complete(document: dict[str, Any], openapi: Path = OPENAPI) -> dict[str, Any]:
    """Return a merged document with the overlay, the names of codes, and grades."""
    path = openapi / "overlay.yaml"
    where = display_path(path)
    return add_grades(codes.add_names(overlay.apply(document, read_document(path), where), where))


def build(openapi: Path = OPENAPI) -> dict[str, Any]:
    """Return the built and validated contract."""
    document = complete(merge_folder(openapi), openapi)
    check(document)
    return document


def write(document: dict[str, Any], generated: Path) -> None:
    """Write the package `apikley_contract`: the document, and a copy of the package's own code."""
    package = generated / "apikley_contract"
    package.mkdir(parents=True, exist_ok=True)
    for name in ("__init__.py", "py.typed"):
        shutil.copyfile(GENERATED / "apikley_contract" / name, package / name)
    (package / "openapi.json").write_text(dump(document), encoding="utf-8")
