"""Every planted change gets its verdict: none is missed, and nothing is found where nothing changed."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, HAILUO, STUDIO
from contract_tests.pipeline.planting import Planted, contract, planted
from contract_tests.pipeline.spec_changes import PLANTED
from scripts.pipeline import node
from scripts.pipeline.io import dump
from scripts.pipeline.merge import merge
from scripts.pipeline.page import extract
from scripts.pipeline.report.api import compare_api
from scripts.pipeline.report.changes import Change, Severity, strongest
from scripts.pipeline.report.redocly import merged, second_opinion

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
    found: dict[str, list[Change]] = {change.name: [] for change in PLANTED}
    together: list[Document] = [{**base, "paths": {}, "components": {}} for _ in range(2)]
    for number, change in enumerate(PLANTED):
        documents = planted(base, change)
        if any(document.get(key) != base.get(key) for document in documents for key in _ROOT) or any(
            _schemes(document) != _schemes(base) for document in documents
        ):
            found[change.name] = _ask(folder, *documents)
            continue
        for target, document in zip(together, documents, strict=True):
            _put(target, document, f"V{number}X")
    for opinion in _ask(folder, *together):
        prefix = re.search(r"V(\d+)X", opinion.where)
        assert prefix, opinion
        where = opinion.where.replace(f"~1{prefix[0]}", "").replace(prefix[0], "")
        found[PLANTED[int(prefix[1])].name].append(replace(opinion, where=where))
    return found


def _put(target: Document, document: Document, prefix: str) -> None:
    """Add a document's operations and components to another document, under names of their own."""
    text = json.dumps(document)
    for kind in document["components"]:
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
@pytest.mark.parametrize("change", PLANTED, ids=lambda change: change.name)
def test_a_planted_change_gets_its_verdict(base: Document, opinions: dict[str, list[Change]], change: Planted) -> None:
    ours = strongest(compare_api(*planted(base, change)))
    changes = strongest(merged(ours, opinions[change.name]))
    found = [str(each) for each in changes if each.severity is changes[0].severity]
    worst = max((each.severity for each in changes if each.severity > Severity.PATCH), default=None)
    if change.verdict is None:
        assert worst is None, found
        return
    assert changes, "missed"
    assert changes[0].severity is change.verdict, found
    assert any(change.words in line for line in found), found
    assert len(found) <= 2, "one change is not reported as many"
    assert not any("redocly" in line for line in found), "our own rules see it, too"


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: change.name)
def test_a_planted_change_is_seen_when_it_is_taken_back(base: Document, change: Planted) -> None:
    new, old = planted(base, change)
    found = [each.severity for each in compare_api(old, new)]
    assert bool(found) == (old != new)
    if change.verdict is None:
        assert max(found, default=Severity.PATCH) is Severity.PATCH


def test_there_are_enough_of_them() -> None:
    assert len(PLANTED) >= 30
    assert len({change.name for change in PLANTED}) == len(PLANTED)


def test_the_second_opinion_is_one(opinions: dict[str, list[Change]]) -> None:
    heard = {name for name, changes in opinions.items() if changes}
    assert {"a new state", "a dropped value", "an operation gone", "a field now required", "another server"} <= heard
    assert not heard & {"nothing at all", "everything in another order", "another description"}


def test_what_only_the_second_opinion_sees_is_added() -> None:
    theirs = Change(Severity.MAJOR, "#/paths/~1x/get", "redocly rule: something")
    assert merged([Change(Severity.PATCH, "#/paths/~1x/get", "words")], [theirs])[-1] == theirs
    assert merged([Change(Severity.MAJOR, "#/paths/~1x/get/responses", "gone")], [theirs])[-1] != theirs


def test_a_model_that_leads_to_another_schema_breaks(base: Document) -> None:
    new = copy.deepcopy(base)
    mapping = new["components"]["schemas"]["CreateTaskRequest"]["discriminator"]["mapping"]
    mapping[ACME] = mapping[STUDIO]
    (change,) = compare_api(base, new)
    assert change.severity is Severity.MAJOR
    assert "acme/1-fast`: leads to #/components/schemas/StudioFramesV2Request" in str(change)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("10.0MB", "5.0MB", "max-bytes 10485760 → 5242880"),
        (", image/webp;", ";", 'media type "image/webp" dropped'),
        ("Max size:", "At most", "no longer takes a local file"),
    ],
)
def test_what_a_page_says_of_files_in_prose_is_a_limit(page: str, old: str, new: str, words: str) -> None:
    assert old in page
    documents = [merge({"page": extract(text, "page").document}, {}) for text in (page, page.replace(old, new))]
    worst = strongest(compare_api(*documents))[0]
    assert worst.severity is Severity.MAJOR
    assert words in str(worst)
