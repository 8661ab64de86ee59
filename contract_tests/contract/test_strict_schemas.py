"""The closed schemas accept the contract's own examples and no unknown field."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

import apikley_contract
from contract_tests.contract.strict_schemas import component_validator, response_validator, violations


def _examples() -> Iterator[tuple[str, int, Any]]:
    for item in apikley_contract.openapi()["paths"].values():
        for description in item.values():
            for status, response in description["responses"].items():
                media = response.get("content", {}).get("application/json", {})
                if "example" in media:
                    yield description["operationId"], int(status), media["example"]
                for example in media.get("examples", {}).values():
                    yield description["operationId"], int(status), example["value"]


EXAMPLES = list(_examples())


@pytest.mark.parametrize(("operation_id", "status", "example"), EXAMPLES)
def test_an_example_with_an_unknown_field_is_a_violation(operation_id: str, status: int, example: Any) -> None:
    validator = response_validator(operation_id, status)
    assert validator is not None
    assert violations(validator, example) == []
    for path in [(), ("data",)] if isinstance(example.get("data"), dict) else [()]:
        changed = copy.deepcopy(example)
        inner = changed[path[0]] if path else changed
        inner["costTimes"] = 1
        assert violations(validator, changed)


def test_the_examples_cover_the_main_operations() -> None:
    assert {operation_id for operation_id, *_ in EXAMPLES} >= {"createTask", "getTaskDetails", "getCredits"}


def test_an_undocumented_status_has_no_violations() -> None:
    assert response_validator("createTask", 418) is None
    assert violations(None, {"anything": 1}) == []


def test_the_fields_of_all_combined_schemas_are_known() -> None:
    data = {"taskId": "task_1", "state": "success", "costTime": 1, "consumeCredits": 1}
    validator = component_validator("TaskCallback")
    assert violations(validator, {"code": 200, "msg": "success", "data": data}) == []
    (violation,) = violations(validator, {"code": 200, "data": {**data, "cost": 1}})
    assert violation.startswith("data: ")
    assert "'cost' was unexpected" in violation
