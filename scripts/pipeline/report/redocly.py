"""The second opinion on what changed: `redocly diff`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from scripts.pipeline import node
from scripts.pipeline.io import ROOT
from scripts.pipeline.issues import Problem, SpecError
from scripts.pipeline.report.changes import Change, Severity

# We know every type and limit, and that one of nothing (`minLength: 0`) is none; every field, alternative and
# condition, and that `allOf` of one schema is that schema.
_LEFT_TO_US = {"schema-type-changed", "schema-constraint-changed", "schema-combinator-changed", "property-removed"}


def second_opinion(old: Path, new: Path) -> list[Change]:
    """What Redocly finds a rule for; additions and texts, on which it has none, are left to us.

    Raises:
        SpecError: Redocly did not run.
    """
    command = [*node.redocly("diff", str(old), str(new)), "--format", "json", "--fail-on", "none"]
    run = subprocess.run(command, cwd=ROOT, env=node.environment(), capture_output=True, text=True, check=False)
    try:
        changes = json.loads(run.stdout)["changes"]
    except (ValueError, KeyError):
        last = (run.stderr.strip() or "no output").splitlines()[-1]
        raise SpecError(Problem("redocly diff", f"did not run: {last}")) from None
    return [
        _change(verdict, change)
        for change in changes
        for verdict in change["verdicts"]
        if verdict["ruleId"] not in _LEFT_TO_US
    ]


def merged(ours: list[Change], theirs: list[Change]) -> list[Change]:
    """Our changes, and those of theirs at a place where we have nothing as bad."""
    return ours + [change for change in theirs if not any(_covers(our, change) for our in ours)]


def _covers(our: Change, their: Change) -> bool:
    # They point to the list of required fields, we to the field.
    one, other = f"{our.where}/", f"{their.where.removesuffix('/required')}/"
    return our.severity >= their.severity and (one.startswith(other) or other.startswith(one))


def _change(verdict: dict[str, Any], change: dict[str, Any]) -> Change:
    where = (change.get("revision") or change["base"])["pointer"]
    return Change(Severity[verdict["impact"].upper()], where, f"redocly {verdict['ruleId']}: {verdict['message']}")
