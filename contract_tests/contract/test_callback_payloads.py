"""Every callback that the contract allows can be read, and none that was meddled with is believed."""

from __future__ import annotations

import json
from random import Random
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apikley_contract
from apikley import BadPayload, BadSignature, CallbackError, Hailuo02ImageToVideoPro
from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, parse, sign, verify
from apikley_mock.control.plan import Form
from apikley_mock.plugin import MockService
from contract_tests.contract import draws as values
from contract_tests.contract import strategies
from contract_tests.contract.report import Subject
from contract_tests.simulator.simulators import Received, assert_fits

CALLBACKS = Subject("callbacks")
KEY, NOW = "whsec_test", 1765185400
CALLBACK = strategies.named("TaskCallback")
VALIDATOR = jsonschema.Draft4Validator(
    {"$ref": "#/components/schemas/TaskCallback", **apikley_contract.schemas()},
    format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
)


def _published() -> list[dict[str, Any]]:
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    return [each["value"] for each in item["post"]["requestBody"]["content"]["application/json"]["examples"].values()]


def _payload(seed: int) -> dict[str, Any]:
    """A payload of the contract's schema whose task has a name, or one of the published examples."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    if seed % 8 == 0:
        return dict(random.choice(_published()))
    payload: dict[str, Any] = values.value(CALLBACK, random)
    payload["data"]["taskId"] = payload["data"]["taskId"] or "task_1"
    return payload


payloads = st.integers(0, 2**32 - 1).map(_payload)


@settings(max_examples=1500)
@given(payloads)
def test_what_the_contract_allows_is_read_field_by_field(payload: dict[str, Any]) -> None:
    CALLBACKS.case("parse", "apikley.callbacks", "jsonschema")
    assert VALIDATOR.is_valid(payload)
    callback, data = parse(json.dumps(payload)), payload["data"]
    assert (callback.task_id, callback.state, callback.msg) == (data["taskId"], data["state"], payload.get("msg", ""))
    assert (callback.code, callback.raw, callback.task.raw) == (payload.get("code"), payload, data)
    assert callback.task.model == (data.get("model") or None)
    assert callback.task.fail_code == (data.get("failCode") or None)
    assert callback.task.fail_message == (data.get("failMsg") or None)
    assert callback.task.credits == data.get("creditsConsumed", data.get("consumeCredits"))
    assert isinstance(callback.task.result_urls, list)


@settings(max_examples=1000)
@given(payloads, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "ascii"]), st.sampled_from([None, 2, "\t"]))
def test_the_same_payload_written_differently_is_the_same_callback(
    payload: dict[str, Any], encoding: str, indent: Any
) -> None:
    CALLBACKS.case("re-encode", "apikley.callbacks")
    text = json.dumps(payload, ensure_ascii=encoding == "ascii", indent=indent, sort_keys=indent is not None)
    body = text.encode(encoding)
    plain = parse(json.dumps(payload))
    for written in (body, bytearray(body), text):
        again = parse(written)
        assert (again.key, again.raw) == (plain.key, plain.raw)
    assert verify(sign(plain.task_id, KEY, NOW), body, KEY, now=NOW).raw == payload


@settings(max_examples=1000)
@given(payloads, st.floats(0, 1, exclude_max=True))
def test_a_payload_that_is_cut_off_is_bad(payload: dict[str, Any], share: float) -> None:
    CALLBACKS.case("truncate", "apikley.callbacks")
    body = json.dumps(payload, ensure_ascii=False).encode()
    with pytest.raises(BadPayload):
        verify(sign(payload["data"]["taskId"], KEY, NOW), body[: int(len(body) * share)], KEY, now=NOW)


@settings(max_examples=1000)
@given(payloads, st.sampled_from(["task", "signature", "timestamp", "key"]), st.integers(0, 2**16))
def test_what_was_meddled_with_is_refused(payload: dict[str, Any], what: str, number: int) -> None:
    CALLBACKS.case(f"tamper {what}", "apikley.callbacks")
    task_id, key = payload["data"]["taskId"], KEY
    headers = sign(task_id, key, NOW)
    if what == "task":
        payload = {**payload, "data": {**payload["data"], "taskId": task_id + str(number)}}
    elif what == "key":
        key = f"{KEY}{number}"
    elif what == "timestamp":
        headers[TIMESTAMP_HEADER] = str(NOW + 1 + number % 300)
    else:
        given = headers[SIGNATURE_HEADER]
        place = number % (len(given) - 2)
        headers[SIGNATURE_HEADER] = given[:place] + ("A" if given[place] != "A" else "B") + given[place + 1 :]
    with pytest.raises(BadSignature):
        verify(headers, json.dumps(payload), key, now=NOW)


@settings(max_examples=1000)
@given(payloads, st.integers(0, 2**32), st.integers(0, 255))
def test_one_byte_changed_never_breaks_the_receiver(payload: dict[str, Any], place: int, byte: int) -> None:
    CALLBACKS.case("change one byte", "apikley.callbacks")
    body = bytearray(json.dumps(payload).encode())
    body[place % len(body)] = byte
    task_id = payload["data"]["taskId"]
    try:
        callback = verify(sign(task_id, KEY, NOW), body, KEY, now=NOW)
    except CallbackError:
        return
    # The signature covers the task and the time, so whatever passes is about this task.
    assert callback.task_id == task_id


@pytest.mark.parametrize("rule", list(strategies.rules(CALLBACK)), ids=str)
def test_a_payload_off_the_contract_is_read_or_refused_and_breaks_nothing(rule: strategies.Rule) -> None:
    @settings(max_examples=16)
    @given(strategies.bodies(CALLBACK, rule))
    def held(payload: Any) -> None:
        CALLBACKS.case(str(rule), "apikley.callbacks", "jsonschema")
        assert VALIDATOR.is_valid(payload) == rule.valid
        try:
            task = parse(json.dumps(payload)).task
        except BadPayload:
            return
        for name in ("result_urls", "fail_code", "fail_message", "credits", "created_at", "completed_at", "duration"):
            getattr(task, name)

    held()


@pytest.mark.parametrize("outcome", ["success", "fail"])
@pytest.mark.parametrize("form", get_args(Form))
def test_what_the_simulator_sends_is_what_the_contract_says(
    apikley_mock: MockService, receiver: Received, form: str, outcome: str
) -> None:
    apikley_mock.plan_next(outcome=outcome, callback={"form": form})
    with apikley_mock.client() as api:
        ship = Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png")
        task = api.create(ship, callback_url=receiver.url)
        apikley_mock.advance(60)
        looked = api.get_task(task.id)
    ((headers, body),) = receiver.calls
    assert_fits("TaskCallback", json.loads(body))
    callback = verify(headers, body, apikley_mock.webhook_key)
    assert (callback.task_id, callback.state) == (task.id, outcome)
    assert (callback.task.result_urls, callback.task.fail_code) == (looked.result_urls, looked.fail_code)
    assert callback.task.request == looked.request


@pytest.mark.parametrize("payload", _published(), ids=lambda payload: payload["data"]["state"])
def test_the_published_payloads_are_of_the_contract_and_are_read(payload: dict[str, Any]) -> None:
    VALIDATOR.validate(payload)
    assert parse(json.dumps(payload)).state == payload["data"]["state"]
