"""Validates the built contract with two independent tools."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV30SpecValidator
from referencing.exceptions import Unresolvable

from scripts.pipeline import node
from scripts.pipeline.io import OPENAPI, ROOT, dump
from scripts.pipeline.issues import Issue, refuse


def check(document: dict[str, Any]) -> None:
    """Refuse a document that is not valid OpenAPI 3.0, with all issues of the first tool that finds any."""
    refuse(validate(document))
    refuse(_lint(document))


def validate(document: dict[str, Any]) -> Iterator[Issue]:
    """Yield the issues that openapi-spec-validator finds."""
    try:
        for error in OpenAPIV30SpecValidator(document).iter_errors():
            place = "/" + "/".join(str(step) for step in error.absolute_path)
            # The following lines of the message are the whole schema.
            yield Issue(f"built contract, {place}", f"openapi-spec-validator: {error.message.splitlines()[0][:300]}")
    except Unresolvable as error:
        yield Issue("built contract", f"the reference {error.ref!r} cannot be resolved")


def _lint(document: dict[str, Any]) -> Iterator[Issue]:
    node.install()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openapi.json"
        path.write_text(dump(document), encoding="utf-8")
        config = OPENAPI / "redocly.yaml"
        command = node.tool("redocly", "lint", str(path), "--config", str(config), "--format", "json")
        run = subprocess.run(command, cwd=ROOT, env=node.environment(), capture_output=True, text=True, check=False)
    try:
        problems = json.loads(run.stdout)["problems"]
    except (ValueError, KeyError):
        last = (run.stderr.strip() or "no output").splitlines()[-1]
        yield Issue("redocly lint", f"did not run: {last}")
        return
    for each in problems:
        place = each["location"][0].get("pointer", "") if each["location"] else ""
        yield Issue(f"built contract, {place}", f"redocly {each['ruleId']}: {each['message']}")
