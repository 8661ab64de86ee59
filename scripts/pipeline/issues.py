"""The pipeline's errors, collected as values and printed together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One error: where it is, what is wrong, and what to do about it.

    Attributes:
        where: The place.
        what: What is wrong.
        remedy: What to do about it.
        pages: The published paths of the pages without which the error would not exist.
    """

    where: str
    what: str
    remedy: str = ""
    pages: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.remedy}" if self.remedy else "")


class SpecError(Exception):
    """The pipeline cannot continue. Carries every issue found so far."""

    def __init__(self, *issues: Issue) -> None:
        super().__init__("\n".join(str(issue) for issue in issues))
        self.issues = issues


def pointer(where: str, *steps: object) -> str:
    """Return a JSON pointer, extended by steps."""
    return "/".join([where, *(str(step).replace("~", "~0").replace("/", "~1") for step in steps)])


def error(where: str, what: str, remedy: str = "") -> SpecError:
    """Return the error for one issue."""
    return SpecError(Issue(where, what, remedy))


def refuse(issues: Iterable[Issue]) -> None:
    """Raise SpecError if there is an issue."""
    found = [*issues]
    if found:
        raise SpecError(*found)
