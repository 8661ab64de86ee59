"""Every planted change gets its verdict: none is missed, and nothing is found where nothing changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from contract_tests.pipeline.pages import ACME, HAILUO, STUDIO
from contract_tests.pipeline.planting import Planted, contract, planted
from contract_tests.pipeline.spec_changes import PLANTED
from scripts.pipeline.merge import merge
from scripts.pipeline.page import extract
from scripts.pipeline.report.api import compare_api
from scripts.pipeline.report.changes import Severity, strongest

Document = dict[str, Any]


@pytest.fixture(scope="module")
def base() -> Document:
    return contract(HAILUO, ACME, STUDIO)


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: change.name)
def test_a_change_gets_its_severity(base: Document, change: Planted) -> None:
    changes = strongest(compare_api(*planted(base, change)))
    found = [str(each) for each in changes if each.severity is changes[0].severity]
    worst = max((each.severity for each in changes if each.severity > Severity.PATCH), default=None)
    if change.verdict is None:
        assert worst is None, found
        return
    assert changes, "missed"
    assert changes[0].severity is change.verdict, found
    assert any(change.words in line for line in found), found
    assert len(found) <= 2, "one change is not reported as many"


@pytest.mark.parametrize("change", PLANTED, ids=lambda change: change.name)
def test_the_reverse_of_a_change_is_seen(base: Document, change: Planted) -> None:
    new, old = planted(base, change)
    found = [each.severity for each in compare_api(old, new)]
    assert bool(found) == (old != new)
    if change.verdict is None:
        assert max(found, default=Severity.PATCH) is Severity.PATCH


def test_there_are_enough_of_them() -> None:
    assert len(PLANTED) >= 30
    assert len({change.name for change in PLANTED}) == len(PLANTED)


def test_a_model_with_another_schema_is_breaking(base: Document) -> None:
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
def test_file_rules_in_prose_are_limits(page: str, old: str, new: str, words: str) -> None:
    assert old in page
    documents = [merge({"page": extract(text, "page").document}, {}) for text in (page, page.replace(old, new))]
    worst = strongest(compare_api(*documents))[0]
    assert worst.severity is Severity.MAJOR
    assert words in str(worst)
