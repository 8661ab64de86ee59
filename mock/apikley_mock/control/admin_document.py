"""The admin API's own OpenAPI document, and what it says of requests and scenario files."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

import apikley_contract
from apikley_mock.control import conflicts as contradictions
from apikley_mock.control.armed import Rule
from apikley_mock.web import validation as judge
from apikley_mock.web.faults import Fault

_RULE = ("times", "share", "when")
# What answers lead to; faults can be armed for it beside the contract's operations.
FILES = ("result", "link", "file")


class ContradictionError(ValueError):
    """What fits its schema and contradicts itself."""


@cache
def text() -> bytes:
    """The document as it is served."""
    return files("apikley_mock").joinpath("control/admin.openapi.json").read_bytes()


@cache
def document() -> dict[str, Any]:
    """The document. Shared by all callers: not to be changed."""
    loaded: dict[str, Any] = json.loads(text())
    return loaded


def findings(schema: str, value: Any) -> str | None:
    """What is wrong with a value by one of the document's schemas, in one line; None where nothing is."""
    return judge.findings_of(_validator(schema), value)


def fault_rule(described: dict[str, Any], accounts: Collection[str]) -> Rule[Fault]:
    """A fault to be armed.

    Args:
        described: By the schema `Fault`.
        accounts: The names of all accounts.

    Raises:
        ContradictionError: It contradicts itself; the message says in what.
        ValueError: It does not fit the schema, or names what there is not; the message says what.
    """
    _demand("Fault", described, accounts)
    _demand_no(contradictions.of_fault(described))
    fault = Fault(**{name: value for name, value in described.items() if name not in _RULE})
    return Rule(fault, **_rule_options(described))


def plan_rule(described: dict[str, Any], accounts: Collection[str]) -> Rule[Any]:
    """Changes to a plan to be armed.

    Args:
        described: By the schema `PlanRule`.
        accounts: The names of all accounts.

    Raises:
        ContradictionError: They contradict each other; the message says in what.
        ValueError: They do not fit the schema, or name what there is not; the message says what.
    """
    _demand("PlanRule", described, accounts)
    _demand_no(contradictions.of_plan(described))
    plan = {name: value for name, value in described.items() if name not in _RULE}
    return Rule(contradictions.whole(plan), **_rule_options(described))


def _demand(schema: str, described: dict[str, Any], accounts: Collection[str]) -> None:
    wrong = findings(schema, described) or _unknown(described.get("when", {}), accounts)
    if wrong:
        raise ValueError(wrong)


def _demand_no(contradiction: str | None) -> None:
    if contradiction:
        raise ContradictionError(contradiction)


def _unknown(when: dict[str, str], accounts: Collection[str]) -> str | None:
    """What would never strike, since no request is ever like that."""
    known = {"operation": [*operations(), *FILES], "model": apikley_contract.models(), "account": accounts}
    for name, wanted in when.items():
        if name in known and wanted not in known[name]:
            return f"when.{name}: there is no {wanted!r}; there are: {', '.join(known[name])}"
    if "account" in when and when.get("operation") in FILES:
        return f"when.account: a {when['operation']} is served to anybody, whatever the account"
    return None


@cache
def operations() -> list[str]:
    """The ids of the contract's operations."""
    items = apikley_contract.openapi()["paths"].values()
    return [found["operationId"] for item in items for found in item.values() if "operationId" in found]


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
