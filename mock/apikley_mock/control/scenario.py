"""Scenario files: the settings of a simulator in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apikley_contract
from apikley_mock.control.vocabulary import (
    Settings,
    VocabularyError,
    check_names,
    check_rule,
    convert,
    documented_limits,
    operations,
)


def load(path: Path) -> dict[str, Any]:
    """Read and validate a scenario file.

    Raises:
        VocabularyError: It cannot be read, is not TOML, or is invalid.
    """
    try:
        members = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        parse(members)
    except OSError as error:
        raise VocabularyError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise VocabularyError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise VocabularyError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise VocabularyError(f"{path}: nested too deeply") from None
    except VocabularyError as error:
        raise VocabularyError(f"{path}: {error}") from None
    except ValueError as error:  # a number of thousands of digits
        raise VocabularyError(f"{path}: not TOML: {error}") from None
    return members


def parse(members: Mapping[str, Any]) -> Settings:
    """Validate the members of a scenario.

    Raises:
        VocabularyError: They are invalid, contradict each other, or name what does not exist.
    """
    settings = convert(members, Settings)
    check_names("models", settings.models, apikley_contract.models())
    check_names("limits", settings.limits, operations())
    accounts = [account.name for account in settings.all_accounts()]
    for place, fault in enumerate(settings.faults):
        check_rule(fault, accounts, f"faults[{place}].")
    for place, plan in enumerate(settings.plans):
        check_rule(plan, accounts, f"plans[{place}].")
    return settings


def overridden(members: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scenario with options that take precedence, also over more specific members."""
    kept = dict(members)
    if "durations" in options:
        kept["plan"] = _without(kept.get("plan", {}), {"durations"})
        kept["models"] = {name: _without(model, {"durations"}) for name, model in kept.get("models", {}).items()}
    if options.get("documented_limits"):
        kept["limits"] = _without(kept.get("limits", {}), set(documented_limits()))
    return {**kept, **options}


def _without(members: Mapping[str, Any], left_out: set[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in left_out}
