"""The closed copy of the contract takes what the contract shows, and no field that it does not know."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

import apikley_contract
from contract_tests.contract import strict_schemas as closed


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
def test_an_example_fits_and_one_field_more_does_not(operation_id: str, status: int, example: Any) -> None:
    validator = closed.answer(operation_id, status)
    assert validator is not None
    assert closed.findings(validator, example) == []
    for where in [(), ("data",)] if isinstance(example.get("data"), dict) else [()]:
        changed = copy.deepcopy(example)
        inner = changed[where[0]] if where else changed
        inner["costTimes"] = 1
        assert closed.findings(validator, changed)


def test_every_operation_shows_an_answer() -> None:
    assert {operation_id for operation_id, *_ in EXAMPLES} >= {"createTask", "getTaskDetails", "getCredits"}


def test_an_answer_that_the_contract_does_not_know_is_held_to_nothing() -> None:
    assert closed.answer("createTask", 400) is None
    assert closed.findings(None, {"anything": 1}) == []


def test_fields_of_all_that_is_combined_are_known() -> None:
    data = {"taskId": "task_1", "state": "success", "costTime": 1, "consumeCredits": 1}
    validator = closed.component("TaskCallback")
    assert closed.findings(validator, {"code": 200, "msg": "success", "data": data}) == []
    (finding,) = closed.findings(validator, {"code": 200, "data": {**data, "cost": 1}})
    assert finding.startswith("data: ")
    assert "'cost' was unexpected" in finding
