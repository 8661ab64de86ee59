"""Callbacks are signed, verified and parsed."""

from __future__ import annotations

import email.message
import hmac
import json
import subprocess
import sys
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

import apikley_contract
from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, parse, sign, verify, webhook_keys
from apikley.errors import BadPayload, BadSignature, CallbackError, ConfigurationError, StaleCallback
from apikley.receiver import Receiver

KEY = "whsec_test"
TASK = "task_hailuo_1765185328412"
NOW = 1765185400
CODES = apikley_contract.codes()
BODY = json.dumps({"code": 200, "msg": "done", "data": {"taskId": TASK, "state": "success"}}).encode()
VECTORS = [
    (
        "test-webhook-hmac-key",
        "ee9c2715375b7837f8bb51d641ff5863",
        1769670760,
        "xG6/yOyrMyJtUdc1yjmHpKLHSHF3MpzOPa6uxSj3qb4=",
    ),
    (KEY, TASK, NOW, "PaYzQO8C0sJaYSwXyv3YOx5Axs8wdvaj3l3MgnkT8Oo="),
]


@pytest.mark.parametrize(("key", "task_id", "timestamp", "signature"), VECTORS)
def test_sign_gives_the_known_signatures(key: str, task_id: str, timestamp: int, signature: str) -> None:
    assert sign(task_id, key, timestamp) == {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: signature}


def test_a_signed_callback_verifies() -> None:
    callback = verify(sign(TASK, KEY, NOW), BODY, KEY, now=NOW)
    assert (callback.task_id, callback.state, callback.code, callback.message) == (TASK, "success", 200, "done")


def test_header_names_may_have_any_case_and_be_bytes() -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in sign(TASK, KEY, NOW).items()]
    assert verify(headers, BODY, KEY, now=NOW).task_id == TASK


def test_any_of_several_keys_verifies() -> None:
    assert verify(sign(TASK, KEY, NOW), BODY, ["new-key", KEY], now=NOW).task_id == TASK


@pytest.mark.parametrize("name", [TIMESTAMP_HEADER, SIGNATURE_HEADER])
def test_a_missing_header_is_a_bad_signature(name: str) -> None:
    headers = sign(TASK, KEY, NOW)
    del headers[name]
    with pytest.raises(BadSignature, match="missing"):
        verify(headers, BODY, KEY, now=NOW)


def test_a_header_given_twice_is_a_bad_signature() -> None:
    headers = [*sign(TASK, KEY, NOW).items(), (SIGNATURE_HEADER, "another")]
    with pytest.raises(BadSignature, match="more than once"):
        verify(headers, BODY, KEY, now=NOW)


@pytest.mark.parametrize("stamp", ["", "now", "inf", "-1", "1.5", "١٧٦٥", "9" * 13, " 1765185400"])
def test_a_malformed_time_is_a_bad_signature(stamp: str) -> None:
    headers = {**sign(TASK, KEY, NOW), TIMESTAMP_HEADER: stamp}
    with pytest.raises(BadSignature):
        verify(headers, BODY, KEY, now=NOW)


@pytest.mark.parametrize("key", ["", [], ["", KEY], b""])
def test_an_empty_key_is_a_configuration_error(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="no webhook key"):
        verify(sign(TASK, "x", NOW), BODY, key, now=NOW)


def test_signatures_are_compared_in_constant_time_with_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(made: bytes, presented: bytes) -> bool:
        compared.append(made)
        return made == presented

    monkeypatch.setattr(hmac, "compare_digest", compare)
    headers = sign(TASK, KEY, NOW)
    verify(headers, BODY, [KEY, "old-key", "older-key"], now=NOW)
    assert len(compared) == 3
    assert compared[0].decode() == headers[SIGNATURE_HEADER]


def test_another_key_is_a_bad_signature() -> None:
    with pytest.raises(BadSignature):
        verify(sign(TASK, "another", NOW), BODY, KEY, now=NOW)


def test_another_task_is_a_bad_signature() -> None:
    with pytest.raises(BadSignature):
        verify(sign("task_other", KEY, NOW), BODY, KEY, now=NOW)


@pytest.mark.parametrize("age", [301, -301, 1e6])
def test_a_valid_signature_outside_the_tolerance_is_stale(age: float) -> None:
    with pytest.raises(StaleCallback):
        verify(sign(TASK, KEY, NOW), BODY, KEY, now=NOW + age)


