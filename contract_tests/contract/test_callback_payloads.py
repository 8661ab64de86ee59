"""Every callback that the contract allows is parsed, and every manipulated one is rejected."""

from __future__ import annotations

import json
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apikley_contract
from apikley import BadPayload, BadSignature, CallbackError, Hailuo02ImageToVideoPro
from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, parse, sign, verify
from apikley_mock.plugin import MockService
from apikley_mock.world.plan import Form
from contract_tests.contract.draws import component
from contract_tests.contract.report import Subject
from contract_tests.contract.rules import Rule, bodies, rules
from contract_tests.simulator.simulators import Received, assert_fits

CALLBACKS = Subject("callbacks")
KEY, NOW = "whsec_test", 1765185400
CALLBACK = component("TaskCallback")
VALIDATOR = jsonschema.Draft4Validator(
    {"$ref": "#/components/schemas/TaskCallback", **apikley_contract.schemas()},
    format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
)


def _published() -> list[dict[str, Any]]:
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    return [each["value"] for each in item["post"]["requestBody"]["content"]["application/json"]["examples"].values()]


def _with_task_id(payload: dict[str, Any]) -> dict[str, Any]:
    return {**payload, "data": {**payload["data"], "taskId": payload["data"]["taskId"] or "task_1"}}


payloads = st.one_of(st.sampled_from(_published()), bodies(CALLBACK).map(_with_task_id))


@settings(max_examples=500)
@given(payloads)
def test_a_valid_payload_is_parsed_field_by_field(payload: dict[str, Any]) -> None:
    CALLBACKS.case("parse", "apikley.callbacks", "jsonschema")
    assert VALIDATOR.is_valid(payload)
    callback, data = parse(json.dumps(payload)), payload["data"]
    text = payload.get("msg", "")
    assert (callback.task_id, callback.state, callback.message) == (data["taskId"], data["state"], text)
    assert (callback.code, callback.raw, callback.task.raw) == (payload.get("code"), payload, data)
    assert callback.task.model == (data.get("model") or None)
    assert callback.task.fail_code == (data.get("failCode") or None)
    assert callback.task.fail_message == (data.get("failMsg") or None)
    prices = (data.get(name) for name in ("creditsConsumed", "consumeCredits"))
    assert callback.task.credits == next((price for price in prices if price is not None), None)
    assert isinstance(callback.task.result_urls, list)


@settings(max_examples=300)
@given(payloads, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "ascii"]), st.sampled_from([None, 2, "\t"]))
def test_the_encoding_of_a_payload_does_not_matter(payload: dict[str, Any], encoding: str, indent: Any) -> None:
    CALLBACKS.case("re-encode", "apikley.callbacks")
    text = json.dumps(payload, ensure_ascii=encoding == "ascii", indent=indent, sort_keys=indent is not None)
    body = text.encode(encoding)
    plain = parse(json.dumps(payload))
    for written in (body, bytearray(body), text):
        again = parse(written)
        assert (again.task_id, again.state, again.raw) == (plain.task_id, plain.state, plain.raw)
    assert verify(sign(plain.task_id, KEY, NOW), body, KEY, now=NOW).raw == payload


@settings(max_examples=300)
@given(payloads, st.data())
def test_a_truncated_payload_is_a_bad_payload(payload: dict[str, Any], data: st.DataObject) -> None:
    CALLBACKS.case("truncate", "apikley.callbacks")
    body = json.dumps(payload, ensure_ascii=False).encode()
    kept = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(BadPayload):
        verify(sign(payload["data"]["taskId"], KEY, NOW), body[:kept], KEY, now=NOW)


@pytest.mark.parametrize("part", ["task", "signature", "timestamp", "key"])
@settings(max_examples=100)
@given(payload=payloads, data=st.data())
def test_a_manipulated_callback_is_rejected(part: str, payload: dict[str, Any], data: st.DataObject) -> None:
    CALLBACKS.case(f"tamper {part}", "apikley.callbacks")
    task_id, key = payload["data"]["taskId"], KEY
    headers = sign(task_id, key, NOW)
    if part == "task":
        payload = {**payload, "data": {**payload["data"], "taskId": task_id + data.draw(st.sampled_from("0ax"))}}
    elif part == "key":
        key += data.draw(st.sampled_from("0ax"))
    elif part == "timestamp":
        headers[TIMESTAMP_HEADER] = str(NOW + data.draw(st.integers(1, 300)))
    else:
        given = headers[SIGNATURE_HEADER]
        place = data.draw(st.integers(0, len(given) - 3))
        headers[SIGNATURE_HEADER] = given[:place] + ("A" if given[place] != "A" else "B") + given[place + 1 :]
    with pytest.raises(BadSignature):
        verify(headers, json.dumps(payload), key, now=NOW)


@settings(max_examples=400)
@given(payloads, st.data())
def test_a_changed_byte_raises_callback_error_or_keeps_the_task_id(
    payload: dict[str, Any], data: st.DataObject
) -> None:
    CALLBACKS.case("change one byte", "apikley.callbacks")
    body = bytearray(json.dumps(payload).encode())
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    task_id = payload["data"]["taskId"]
    try:
        callback = verify(sign(task_id, KEY, NOW), body, KEY, now=NOW)
    except CallbackError:
        return
    assert callback.task_id == task_id


@pytest.mark.parametrize("rule", list(rules(CALLBACK)), ids=str)
@settings(max_examples=12)
@given(data=st.data())
def test_a_payload_that_breaks_a_rule_is_parsed_or_is_a_bad_payload(rule: Rule, data: st.DataObject) -> None:
    CALLBACKS.case(str(rule), "apikley.callbacks", "jsonschema")
    payload = data.draw(bodies(CALLBACK, rule))
    assert VALIDATOR.is_valid(payload) == rule.valid
    try:
        task = parse(json.dumps(payload)).task
    except BadPayload:
        return
    for name in ("result_urls", "fail_code", "fail_message", "credits", "created_at", "completed_at", "duration"):
        getattr(task, name)


@pytest.mark.parametrize("outcome", ["success", "fail"])
@pytest.mark.parametrize("form", [form for form in get_args(Form) if form != "verification"])
def test_the_simulators_callbacks_keep_the_contract(
    apikley_mock: MockService, receiver: Received, form: Any, outcome: Any
) -> None:
    apikley_mock.plan_next(outcome=outcome, callback={"form": form})
    with apikley_mock.client() as api:
        input_ = Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png")
        task = api.create(input_, callback_url=receiver.url)
        apikley_mock.advance(60)
        polled = api.get_task(task.id)
    ((headers, body),) = receiver.calls
    assert_fits("TaskCallback", json.loads(body))
    callback = verify(headers, body, apikley_mock.webhook_key)
    assert (callback.task_id, callback.state) == (task.id, outcome)
    assert (callback.task.result_urls, callback.task.fail_code) == (polled.result_urls, polled.fail_code)
    assert callback.task.request == polled.request


@pytest.mark.parametrize("payload", _published(), ids=lambda payload: payload["data"]["state"])
def test_the_published_payloads_are_valid_and_parsed(payload: dict[str, Any]) -> None:
    VALIDATOR.validate(payload)
    assert parse(json.dumps(payload)).state == payload["data"]["state"]
