"""Things armed for requests to come: the next n, some share of them, or those that match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 1000


class TooManyRulesError(ValueError):
    """No more can be armed."""


@dataclass
class Rule(Generic[T]):
    """One thing that is armed.

    Attributes:
        what: The thing.
        when: What a request must be for it, by name; a prompt only has to contain the text.
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
        """Whether a request with these facts is meant."""
        for name, wanted in self.when.items():
            fact = facts.get(name, "")
            if not (wanted in fact if name == "prompt" else wanted == fact):
                return False
        return True


class Rules(Generic[T]):
    """What is armed, oldest first.

    Args:
        random: Decides where only a share is meant.
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
        """Add one; it gets its number.

        Raises:
            TooManyRulesError: So many are armed that no request needs another.
        """
        if len(self._rules) >= _MOST:
            raise TooManyRulesError(f"{_MOST:,} are armed already; disarm them first")
        self._last += 1
        rule.number = self._last
        self._rules.append(rule)
        return rule

    def disarm(self) -> None:
        """Take away all."""
        self._rules.clear()
        self._disarmed = self._last

    def take(self, facts: Mapping[str, str], named: str | None = None) -> T | None:
        """The first thing that is armed for such a request, used once by this; see `draw`."""
        rule = self.draw(facts, named)
        return None if rule is None else rule.what

    def draw(self, facts: Mapping[str, str], named: str | None = None) -> Rule[T] | None:
        """The first rule that is armed for such a request, used once by this.

        Args:
            facts: What the request is, by name.
            named: Which of the facts has to be named by what is armed.
        """
        for rule in self._rules:
            if named is not None and named not in rule.when:
                continue
            if rule.matches(facts) and (rule.share >= 1 or self._random.random() < rule.share):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
                return rule
        return None

    def give_back(self, rule: Rule[T]) -> None:
        """Take back that a rule was used, since it came to nothing."""
        if rule.times is None or rule.number <= self._disarmed:
            return
        if rule.times == 0:
            self._rules.append(rule)
            self._rules.sort(key=lambda each: each.number)
        rule.times += 1
