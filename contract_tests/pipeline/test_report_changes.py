"""Every change of the contract is reported with its severity, and nothing is reported without a change."""

from __future__ import annotations

import copy

import pytest

from contract_tests.pipeline import spec_changes, spec_changes_operations, spec_changes_schemas
from contract_tests.pipeline.contract_edits import Document, SpecChange, contract, merge_pages
from contract_tests.pipeline.pages import ACME, STUDIO
from scripts.pipeline.page import extract
from scripts.pipeline.report.api import compare_api
from scripts.pipeline.report.changes import Severity, strongest

CHANGES = [*spec_changes.CHANGES, *spec_changes_operations.CHANGES, *spec_changes_schemas.CHANGES]
each_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)


@pytest.fixture(scope="module")
def base() -> Document:
    return contract()


@each_change
def test_a_change_is_reported_with_its_severity(base: Document, change: SpecChange) -> None:
    changes = strongest(compare_api(*change.apply(base)))
    if change.severity is None:
        assert all(each.severity is Severity.PATCH for each in changes), changes
        return
    worst = [str(each) for each in changes if each.severity is changes[0].severity]
    assert changes, "the change is not reported"
    assert changes[0].severity is change.severity, worst
    assert any(change.text in line for line in worst), worst
    assert len(worst) <= 2, "one change is not reported as many"


@each_change
def test_the_reverse_of_a_change_is_reported(base: Document, change: SpecChange) -> None:
    new, old = change.apply(base)
    found = [each.severity for each in compare_api(old, new)]
    assert bool(found) == (old != new)
    if change.severity is None:
        assert max(found, default=Severity.PATCH) is Severity.PATCH


def test_another_schema_of_a_model_is_breaking(base: Document) -> None:
    new = copy.deepcopy(base)
    mapping = new["components"]["schemas"]["CreateTaskRequest"]["discriminator"]["mapping"]
    mapping[ACME] = mapping[STUDIO]
    (change,) = compare_api(base, new)
    assert change.severity is Severity.MAJOR
    assert "acme/1-fast`: selects #/components/schemas/StudioFramesV2Request" in str(change)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("10.0MB", "5.0MB", "max-bytes 10485760 → 5242880"),
        (", image/webp;", ";", 'media type "image/webp" removed'),
    ],
)
def test_a_changed_file_rule_in_a_description_is_breaking(page: str, old: str, new: str, text: str) -> None:
    assert old in page
    documents = [merge_pages({"page": extract(each, "page").document}) for each in (page, page.replace(old, new))]
    worst = strongest(compare_api(*documents))[0]
    assert worst.severity is Severity.MAJOR
    assert text in str(worst)
