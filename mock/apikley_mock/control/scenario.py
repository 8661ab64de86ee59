"""Scenario files: how a simulator is set up, in TOML or YAML."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import apikley_contract
from apikley_mock.control import admin_document
from apikley_mock.control import conflicts as contradictions
from apikley_mock.control.armed import Rule
from apikley_mock.control.plan import Plan, durations_of
from apikley_mock.control.settings import AccountSettings, Limit, Settings, documented_limits
from apikley_mock.service import Service
from apikley_mock.web.faults import Fault
from apikley_mock.world.clock import Clock, RealClock

_PLAIN = ("api_key", "webhook_key", "credits", "error_style", "lenient", "seed", "price")
_YAML = (".yaml", ".yml")

T = TypeVar("T")


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message is one line that says where and why."""


def load(path: Path) -> dict[str, Any]:
    """Read and check a scenario file: YAML where it is called so, by `.yaml` or `.yml`, otherwise TOML.

    Raises:
        ScenarioError: It cannot be read, is none of that, or does not fit the schema `Scenario`.
    """
    try:
        text = path.read_text(encoding="utf-8")
        scenario = _of_yaml(text) if path.suffix.lower() in _YAML else tomllib.loads(text)
        service_of(scenario)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ScenarioError(f"{path}: nested too deeply") from None
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None
    return scenario


def changed(scenario: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario with other members in place of its own, also of those that say the same more closely.

    Args:
        scenario: By the schema `Scenario`.
        given: Members that go before its own.
    """
    kept = dict(scenario)
    if "durations" in given:
        if "plan" in kept:
            kept["plan"] = _without(kept["plan"], {"durations"})
        if "models" in kept:
            kept["models"] = {name: _without(model, {"durations"}) for name, model in kept["models"].items()}
    if given.get("documented_limits") and "limits" in kept:
        kept["limits"] = _without(kept["limits"], set(documented_limits()))
    return {**kept, **given}


def service_of(scenario: dict[str, Any], clock: Clock | None = None) -> Service:
    """The service that a scenario describes.

    Args:
        scenario: By the schema `Scenario`.
        clock: What time it lives by; the machine's at the scenario's `speed`, if not given.

    Raises:
        ScenarioError: It does not fit the schema, or names what there is not.
    """
    wrong = admin_document.findings("Scenario", scenario) or _unknown_name(scenario)
    if not wrong and (contradiction := contradictions.of_plan(scenario.get("plan", {}))):
        wrong = f"plan.{contradiction}"
    if wrong:
        raise ScenarioError(wrong)
    settings = _settings_of(scenario)
    if wrong := _not_unique(settings.all_accounts()):
        raise ScenarioError(wrong)
    names = [account.name for account in settings.all_accounts()]
    faults: list[Rule[Fault]] = _rules(scenario, "faults", admin_document.fault_rule, names)
    plans: list[Rule[Mapping[str, Any]]] = _rules(scenario, "plans", admin_document.plan_rule, names)
    return Service(settings, clock or RealClock(scenario.get("speed", 1.0)), faults=faults, plans=plans)


def _of_yaml(text: str) -> Any:
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415 - takes its time, and most scenarios are TOML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ScenarioError(f"{error.name} is not installed; run: pip install 'apikley[mock]'") from None
    try:
        found = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        line = f" (at line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ScenarioError(f"not YAML: {error.problem}{line}") from None
    except YAMLError as error:
        raise ScenarioError(f"not YAML: {str(error).splitlines()[0]}") from None
    return {} if found is None else found


def _settings_of(scenario: dict[str, Any]) -> Settings:
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
    if "plan" in scenario:
        values["plan"] = plan = Plan().changed(contradictions.whole(scenario["plan"]))
        if "durations" in scenario["plan"]:
            values["durations"] = plan.durations
    return Settings(**values)


def _without(members: Mapping[str, Any], left_out: set[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in left_out}


def _not_unique(accounts: list[AccountSettings]) -> str | None:
    for what in ("name", "key"):
        owners: dict[str, str] = {}
        for account in accounts:
            value = getattr(account, what)
            if value in owners:
                return f"accounts: {owners[value]!r} and {account.name!r} have the same {what}; give each its own"
            owners[value] = account.name
    return None


def _rules(
    scenario: dict[str, Any], member: str, make: Callable[[dict[str, Any], list[str]], Rule[T]], accounts: list[str]
) -> list[Rule[T]]:
    rules = []
    for place, described in enumerate(scenario.get(member, [])):
        try:
            rules.append(make(described, accounts))
        except ValueError as error:
            raise ScenarioError(f"{member}.{place}.{error}") from None
    return rules


def _unknown_name(scenario: dict[str, Any]) -> str | None:
    """Models and operations are the contract's to name."""
    for model in scenario.get("models", {}):
        if model not in apikley_contract.models():
            return f"models: {model!r} is not in the contract; there are: {', '.join(apikley_contract.models())}"
    for operation in scenario.get("limits", {}):
        if operation not in admin_document.operations():
            return f"limits: {operation!r} is not in the contract; there are: {', '.join(admin_document.operations())}"
    return None
