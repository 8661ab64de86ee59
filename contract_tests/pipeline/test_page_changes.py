"""How edits of a published page change the contract, and how the report describes them."""

from __future__ import annotations

import pytest

from contract_tests.pipeline.contract_edits import MAJOR, MINOR, Document, contract_of, create
from contract_tests.pipeline.pages import ACME, HAILUO, PAGES
from scripts.pipeline.checks import check
from scripts.pipeline.io import read
from scripts.pipeline.page import extract
from scripts.pipeline.report.api import compare_api
from scripts.pipeline.report.changes import Change, Severity, strongest

_SECURITY = "security:\n  - BearerAuth: []\n"
_POST = "    post:\n"
_ERROR = "        '500':\n          $ref: '#/components/responses/Error'\n"
_OTHER_ERROR = """\
        '402':
          description: Not enough credits
          content:
            application/json:
              schema:
                type: object
                required: [error]
                properties:
                  error: {type: string}
"""
_RESOLUTION = "                        - 768P\n                        - 1080P\n"
_IMAGE_TYPES = "                        - image/png\n                        - image/webp\n"
_CODES = "            - 429\n            - 455\n            - 500\n"
_API_KEY = ("  securitySchemes:\n", "  securitySchemes:\n    Key: {type: apiKey, in: header, name: X-Key}\n")


def _contract(model: str, *edits: tuple[str, str]) -> Document:
    text = read(PAGES[model])
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return contract_of({model: extract(text, "page").document})


def _changes(model: str, *edits: tuple[str, str], before: tuple[tuple[str, str], ...] = ()) -> list[Change]:
    return strongest(compare_api(_contract(model, *before), _contract(model, *edits)))


SECURITY: dict[str, tuple[list[tuple[str, str]], Severity, str]] = {
    "removed": ([(_SECURITY, "")], MAJOR, "security removed: no key is required"),
    "empty": ([(_SECURITY, "security: []\n")], MAJOR, "security removed"),
    "empty at the operation": ([(_POST, f"{_POST}      security: []\n")], MAJOR, "security removed"),
    "another scheme": ([(_SECURITY, "security:\n  - Key: []\n"), _API_KEY], MAJOR, "security BearerAuth → Key"),
    "an additional scheme": ([(_SECURITY, f"{_SECURITY}  - Key: []\n"), _API_KEY], MINOR, "security also accepts Key"),
}


@pytest.mark.parametrize(("edits", "severity", "text"), SECURITY.values(), ids=SECURITY)
def test_security_comes_from_the_page(edits: list[tuple[str, str]], severity: Severity, text: str) -> None:
    changes = _changes(HAILUO, *edits)
    assert changes[0].severity is severity
    assert text in changes[0].what


def test_security_may_stand_at_the_operation() -> None:
    moved = [(_SECURITY, ""), (_POST, f"{_POST}      security:\n        - BearerAuth: []\n")]
    assert _contract(HAILUO, *moved) == _contract(HAILUO)


def test_a_page_without_security_is_valid() -> None:
    check(_contract(HAILUO, (_SECURITY, "")))


def test_tags_of_a_page_are_ignored() -> None:
    edits = (_POST, f"{_POST}      tags: [Hailuo]\n"), ("\npaths:", "\ntags: [{name: Hailuo}]\npaths:")
    assert _contract(HAILUO, *edits) == _contract(HAILUO)


def test_another_order_of_codes_changes_nothing() -> None:
    assert _changes(HAILUO, (_CODES, "            - 500\n            - 429\n            - 455\n")) == []


def test_a_published_error_response_is_kept() -> None:
    document = _contract(HAILUO, (_ERROR, _OTHER_ERROR + _ERROR))
    check(document)
    ours, published = create(_contract(HAILUO))["responses"], create(document)["responses"]
    assert published.pop("402")["description"] == "Not enough credits"
    del ours["402"]
    assert published == ours


def test_a_new_enum_value_does_not_rename_others() -> None:
    edit = (_RESOLUTION, f"                        - 4k\n{_IMAGE_TYPES}")
    changes = _changes(ACME, edit, before=((_RESOLUTION, _IMAGE_TYPES),))
    assert [(change.severity, change.what) for change in changes] == [(MINOR, 'new value "4k" in the request')]
