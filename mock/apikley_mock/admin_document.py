"""The admin API's own OpenAPI document, and what it says of requests and scenario files."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from apikley_mock import judge
from apikley_mock.faults import Fault
from apikley_mock.rules import Rule

_RULE = ("times", "share", "when")


@cache
def text() -> bytes:
    """The document as it is served."""
    return files("apikley_mock").joinpath("admin.openapi.json").read_bytes()


@cache
def document() -> dict[str, Any]:
    """The document. Shared by all callers: not to be changed."""
    loaded: dict[str, Any] = json.loads(text())
    return loaded


def findings(schema: str, value: Any) -> str | None:
    """What is wrong with a value by one of the document's schemas, in one line; None where nothing is."""
    return judge.findings_of(_validator(schema), value)


def fault_rule(described: dict[str, Any]) -> Rule[Fault]:
    """A fault to be armed, from its description by the schema `Fault`."""
    fault = Fault(**{name: value for name, value in described.items() if name not in _RULE})
    return Rule(fault, **_rule_options(described))


def plan_rule(described: dict[str, Any]) -> Rule[Any]:
    """Changes to a plan to be armed, from their description by the schema `Plan`."""
    return Rule({name: value for name, value in described.items() if name not in _RULE}, **_rule_options(described))


def _rule_options(described: dict[str, Any]) -> dict[str, Any]:
    return {name: described[name] for name in _RULE if name in described}


@cache
def _validator(schema: str) -> jsonschema_rs.Draft4Validator:
    components = _draft4(document()["components"])
    return jsonschema_rs.Draft4Validator({"$ref": f"#/components/schemas/{schema}", "components": components})


def _draft4(node: Any) -> Any:
    """Schemas of OpenAPI 3.0 as JSON Schema: `nullable` is the one thing that it has not."""
    if isinstance(node, list):
        return [_draft4(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: _draft4(value) for name, value in node.items()}
    if found.pop("nullable", False) is True:
        found["type"] = [found["type"], "null"]
    return found
