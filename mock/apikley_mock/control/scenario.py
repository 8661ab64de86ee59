"""Scenario files: the settings of a simulator in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import apikley_contract
from apikley_mock.control.rules import Rule, fault_rule, plan_rule
from apikley_mock.control.vocabulary import (
    Fault,
    Settings,
    VocabularyError,
    check_names,
    convert,
    documented_limits,
    operations,
    plan_changes,
)
from apikley_mock.world.plan import Plan


class ScenarioError(ValueError):
    """A scenario cannot be used. The message is one line that names the place."""


class Scenario(NamedTuple):
    """Validated settings with their rules."""

    settings: Settings
    faults: list[Rule[Fault]]
    plans: list[Rule[Mapping[str, Any]]]


def load(path: Path) -> dict[str, Any]:
    """Read and validate a scenario file.

    Raises:
        ScenarioError: It cannot be read, is not TOML, or is invalid.
    """
    try:
        members = tomllib.loads(path.read_text(encoding="utf-8"))
        parse(members)
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
    return members


def parse(members: Mapping[str, Any]) -> Scenario:
    """Validate the members of a scenario.

    Raises:
        ScenarioError: They are invalid, contradict each other, or name what does not exist.
    """
    try:
        settings = convert(members, Settings)
        check_names("models", settings.models, apikley_contract.models())
        check_names("limits", settings.limits, operations())
    except VocabularyError as error:
        raise ScenarioError(str(error)) from None
    accounts = [account.name for account in settings.all_accounts()]
    plan = _at("plan", lambda: Plan().changed(plan_changes(members.get("plan", {}))))
    faults = [
        _at(f"faults[{place}]", lambda each=each: fault_rule(each, accounts))
        for place, each in enumerate(members.get("faults", []))
    ]
    plans = [
        _at(f"plans[{place}]", lambda each=each: plan_rule(each, accounts))
        for place, each in enumerate(members.get("plans", []))
    ]
    values = {name: getattr(settings, name) for name in Settings.__struct_fields__}
    if "durations" in members.get("plan", {}):
        values["durations"] = None  # the plan's own take precedence
    return Scenario(Settings(**{**values, "plan": plan}), faults, plans)


def overridden(members: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scenario with options that take precedence, also over more specific members."""
    kept = dict(members)
    if "durations" in options:
        kept["plan"] = _without(kept.get("plan", {}), {"durations"})
        kept["models"] = {name: _without(model, {"durations"}) for name, model in kept.get("models", {}).items()}
    if options.get("documented_limits"):
        kept["limits"] = _without(kept.get("limits", {}), set(documented_limits()))
    return {**kept, **options}


def _at(place: str, parse: Any) -> Any:
    try:
        return parse()
    except VocabularyError as error:
        raise ScenarioError(f"{place}.{error}") from None


def _without(members: Mapping[str, Any], left_out: set[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in left_out}
