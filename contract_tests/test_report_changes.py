"""Every planted change gets its verdict: none is missed, and nothing is found where nothing changed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract_tests.planted import ACME, HAILUO, PLANTED, STUDIO, Planted, changed, contract
from scripts.spec import node
from scripts.spec.files import dump
from scripts.spec.report.api import compare_api
from scripts.spec.report.changes import Change, Severity, strongest
from scripts.spec.report.redocly import merged, second_opinion

Document = dict[str, Any]
_ROOT = ("openapi", "info", "servers", "security", "tags")


@pytest.fixture(scope="module")
def base() -> Document:
    return contract(HAILUO, ACME, STUDIO)


@pytest.fixture(scope="module")
def opinions(base: Document, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Change]]:
    """What Redocly says of each planted change.

    Starting it is what takes time, so all changes go into one pair of documents, each in operations
    and components of its own. What changes the document's root is asked for alone.
    """
    node.install()
    folder = tmp_path_factory.mktemp("planted")
    found: dict[str, list[Change]] = {planted.name: [] for planted in PLANTED}
    together: list[Document] = [{**base, "paths": {}, "components": {}} for _ in range(2)]
    for number, planted in enumerate(PLANTED):
        new = changed(base, planted)
        if any(new.get(key) != base.get(key) for key in _ROOT) or _schemes(new) != _schemes(base):
            found[planted.name] = _ask(folder, base, new)
            continue
        for target, document in zip(together, (base, new), strict=True):
            _put(target, document, f"V{number}X")
    for change in _ask(folder, *together):
        prefix = re.search(r"V(\d+)X", change.where)
        assert prefix, change
        where = change.where.replace(f"~1{prefix[0]}", "").replace(prefix[0], "")
        found[PLANTED[int(prefix[1])].name].append(replace(change, where=where))
    return found


def _put(target: Document, document: Document, prefix: str) -> None:
    """Add a document's operations and components to another document, under names of their own."""
    text = json.dumps(document)
    for kind in ("schemas", "responses"):
        text = text.replace(f"#/components/{kind}/", f"#/components/{kind}/{prefix}")
    renamed = json.loads(text)
    for path, item in renamed["paths"].items():
        target["paths"][f"/{prefix}{path}"] = item
    for kind, components in renamed["components"].items():
        own = "" if kind == "securitySchemes" else prefix
        target["components"].setdefault(kind, {}).update({own + name: each for name, each in components.items()})


def _schemes(document: Document) -> Any:
    return document["components"]["securitySchemes"]


def _ask(folder: Path, old: Document, new: Document) -> list[Change]:
    paths = folder / "old.json", folder / "new.json"
    for path, document in zip(paths, (old, new), strict=True):
        path.write_text(dump(document), encoding="utf-8")
    return second_opinion(*paths)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_change_gets_its_verdict(base: Document, opinions: dict[str, list[Change]], planted: Planted) -> None:
    ours = strongest(compare_api(base, changed(base, planted)))
    changes = strongest(merged(ours, opinions[planted.name]))
    found = [str(change) for change in changes if change.severity is changes[0].severity]
    worst = max((change.severity for change in changes if change.severity > Severity.PATCH), default=None)
    if planted.verdict is None:
        assert worst is None, found
        return
    assert changes, "missed"
    assert changes[0].severity is planted.verdict, found
    assert any(planted.words in line for line in found), found
    assert len(found) <= 2, "one change is not reported as many"
    assert not any("redocly" in line for line in found), "our own rules see it, too"


def test_there_are_enough_of_them() -> None:
    assert len(PLANTED) >= 30
    assert len({planted.name for planted in PLANTED}) == len(PLANTED)


def test_the_second_opinion_is_one(opinions: dict[str, list[Change]]) -> None:
    heard = {name for name, changes in opinions.items() if changes}
    assert {"a new state", "a dropped value", "an operation gone", "a field now required", "another server"} <= heard
    assert not heard & {"nothing at all", "everything in another order", "another description"}


def test_what_only_the_second_opinion_sees_is_added() -> None:
    theirs = Change(Severity.MAJOR, "#/paths/~1x/get", "redocly rule: something")
    assert merged([Change(Severity.PATCH, "#/paths/~1x/get", "words")], [theirs])[-1] == theirs
    assert merged([Change(Severity.MAJOR, "#/paths/~1x/get/responses", "gone")], [theirs])[-1] != theirs
