"""Scenario files: how a simulator is set up, in TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import apikley_contract
from apikley_mock import admin_document
from apikley_mock.clock import Clock, RealClock
from apikley_mock.plan import durations_of
from apikley_mock.service import Service
from apikley_mock.settings import AccountSettings, Limit, Settings, documented_limits

_PLAIN = ("api_key", "webhook_key", "credits", "error_style", "lenient", "seed", "price")


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message is one line that says where and why."""


def load(path: Path) -> dict[str, Any]:
    """Read and check a scenario file.

    Raises:
        ScenarioError: It cannot be read, is no TOML, or does not fit the schema `Scenario`.
    """
    try:
        scenario = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from None
    wrong = admin_document.findings("Scenario", scenario) or _unknown_name(scenario)
    if wrong:
        raise ScenarioError(f"{path}: {wrong}")
    return scenario


def service_of(scenario: dict[str, Any], clock: Clock | None = None) -> Service:
    """The service that a checked scenario describes.

    Args:
        scenario: By the schema `Scenario`, as `load` gives it.
        clock: What time it lives by; the machine's at the scenario's `speed`, if not given.
    """
    values: dict[str, Any] = {name: scenario[name] for name in _PLAIN if name in scenario}
    models = scenario.get("models", {})
    values["prices"] = {name: model["price"] for name, model in models.items() if "price" in model}
    durations = {name: durations_of(model["durations"]) for name, model in models.items() if "durations" in model}
    values["model_durations"] = durations
    if "durations" in scenario:
        values["durations"] = durations_of(scenario["durations"])
    values["accounts"] = tuple(AccountSettings(**account) for account in scenario.get("accounts", []))
    values["callback_hosts"] = frozenset(scenario.get("callback_hosts", []))
    limits = documented_limits() if scenario.get("documented_limits") else {}
    given = {name: Limit(int(count), seconds) for name, (count, seconds) in scenario.get("limits", {}).items()}
    values["limits"] = {**limits, **given}
    settings = Settings(**values)
    if "plan" in scenario:
        settings = Settings(**values, plan=settings.plan.changed(admin_document.plan_rule(scenario["plan"]).what))
    faults = [admin_document.fault_rule(each) for each in scenario.get("faults", [])]
    plans = [admin_document.plan_rule(each) for each in scenario.get("plans", [])]
    return Service(settings, clock or RealClock(scenario.get("speed", 1.0)), faults=faults, plans=plans)


def _unknown_name(scenario: dict[str, Any]) -> str | None:
    """Models and operations are the contract's to name."""
    for model in scenario.get("models", {}):
        if model not in apikley_contract.models():
            return f"models: {model!r} is not in the contract; there are: {', '.join(apikley_contract.models())}"
    faulty = [fault.get("when", {}).get("operation") for fault in scenario.get("faults", [])]
    for operation in [*scenario.get("limits", {}), *filter(None, faulty)]:
        try:
            apikley_contract.operation(operation)
        except KeyError:
            return f"operation {operation!r} is not in the contract"
    return None
