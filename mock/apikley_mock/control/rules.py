"""Faults and plans that are armed for the next requests: a number of them, a share of them, or those that match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any, Generic, TypeVar

import msgspec

from apikley_mock.control.vocabulary import MAX_RULES, FaultRule, PlanRule

R = TypeVar("R", bound=FaultRule | PlanRule)


class TooManyRulesError(ValueError):
    """No more rules can be armed."""


class Armed(Generic[R]):
    """An armed rule.

    Attributes:
        rule: The rule.
        number: Its number, from 1.
        left: For how many more requests; None for all.
        met: How many requests it was for, whether drawn or not.
        struck: How often it had an effect.
        when: What a request must be, by name.
    """

    def __init__(self, rule: R, number: int) -> None:
        self.rule = rule
        self.number = number
        self.left = rule.times
        self.met = self.struck = 0
        self.when: dict[str, str] = msgspec.to_builtins(rule.when)

    def matches(self, facts: Mapping[str, str]) -> bool:
        """Whether the rule is for a request with these facts. A prompt only has to contain the text."""
        for name, expected in self.when.items():
            fact = facts.get(name, "")
            if not (expected in fact if name == "prompt" else expected == fact):
                return False
        return True

    def described(self) -> dict[str, Any]:
        """Return the rule as JSON values."""
        counts = {"number": self.number, "times": self.left, "met": self.met, "struck": self.struck}
        return {**msgspec.to_builtins(self.rule), **counts}


class Rules(Generic[R]):
    """Armed rules, oldest first.

    Args:
        random: Draws the share.
        rules: The first rules.
    """

    def __init__(self, random: Random, rules: Iterable[R] = ()) -> None:
        self._random = random
        self._armed: list[Armed[R]] = []
        self._last = 0
        self._disarmed: set[int] = set()
        self._all_disarmed_up_to = 0
        for rule in rules:
            self.arm(rule)

    def __bool__(self) -> bool:
        return bool(self._armed)

    def __iter__(self) -> Iterator[Armed[R]]:
        return iter(self._armed)

    def arm(self, rule: R) -> Armed[R]:
        """Arm a rule.

        Raises:
            TooManyRulesError: 1,000 rules are armed.
        """
        if len(self._armed) >= MAX_RULES:
            raise TooManyRulesError(f"{MAX_RULES:,} rules are armed already; disarm them first")
        self._last += 1
        armed = Armed(rule, self._last)
        self._armed.append(armed)
        return armed

    def disarm(self, number: int | None = None) -> bool:
        """Remove one rule, or all; returns whether there was one."""
        kept = [] if number is None else [armed for armed in self._armed if armed.number != number]
        found = len(kept) < len(self._armed)
        # Remembered, because the rule may be in use now.
        if number is None:
            self._all_disarmed_up_to = self._last
        else:
            self._disarmed.add(number)
        self._armed = kept
        return found

    def take(self, facts: Mapping[str, str], required: str | None = None) -> Armed[R] | None:
        """Return the first rule for a request, and use it once.

        Args:
            facts: What the request is, by name.
            required: A fact that the rule must name.
        """
        for armed in self._armed:
            if required is not None and required not in armed.when:
                continue
            if not armed.matches(facts):
                continue
            armed.met += 1
            if armed.rule.share >= 1 or self._random.random() < armed.rule.share:
                armed.struck += 1
                if armed.left is not None:
                    armed.left -= 1
                    if armed.left <= 0:
                        self._armed.remove(armed)
                return armed
        return None

    def give_back(self, armed: Armed[R]) -> None:
        """Undo one use of a rule that had no effect."""
        armed.met -= 1
        armed.struck -= 1
        is_disarmed = armed.number <= self._all_disarmed_up_to or armed.number in self._disarmed
        if armed.left is None or is_disarmed:
            return
        if armed.left == 0:
            self._armed.append(armed)
            self._armed.sort(key=lambda each: each.number)
        armed.left += 1
