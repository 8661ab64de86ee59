"""Faults and plans that are armed for the next requests: a number of them, a share of them, or those that match."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Generic, TypeVar

import msgspec

import apikley_contract
from apikley_mock.control.vocabulary import (
    FILE_OPERATIONS,
    Fault,
    FaultRule,
    PlanRule,
    VocabularyError,
    check_names,
    convert,
    operations,
    plan_changes,
)

T = TypeVar("T")

_MAX_RULES = 1000
_RULE_FIELDS = ("times", "share", "when")


class TooManyRulesError(ValueError):
    """No more rules can be armed."""


@dataclass
class Rule(Generic[T]):
    """An armed fault or plan.

    Attributes:
        what: The fault, or the changes to a plan.
        when: What a request must be, by name. A prompt only has to contain the text.
        times: For how many more requests; None for all.
        share: For which share of the matching requests, from 0 to 1.
        number: Its number, once it is armed.
    """

    what: T
    when: Mapping[str, str] = field(default_factory=dict)
    times: int | None = 1
    share: float = 1.0
    number: int = 0

    def matches(self, facts: Mapping[str, str]) -> bool:
        """Whether the rule is for a request with these facts."""
        for name, wanted in self.when.items():
            fact = facts.get(name, "")
            if not (wanted in fact if name == "prompt" else wanted == fact):
                return False
        return True

    def described(self) -> dict[str, Any]:
        """Return the rule as JSON values."""
        what = self.what if isinstance(self.what, dict) else msgspec.to_builtins(self.what)
        return {**what, "number": self.number, "times": self.times, "share": self.share, "when": dict(self.when)}


class Rules(Generic[T]):
    """Armed rules, oldest first.

    Args:
        random: Draws the share.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._rules: list[Rule[T]] = []
        self._last = 0
        self._disarmed = 0

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __iter__(self) -> Iterator[Rule[T]]:
        return iter(self._rules)

    def arm(self, rule: Rule[T]) -> Rule[T]:
        """Add a rule and number it.

        Raises:
            TooManyRulesError: 1,000 rules are armed.
        """
        if len(self._rules) >= _MAX_RULES:
            raise TooManyRulesError(f"{_MAX_RULES:,} rules are armed already; disarm them first")
        self._last += 1
        rule.number = self._last
        self._rules.append(rule)
        return rule

    def disarm(self) -> None:
        """Remove all rules."""
        self._rules.clear()
        self._disarmed = self._last

    def take(self, facts: Mapping[str, str], required: str | None = None) -> Rule[T] | None:
        """Return the first rule for a request, and use it once.

        Args:
            facts: What the request is, by name.
            required: A fact that the rule must name.
        """
        for rule in self._rules:
            if required is not None and required not in rule.when:
                continue
            if rule.matches(facts) and (rule.share >= 1 or self._random.random() < rule.share):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
                return rule
        return None

    def give_back(self, rule: Rule[T]) -> None:
        """Undo one use of a rule that had no effect."""
        if rule.times is None or rule.number <= self._disarmed:
            return
        if rule.times == 0:
            self._rules.append(rule)
            self._rules.sort(key=lambda each: each.number)
        rule.times += 1


def fault_rule(described: Mapping[str, Any], accounts: Collection[str]) -> Rule[Fault]:
    """Validate a fault to be armed.

    Args:
        described: The members of a `FaultRule`.
        accounts: The names of all accounts.

    Raises:
        VocabularyError: It is invalid, or names what does not exist.
    """
    rule = convert(described, FaultRule)
    fault = Fault(**{name: getattr(rule, name) for name in Fault.__struct_fields__})
    when = dict(described.get("when", {}))
    if "account" in when and when.get("operation") in FILE_OPERATIONS:
        raise VocabularyError(f"when.account: a {when['operation']} is served without an account")
    check_names("when.operation", [when[name] for name in ("operation",) if name in when], _fault_operations())
    check_names("when.account", [when[name] for name in ("account",) if name in when], accounts)
    return Rule(fault, when, rule.times, rule.share)


def plan_rule(described: Mapping[str, Any], accounts: Collection[str]) -> Rule[Mapping[str, Any]]:
    """Validate changes to a plan to be armed.

    Args:
        described: The members of a `PlanRule`.
        accounts: The names of all accounts.

    Raises:
        VocabularyError: They are invalid, contradict each other, or name what does not exist.
    """
    rule = convert(described, PlanRule)
    changes = plan_changes({name: value for name, value in described.items() if name not in _RULE_FIELDS})
    when = dict(described.get("when", {}))
    check_names("when.model", [when[name] for name in ("model",) if name in when], apikley_contract.models())
    check_names("when.account", [when[name] for name in ("account",) if name in when], accounts)
    return Rule(changes, when, rule.times, rule.share)


def _fault_operations() -> list[str]:
    return [*operations(), *FILE_OPERATIONS]
