"""A task's record is read in every recorded form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import apikley_contract
from apikley._model.task import FAIL, SUCCESS, TaskInfo

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
PROPERTIES = [
    *apikley_contract.openapi()["components"]["schemas"]["TaskDetails"]["properties"],
    "consumeCredits",
]


@pytest.mark.parametrize(
    "written",
    [
        '{"resultUrls":["https://a.test/1.mp4"]}',
        {"resultUrls": ["https://a.test/1.mp4"]},
        '"{\\"resultUrls\\":[\\"https://a.test/1.mp4\\"]}"',
        {"resultUrls": ["https://a.test/1.mp4", None, 3]},
    ],
)
def test_result_urls_are_read_from_json_text_and_objects(written: Any) -> None:
    assert TaskInfo("task_1", {"resultJson": written}).result_urls == ["https://a.test/1.mp4"]


@pytest.mark.parametrize("written", ["", None, "null", "[]", '{"resultObject":{}}', '{"resultUrls":null}', 7, "{bad"])
def test_a_task_without_result_has_no_urls(written: Any) -> None:
    assert TaskInfo("task_1", {"resultJson": written}).result_urls == []


@pytest.mark.parametrize("input_", [{"prompt": "x"}, '{"prompt":"x"}'])
def test_the_request_is_read_from_every_encoding(input_: Any) -> None:
    import json

    param = json.dumps({"model": "m", "input": input_})
    assert TaskInfo("task_1", {"param": param}).request == {"model": "m", "input": {"prompt": "x"}}


def test_times_are_aware_and_give_the_duration() -> None:
    task = TaskInfo("task_1", {"createTime": 1765185328412, "completeTime": "1765185543412", "costTime": 215})
    assert task.created_at == datetime(2025, 12, 8, 9, 15, 28, 412000, UTC)
    assert task.duration == timedelta(seconds=215)


@pytest.mark.parametrize("record", [{"creditsConsumed": 1.5}, {"consumeCredits": 1.5}, {"creditsConsumed": "1.5"}])
def test_credits_are_read_under_both_names(record: dict[str, Any]) -> None:
    assert TaskInfo("task_1", record).credits == 1.5


@pytest.mark.parametrize(("written", "read"), [("422", "422"), (422, "422"), ("", None), (None, None)])
def test_a_fail_code_is_text_or_none(written: Any, read: str | None) -> None:
    assert TaskInfo("task_1", {"failCode": written}).fail_code == read


@given(st.dictionaries(st.sampled_from(PROPERTIES), JSON))
def test_any_record_can_be_read(record: dict[str, Any]) -> None:
    task = TaskInfo("task_1", record)
    for name in ("model", "result_urls", "fail_code", "fail_message", "credits", "created_at", "completed_at"):
        getattr(task, name)
    assert [task.state, task.duration, task.request, task.finished, task.raw, repr(task)]


def test_the_fields_read_are_the_contracts() -> None:
    known = set()

    class Asked(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            known.add(key)
            return default

    task = TaskInfo("task_1", Asked())
    for name in dir(TaskInfo):
        getattr(task, name)
    schemas = apikley_contract.openapi()["components"]["schemas"]
    callback = schemas["TaskCallbackData"]["allOf"][1]["properties"]
    assert known
    assert known <= {*schemas["TaskDetails"]["properties"], *callback}


def test_the_finished_states_are_the_contracts_last_two() -> None:
    states = apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"]
    assert states[-2:] == [SUCCESS, FAIL]


@pytest.mark.parametrize("written", [10**20, 10**400, "1e400", "nan", -(10**20), "soon", 0])
def test_an_impossible_time_reads_as_none(written: Any) -> None:
    task = TaskInfo("task_1", {"createTime": written, "completeTime": 1765185543412})
    assert (task.created_at, task.duration) == (None, None)


@pytest.mark.parametrize("value", ["9" * 400, 10**400, "nan", float("nan"), "inf", "-inf", "1e999"], ids=lambda _: "")
def test_a_number_too_large_for_a_float_reads_as_none(value: Any) -> None:
    fields = TaskInfo("task_1", {"creditsConsumed": value, "createTime": value, "completeTime": value})
    assert (fields.credits, fields.created_at, fields.duration) == (None, None, None)
