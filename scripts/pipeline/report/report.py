"""The report: changes by severity, for callers of the API and for users of the Python package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scripts.pipeline.io import read_document
from scripts.pipeline.report.api import compare_api
from scripts.pipeline.report.changes import Change, Severity, strongest
from scripts.pipeline.report.surface import compare_surface

_CONTRACT = Path("apikley_contract", "openapi.json")
_TITLES = {
    Severity.MAJOR: "Breaking",
    Severity.MINOR: "New, or worth a review",
    Severity.PATCH: "Harmless: texts, examples, fewer possible responses",
}


@dataclass(frozen=True)
class Report:
    """All changes.

    Attributes:
        api: Changes for callers of the API, major ones first.
        python: Changes for users of the generated client, major ones first.
    """

    api: list[Change]
    python: list[Change]

    @property
    def severity(self) -> Severity | None:
        """The highest severity, or None without changes."""
        return max((change.severity for change in [*self.api, *self.python]), default=None)

    def text(self, suggestion: str, entry: list[str]) -> str:
        """Return the report as Markdown.

        Args:
            suggestion: The suggested version, with the reason.
            entry: The lines of the CHANGELOG entry.
        """
        if self.severity is None:
            return "Nothing changed in the contract.\n"
        lines = [f"Suggested version: {suggestion}", ""]
        for severity, title in _TITLES.items():
            for name, changes in (("API", self.api), ("Python", self.python)):
                found = [f"- {change}" for change in changes if change.severity is severity]
                if found:
                    lines += [f"### {title}: {name} ({len(found)})", "", *found, ""]
        return "\n".join([*lines, "CHANGELOG entry:", "", *entry, ""])


def compare(old: Path, new: Path) -> Report:
    """Compare two folders of generated packages; nothing is reported if the old one has no contract."""
    paths = old / _CONTRACT, new / _CONTRACT
    if not paths[0].exists():
        return Report([], [])
    api = strongest(compare_api(*map(read_document, paths)))
    return Report(api, strongest(compare_surface(old, new)))
