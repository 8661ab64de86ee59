"""The version and the CHANGELOG entry for a report.

Versions follow semantic versioning. Before 1.0.0 a breaking change raises the second number and any other
change the third. An unreleased version in CHANGELOG.md is raised only as far as needed, counted from the last
released one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.pipeline.io import read
from scripts.pipeline.issues import error
from scripts.pipeline.report import Report
from scripts.pipeline.report.changes import Severity
from scripts.pipeline.report.report import REST, describe

Version = tuple[int, int, int]

_PROJECT_VERSION = re.compile(r'(?m)^version = "(\d+)\.(\d+)\.(\d+)"$')
_SECTION = re.compile(r"(?m)^## (\d+)\.(\d+)\.(\d+)(?P<unreleased> \(unreleased\))?.*$")
_HEADINGS = {Severity.MAJOR: "### Changed", Severity.MINOR: "### Added"}
_REASONS = {
    Severity.MAJOR: "breaking changes",
    Severity.MINOR: "no breaking changes",
    Severity.PATCH: "harmless changes",
}


@dataclass(frozen=True)
class Release:
    """The next release: the texts of `pyproject.toml` and `CHANGELOG.md`, and the additions of a report."""

    root: Path
    project: str
    changelog: str
    now: Version
    unreleased: bool
    released: Version | None
    next: Version
    severity: Severity | None = None
    added: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> Release:
        """Read `pyproject.toml` and `CHANGELOG.md`."""
        project, changelog = (read(root / name) for name in ("pyproject.toml", "CHANGELOG.md"))
        version = _PROJECT_VERSION.search(project)
        sections = list(_SECTION.finditer(changelog))
        if version is None or not sections:
            raise error("pyproject.toml and CHANGELOG.md", "have no version, such as 0.1.0")
        now = _version(version)
        unreleased = bool(sections[0]["unreleased"])
        released = next((_version(section) for section in sections if not section["unreleased"]), None)
        return cls(root, project, changelog, now, unreleased, released, next=now)

    def bumped(self, report: Report) -> Release:
        """Return a copy with the changes of a report."""
        severity = report.severity
        if severity is None:
            return self
        target = self.now
        if self.released or not self.unreleased:
            target = max(bump(self.released or self.now, severity), self.now if self.unreleased else (0, 0, 0))
        added: dict[str, list[str]] = {}
        if report.added:
            names = ", ".join(f"`{model}` (`{name}`)" for model, name in report.added.items())
            added["### Added"] = [f"- {'Models' if len(report.added) > 1 else 'Model'} {names}."]
        if report.removed:
            names = ", ".join(f"`{model}` (`{name}`)" for model, name in report.removed.items())
            added["### Removed"] = [f"- {'Models' if len(report.removed) > 1 else 'Model'} {names}."]
        for model, changes in report.groups().items():
            for level, heading in _HEADINGS.items():
                # New names in Python follow from the API.
                texts = [
                    describe(change, model)
                    for change in changes
                    if change.severity is level and (level is Severity.MAJOR or change not in report.python)
                ]
                entries = texts if model == REST else [f"`{model}`: {'; '.join(texts)}"] if texts else []
                if entries:
                    added.setdefault(heading, []).extend(f"- {text}" for text in entries)
        if not added:
            added["### Changed"] = ["- Harmless changes of the published documentation."]
        return replace(self, next=target, severity=severity, added=added)

    @property
    def suggestion(self) -> str:
        """The next version, with the reason."""
        now, then = (".".join(map(str, version)) for version in (self.now, self.next))
        reason = _REASONS[self.severity] if self.severity else "no changes"
        if self.now == self.next:
            return f"{then}, which is not released yet ({reason})"
        early = self.severity is Severity.MAJOR and self.now[0] == 0
        return f"{now} → {then} ({reason}{'; before 1.0.0 they raise the second number' if early else ''})"

    @property
    def entry(self) -> list[str]:
        """The lines of the CHANGELOG entry."""
        return [line for heading, lines in self.added.items() for line in [heading, "", *lines, ""]][:-1]

    def files(self) -> dict[Path, bytes | None]:
        """Return the new contents of both files; nothing for an empty report."""
        if not self.added:
            return {}
        version = ".".join(map(str, self.next))
        project = _PROJECT_VERSION.sub(f'version = "{version}"', self.project, count=1)
        return {
            self.root / "pyproject.toml": project.encode(),
            self.root / "CHANGELOG.md": self._changelog(version).encode(),
        }

    def _changelog(self, version: str) -> str:
        top = _SECTION.search(self.changelog)
        assert top
        before, title = self.changelog[: top.start()], f"## {version} (unreleased)"
        if not self.unreleased:
            return before + "\n".join([title, "", *self.entry, "", self.changelog[top.start() :]])
        following = _SECTION.search(self.changelog, top.end())
        end = following.start() if following else len(self.changelog)
        body = self.changelog[top.end() : end]
        for heading, lines in self.added.items():
            body = _with_lines(body, heading, [line for line in lines if line not in body])
        return f"{before}{title}{body}{self.changelog[end:]}"


def bump(version: Version, severity: Severity) -> Version:
    """Return the next version after a change of this severity."""
    major, minor, patch = version
    if major == 0:
        return (0, minor + 1, 0) if severity is Severity.MAJOR else (0, minor, patch + 1)
    following = {Severity.MAJOR: (major + 1, 0, 0), Severity.MINOR: (major, minor + 1, 0)}
    return following.get(severity, (major, minor, patch + 1))


def _with_lines(body: str, heading: str, lines: list[str]) -> str:
    """Add lines at the end of a heading's list, in one section of the CHANGELOG."""
    if not lines:
        return body
    parts = re.split(r"(?m)^(?=### )", body)
    for index, part in enumerate(parts):
        if part.startswith(f"{heading}\n"):
            gap = part[len(part.rstrip()) :]
            parts[index] = "\n".join([part.rstrip(), *lines]) + (gap or "\n")
            return "".join(parts)
    return "\n".join([body.rstrip(), "", heading, "", *lines, ""]) + ("\n" if body.endswith("\n\n") else "")


def _version(match: re.Match[str]) -> Version:
    major, minor, patch = (int(match[number]) for number in (1, 2, 3))
    return major, minor, patch