def test_an_infinite_age_is_stale() -> None:
    with pytest.raises(StaleCallback):
        verify(sign(TASK, KEY, NOW), BODY, KEY, now=float("nan"))


@pytest.mark.parametrize("tolerance", [float("nan"), -1, "300", None, True], ids=repr)
def test_an_invalid_tolerance_is_a_configuration_error(tolerance: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^tolerance is .*, expected 0 or more seconds$"):
        verify(sign(TASK, KEY, NOW), BODY, KEY, tolerance=tolerance, now=NOW)


@pytest.mark.parametrize("age", [300, -300, 0])
def test_a_valid_signature_within_the_tolerance_verifies(age: float) -> None:
    assert verify(sign(TASK, KEY, NOW), BODY, KEY, now=NOW + age).task_id == TASK


@pytest.mark.parametrize(
    "payload",
    [
        {"code": 200, "data": {"taskId": TASK, "state": "success"}},
        {"code": 200, "data": {"task_id": TASK, "state": "success"}},
        {"code": 200, "taskId": TASK, "data": {"state": "success"}},
        {"code": 200, "task_id": TASK},
        {"code": 200, "taskId": TASK, "data": None},
    ],
)
def test_the_task_id_is_found_in_every_published_place(payload: dict[str, Any]) -> None:
    callback = parse(json.dumps(payload))
    assert (callback.task_id, callback.state) == (TASK, "success")


FORMS: dict[str, dict[str, Any]] = {
    "2025": {"consumeCredits": 12.5, "remainedCredits": 88, "updateTime": 1765185543412},
    "end of 2025": {"failCode": None, "failMsg": None},
    "2026": {"creditsConsumed": 12.5, "costTime": 215, "param": '{"model":"m","input":"{\\"prompt\\":\\"x\\"}"}'},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_published_form_is_parsed(form: str) -> None:
    data = {"taskId": TASK, "state": "success", "resultJson": '{"resultUrls":["https://a.test/1.mp4"]}', **FORMS[form]}
    callback = parse(json.dumps({"code": 200, "msg": "ok", "data": data}))
    assert callback.task.result_urls == ["https://a.test/1.mp4"]
    assert callback.task.credits == (None if form == "end of 2025" else 12.5)


def test_the_contracts_examples_are_parsed() -> None:
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    examples = item["post"]["requestBody"]["content"]["application/json"]["examples"]
    states = {name: parse(json.dumps(example["value"])).state for name, example in examples.items()}
    assert states == {"success": "success", "fail": "fail"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b"\xff",
        b"{" * 10_000,
        b"1" * 5_000,
        b'{"data":{"taskId":7,"state":"success"}}',
        b'{"data":{"taskId":"","state":"fail"}}',
        b'{"code":200,"taskId":"\\ud800"}',
    ],
)
def test_another_body_is_a_bad_payload(body: bytes) -> None:
    with pytest.raises(BadPayload):
        parse(body)


HEADERS = st.dictionaries(
    st.sampled_from([TIMESTAMP_HEADER, SIGNATURE_HEADER, "X-Webhook-Signature ", ""]), st.text(max_size=40), max_size=4
)
BODIES = st.binary(max_size=80) | st.builds(
    lambda task, state, code: json.dumps({"code": code, "taskId": task, "data": {"taskId": task, "state": state}}),
    st.none() | st.text() | st.integers(),
    st.none() | st.text() | st.integers(),
    st.none() | st.floats() | st.integers(),
)


@given(HEADERS | st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=30))), BODIES)
def test_any_input_raises_only_callback_errors(headers: Any, body: Any) -> None:
    with pytest.raises(CallbackError):
        verify(headers, body, KEY)


@given(st.text(min_size=1).filter(lambda text: text.isprintable()), st.integers(0, 10**11))
def test_any_signed_callback_verifies(task_id: str, timestamp: int) -> None:
    body = json.dumps({"code": 501, "data": {"taskId": task_id, "state": "fail"}})
    assert verify(sign(task_id, KEY, timestamp), body, KEY, now=timestamp).task_id == task_id


