"""The report: changes by model, for callers of the API and for users of the Python package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.pipeline.io import read_document
from scripts.pipeline.issues import Issue
from scripts.pipeline.report.api import CODE, compare_api
from scripts.pipeline.report.changes import Change, Severity, place_in, strongest, together
from scripts.pipeline.report.surface import compare_surface

_CONTRACT = Path("apikley_contract", "openapi.json")
_REQUEST = "#/components/schemas/CreateTaskRequest"
_LABELS = {Severity.MAJOR: "breaking", Severity.MINOR: "new or worth a review", Severity.PATCH: "harmless"}
REST = "Everything else"


@dataclass(frozen=True)
class Report:
    """All changes.

    Attributes:
        api: Changes for callers of the API, major ones first.
        python: Changes for users of the generated client, major ones first, that do not follow from the API.
        added: The classes of new models, by model.
        removed: The classes of removed models, by model.
        models: The model of each component that describes a model before or after the change.
    """

    api: list[Change]
    python: list[Change]
    added: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    @property
    def severity(self) -> Severity | None:
        """The highest severity, or None without changes."""
        found = [change.severity for change in [*self.api, *self.python]]
        found += [Severity.MINOR] * bool(self.added) + [Severity.MAJOR] * bool(self.removed)
        return max(found, default=None)

    def groups(self) -> dict[str, list[Change]]:
        """Return the changes by model, with the place inside the model; all others under `REST`."""
        found: dict[str, list[Change]] = {}
        for change in self.api:
            model = self.models.get(component_of(change.where))
            found.setdefault(model or REST, []).append(change)
        found.setdefault(REST, []).extend(self.python)
        rest = found.pop(REST)
        return {**dict(sorted(found.items())), **({REST: rest} if rest else {})}

    def text(
        self,
        suggestion: str,
        entry: list[str],
        refused: Iterable[Issue] = (),
        slips: Iterable[Issue] = (),
        facts: Iterable[str] = (),
    ) -> str:
        """Return the report as Markdown.

        Args:
            suggestion: The suggested version, with the reason.
            entry: The lines of the CHANGELOG entry.
            refused: Why pages were refused.
            slips: What publishers got wrong on the updated pages.
            facts: In what other pages differ from the contract.
        """
        lines: list[str] = []
        if self.severity is None:
            lines += ["Nothing changed in the contract.", ""]
        else:
            lines += [f"Suggested version: {suggestion}", ""]
        if self.added:
            lines += _section("New models", [f"`{m}`: `from apikley import {name}`" for m, name in self.added.items()])
        if self.removed:
            lines += _section("Removed models: breaking", [f"`{m}`: `{name}`" for m, name in self.removed.items()])
        for model, changes in self.groups().items():
            lines += _section(model if model == REST else f"`{model}`", _lines(changes, model))
        lines += _section("Refused", [str(issue) for issue in refused])
        lines += _section("Slips of the publisher", [str(slip) for slip in slips])
        lines += _section("Facts that differ from the contract", [*facts])
        if self.severity is not None:
            lines += ["CHANGELOG entry:", "", *entry, ""]
        return "\n".join(lines)


def _section(title: str, items: list[str]) -> list[str]:
    return [f"### {title} ({len(items)})", "", *(f"- {item}" for item in items), ""] if items else []


def _lines(changes: list[Change], model: str) -> list[str]:
    lines = []
    for severity, label in _LABELS.items():
        lines += [f"{label}: {describe(change, model)}" for change in changes if change.severity is severity]
    return lines


def describe(change: Change, model: str) -> str:
    """Return a change as text, with the place inside its model."""
    if model == REST:
        return str(change)
    place = place_in(change.where)
    return f"`{place}`: {change.what}" if place else change.what


def component_of(where: str) -> str:
    """Return the component of a place in the contract, or an empty string."""
    return where.removeprefix("#/components/schemas/").partition("/")[0] if where.startswith("#/components/s") else ""


def compare(old: Path, new: Path) -> Report:
    """Compare two folders of generated packages; nothing is reported if the old one has no contract."""
    paths = old / _CONTRACT, new / _CONTRACT
    if not paths[0].exists():
        return Report([], [])
    documents = [read_document(path) for path in paths]
    before, after = map(_models, documents)
    added = {model: name for model, name in after.items() if model not in before}
    removed = {model: name for model, name in before.items() if model not in after}
    models = {part: model for model, name in {**before, **after}.items() for part in (name, f"{name}Request")}
    api = [
        change
        for change in map(_as_people_see_it, compare_api(documents[0], documents[1]))
        if not (change.where.startswith(_REQUEST) and any(model in str(change) for model in (*added, *removed)))
    ]
    changed = {models.get(component_of(change.where)) for change in api}
    # What changes in the class of a model follows from the API.
    implied = {*added.values(), *removed.values(), *(part for part, model in models.items() if model in changed)}
    python = [change for change in compare_surface(old, new) if not _is_part_of(change.where, implied)]
    return Report(together(strongest(api)), strongest(python), added, removed, models)


def _as_people_see_it(change: Change) -> Change:
    """Return a change with the severity that it has for clients: they can handle a new code."""
    if change.where == CODE and change.severity is Severity.MAJOR and change.what.startswith("new value"):
        return Change(Severity.MINOR, change.where, change.what)
    return change


def _models(document: dict[str, Any]) -> dict[str, str]:
    """Return the class of each model."""
    mapping = document["components"]["schemas"]["CreateTaskRequest"]["discriminator"]["mapping"]
    return {model: reference.rpartition("/")[2].removesuffix("Request") for model, reference in mapping.items()}


def _is_part_of(path: str, classes: set[str]) -> bool:
    """Whether a Python path is in one of these classes, or in a class of one of their fields."""
    names = [step.partition("(")[0] for step in path.split(".")]
    modules = {name.lower() for name in classes}
    plain = [name.replace("_", "").lower() for name in names]
    return any(name.startswith(module) for name in plain for module in modules)
