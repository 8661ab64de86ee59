"""The report: what changed, by severity, for callers of the API and for users of the Python package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.pipeline.io import read_document
from scripts.pipeline.report.api import compare_api
from scripts.pipeline.report.changes import Change, Severity, strongest
from scripts.pipeline.report.surface import compare_surface

if TYPE_CHECKING:
    from scripts.pipeline.release import Release

_CONTRACT = Path("apikley_contract", "openapi.json")
_TITLES = {
    Severity.MAJOR: "Breaks what worked",
    Severity.MINOR: "Adds, or deserves a look",
    Severity.PATCH: "Harmless: texts, examples, answers that hold less",
}


@dataclass(frozen=True)
class Report:
    """What changed.

    Attributes:
        api: For callers of the API, the worst first.
        python: For users of the generated client, the worst first.
    """

    api: list[Change]
    python: list[Change]

    @property
    def severity(self) -> Severity | None:
        """The worst of it; None where nothing changed."""
        return max((change.severity for change in [*self.api, *self.python]), default=None)

    def text(self, release: Release) -> str:
        """The report as Markdown."""
        if self.severity is None:
            return "Nothing changed in the contract.\n"
        lines = [f"Suggested version: {release.suggestion}", ""]
        for severity, title in _TITLES.items():
            parts = {"API": self.api, "Python": self.python}
            for name, changes in parts.items():
                found = [change for change in changes if change.severity is severity]
                if found:
                    lines += [f"### {title}: {name} ({len(found)})", "", *(f"- {change}" for change in found), ""]
        return "\n".join([*lines, "CHANGELOG entry:", "", *release.entry, ""])


def compare(old: Path, new: Path) -> Report:
    """Compare two folders of generated packages."""
    paths = old / _CONTRACT, new / _CONTRACT
    if not paths[0].exists():
        return Report([], [])
    api = strongest(compare_api(*map(read_document, paths)))
    return Report(api, strongest(compare_surface(old, new)))