class Hostile:
    """A container that raises a given error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def items(self) -> Any:
        raise self.error


@pytest.mark.parametrize(
    "headers",
    [
        None,
        7,
        "X-Webhook-Signature: x",
        [1, 2],
        [("X-Webhook-Signature",)],
        [("a", "b", "c")],
        {TIMESTAMP_HEADER: 1765185400, SIGNATURE_HEADER: None},
        {None: None, 7: b"x", TIMESTAMP_HEADER: ["1765185400"]},
        {TIMESTAMP_HEADER: str(NOW), SIGNATURE_HEADER: "\ud800"},
        {TIMESTAMP_HEADER.encode(): b"\xff", SIGNATURE_HEADER.encode(): b"\xff"},
        Hostile(RuntimeError("no")),
        Hostile(KeyError("no")),
    ],
    ids=range(12),
)
def test_malformed_headers_are_a_bad_signature(headers: Any) -> None:
    with pytest.raises(BadSignature):
        verify(headers, BODY, KEY, now=NOW)


def test_other_malformed_headers_are_ignored() -> None:
    headers: Any = [(None, 7), (b"\xff", "x"), *sign(TASK, KEY, NOW).items()]
    assert verify(headers, BODY, KEY, now=NOW).task_id == TASK


def test_headers_can_be_an_email_message() -> None:
    message: Any = email.message.Message()
    for name, value in sign(TASK, KEY, NOW).items():
        message[name] = value
    assert verify(message, BODY, KEY, now=NOW).task_id == TASK


@pytest.mark.parametrize("body", [None, 7, [BODY], {"code": 200}, object(), ()], ids=lambda value: type(value).__name__)
def test_a_body_of_another_type_is_a_bad_payload(body: Any) -> None:
    with pytest.raises(BadPayload):
        verify(sign(TASK, KEY, NOW), body, KEY, now=NOW)


@pytest.mark.parametrize("body", [bytearray(BODY), BODY.decode()], ids=["bytearray", "str"])
def test_a_body_can_be_str_bytes_or_bytearray(body: Any) -> None:
    assert parse(body).task_id == TASK


@pytest.mark.parametrize("code", ["1" + "0" * 400, "1e999", "NaN", "-Infinity", "200.5", "true", '"200"'])
def test_a_malformed_code_raises_only_callback_errors(code: str) -> None:
    callback = parse(f'{{"code": {code}, "data": {{"taskId": "t", "state": "fail"}}}}')
    assert callback.state == "fail"


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"task_id": TASK}},
        {"code": 433, "data": {"task_id": TASK, "state": None}},
        {"code": None, "task_id": TASK},
    ],
)
def test_a_callback_without_a_state_has_none(body: dict[str, Any]) -> None:
    callback = verify(sign(TASK, KEY, NOW), json.dumps(body), KEY, now=NOW)
    assert (callback.task_id, callback.state, callback.event_id) == (TASK, None, f"{TASK}:ended")


@pytest.mark.parametrize(("code", "state"), [(200, "success"), (501, "fail")])
def test_a_missing_state_follows_from_the_code(code: int, state: str) -> None:
    assert parse(json.dumps({"code": code, "data": {"task_id": TASK}})).state == state


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"taskId": TASK, "task_id": "task_2", "state": "success"}},
        {"taskId": "task_2", "data": {"taskId": TASK, "state": "success"}},
        {"task_id": "task_2", "data": {"task_id": TASK}},
    ],
)
def test_a_body_that_names_two_tasks_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BadPayload, match="names two different tasks"):
        verify(sign(TASK, KEY, NOW), json.dumps(body), KEY, now=NOW)


def test_a_task_id_may_be_repeated() -> None:
    assert parse(json.dumps({"code": 200, "taskId": TASK, "data": {"taskId": TASK, "task_id": TASK}})).task_id == TASK


def test_each_completion_has_one_event_id() -> None:
    won, again, lost = (parse(json.dumps({"code": code, "taskId": TASK})) for code in (200, 200, 501))
    assert won.event_id == again.event_id == f"{TASK}:success"
    assert lost.event_id == f"{TASK}:fail"


STATE_OF_CODE = {CODES["SUCCESS"]: "success", CODES["GENERATION_FAILED"]: "fail"}


def _callback_strategy(mode: GenerationMode) -> Any:
    """Bodies of the contract's callback. schemathesis needs a path, so the callback gets one."""
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    document = {**apikley_contract.openapi(), "paths": {"/callback": item}}
    return schemathesis.openapi.from_dict(document)["/callback"]["POST"].as_strategy(generation_mode=mode)


@given(_callback_strategy(GenerationMode.POSITIVE))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_valid_body_is_parsed(case: Any) -> None:
    data = case.body["data"]
    body = json.dumps(case.body)
    ids = {data[name] for name in ("taskId", "task_id") if isinstance(data.get(name), str) and data[name]}
    if len(ids) != 1:
        with pytest.raises(BadPayload):
            parse(body)
        return
    (task_id,) = ids
    callback = verify(sign(task_id, KEY, NOW), body, KEY, now=NOW)
    assert callback.task_id == task_id
    given = data.get("state")
    expected = given if isinstance(given, str) and given else STATE_OF_CODE.get(case.body.get("code"))
    assert callback.state == expected
    for name in ("result_urls", "credits", "duration", "request", "fail_message", "completed_at"):
        getattr(callback.task, name)


@given(_callback_strategy(GenerationMode.NEGATIVE))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_invalid_body_is_parsed_or_a_callback_error(case: Any) -> None:
    body = json.dumps(case.body, default=str)
    try:
        callback = parse(body)
    except CallbackError:
        return
    assert callback.task_id
    assert verify(sign(callback.task_id, KEY, NOW), body, KEY, now=NOW).event_id == callback.event_id
    for name in ("result_urls", "credits", "duration", "request", "fail_message", "completed_at"):
        getattr(callback.task, name)


def test_the_header_names_are_the_contracts() -> None:
    (item,) = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"].values()
    assert [each["name"] for each in item["post"]["parameters"]] == [TIMESTAMP_HEADER, SIGNATURE_HEADER]


def test_importing_callbacks_loads_only_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import apikley.callbacks;"
        "own = ('apikley', 'apikley_contract');"
        "new = {m.partition('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(m for m in new if m not in sys.stdlib_module_names and m not in own))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("keys", ["half \ud800", [KEY, "\udcff"]])
def test_a_key_with_a_lone_surrogate_is_a_configuration_error(keys: Any) -> None:
    with pytest.raises(ConfigurationError, match="the webhook key contains a lone surrogate"):
        verify(sign(TASK, KEY, NOW), BODY, keys, now=NOW)
    with pytest.raises(ConfigurationError, match="the webhook key contains a lone surrogate"):
        sign(TASK, keys if isinstance(keys, str) else keys[1], NOW)


ODD_KEYS: dict[str, list[Any]] = {
    "no webhook key; pass the one that your account signs callbacks with": [None, [None], ()],
    "a webhook key is str or bytes, not bytearray": [bytearray(b"whsec_odd"), [KEY, bytearray(b"whsec_odd")]],
    "a webhook key is str or bytes, not memoryview": [memoryview(b"whsec_odd")],
    "a webhook key is str or bytes, not int": [777, [777]],
    "a webhook key is str or bytes, not object": [object()],
}


@pytest.mark.parametrize(("words", "key"), [(words, key) for words, keys in ODD_KEYS.items() for key in keys])
def test_a_key_of_another_type_is_refused_without_showing_it(words: str, key: Any) -> None:
    for refused in (
        lambda: Receiver(key, inbox=":memory:"),
        lambda: sign(TASK, key),
        lambda: webhook_keys(key),
        lambda: verify(sign(TASK, KEY, NOW), BODY, key, now=NOW),
    ):
        with pytest.raises(ConfigurationError) as caught:
            refused()
        assert str(caught.value) == words


def test_sign_refuses_several_keys() -> None:
    with pytest.raises(ConfigurationError, match=r"can sign; pass one$") as caught:
        sign(TASK, [KEY, "old-key"])  # type: ignore[arg-type]
    assert KEY not in str(caught.value)


def test_a_time_in_other_unicode_digits_is_a_bad_signature() -> None:
    headers = {**sign(TASK, KEY, NOW), TIMESTAMP_HEADER: "²"}
    with pytest.raises(BadSignature, match="is not a Unix time"):
        verify(headers, BODY, KEY, now=NOW)
