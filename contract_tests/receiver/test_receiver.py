"""A callback is verified, stored and acknowledged, or refused in few words."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from apikley.errors import ConfigurationError
from apikley.receiver import Receiver, Retries
from apikley.receiver.web import request_check as gate
from contract_tests.receiver.receivers import (
    START,
    WEBHOOK_KEY,
    Make,
    Service,
    body_of,
    collect,
    deliver,
    post,
    signed,
)

OK = {"code": 200, "msg": "success"}
TOKEN = "tok-" + "x" * 28


def test_a_genuine_callback_is_acknowledged_and_then_handled(make_receiver: Make) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    answer = deliver(receiver, "task_1", resultJson='{"resultUrls":["https://a.test/1.mp4"]}')
    assert (answer.status_code, answer.json()) == (200, OK)
    assert events == []
    assert receiver.work() == 1
    (event,) = events
    assert (event.key, event.task_id, event.state, event.attempt) == ("task_1:success", "task_1", "success", 1)
    assert event.task.result_urls == ["https://a.test/1.mp4"]
    assert (event.confirmed, event.source, event.token) == (False, "callback", None)
    assert event.received_at.timestamp() == START


def test_repeats_are_acknowledged_and_handled_once(make_receiver: Make) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    for _ in range(3):
        assert deliver(receiver, "task_1").status_code == 200
        receiver.work()
    assert [event.key for event in events] == ["task_1:success"]


def test_news_of_a_task_that_goes_on_is_acknowledged_and_not_handled(make_receiver: Make) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    assert deliver(receiver, "task_1", "generating").json() == OK
    assert receiver.work() == 0
    assert events == []


MEANT = {
    "the code of a failure": (b'{"code":501,"data":{"taskId":"task_1","state":"failed"}}', "fail"),
    "the code of a success": (b'{"code":200,"data":{"taskId":"task_1","state":"completed"}}', "success"),
    "another case": (b'{"code":200,"data":{"taskId":"task_1","state":"SUCCESS"}}', "success"),
    "another case, no code": (b'{"data":{"taskId":"task_1","state":"Fail"}}', "fail"),
}


@pytest.mark.parametrize(("body", "state"), MEANT.values(), ids=MEANT)
@pytest.mark.parametrize("confirming", [False, True])
def test_a_final_callback_in_other_words_is_stored_by_what_it_means_and_logged(
    make_receiver: Make, caplog: pytest.LogCaptureFixture, body: bytes, state: str, confirming: bool
) -> None:
    receiver = make_receiver(client=Service(task_1=state) if confirming else None)
    events = collect(receiver)
    assert post(receiver, body, signed("task_1")).status_code == 200
    receiver.work()
    assert [(event.key, event.state) for event in events] == [(f"task_1:{state}", state)]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"unknown to the contract, {json.loads(body)['data']['state']!r}, is read as {state}" in caplog.text


@pytest.mark.parametrize(
    ("code", "state"), [(None, "completed"), (433, "completed"), (200, "GENERATING")], ids=["no", "unknown", "goes on"]
)
def test_an_unknown_state_that_says_no_end_is_acknowledged_logged_and_not_handled(
    make_receiver: Make, caplog: pytest.LogCaptureFixture, code: int | None, state: str
) -> None:
    receiver = make_receiver()
    collect(receiver)
    body = json.dumps({"code": code, "data": {"taskId": "task_1", "state": state}}).encode()
    assert post(receiver, body, signed("task_1")).status_code == 200
    assert receiver.inbox.counts() == {}
    assert f"unknown to the contract, {state!r}" in caplog.text


GOOD = signed("task_1")
BODY = body_of("task_1")
REFUSED = {
    "no signature": ("POST", BODY, {"Content-Type": "application/json"}, 401),
    "no time": ("POST", BODY, {k: v for k, v in GOOD.items() if k != TIMESTAMP_HEADER}, 401),
    "another key": ("POST", BODY, {**GOOD, **sign("task_1", "other", int(START))}, 401),
    "another task": ("POST", body_of("task_2"), GOOD, 401),
    "too old": ("POST", BODY, signed("task_1", START - 301), 401),
    "from the future": ("POST", BODY, signed("task_1", START + 301), 401),
    "odd signature": ("POST", BODY, {**GOOD, SIGNATURE_HEADER: "v1,a,b"}, 401),
    "no JSON": ("POST", b"<html>", GOOD, 400),
    "no task": ("POST", b"{}", GOOD, 400),
    "no body": ("POST", b"", GOOD, 400),
    "an id that cannot be stored": ("POST", body_of("task\0"), signed("task\0"), 400),
    "an id without end": ("POST", body_of("t" * 256), signed("t" * 256), 400),
    "too large": ("POST", b" " * (gate.LARGEST + 1), GOOD, 413),
    "said to be too large": ("POST", BODY, {**GOOD, "Content-Length": "9" * 30}, 413),
    "not JSON by its type": ("POST", BODY, {**GOOD, "Content-Type": "text/plain"}, 415),
    "compressed": ("POST", BODY, {**GOOD, "Content-Encoding": "gzip"}, 415),
    "a look": ("GET", b"", {}, 405),
    "a put": ("PUT", BODY, GOOD, 405),
}


@pytest.mark.parametrize(("method", "body", "headers", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_said_shortly_and_not_stored(
    make_receiver: Make, method: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    receiver = make_receiver()
    answer = post(receiver, body, headers, method=method)
    assert answer.status_code == status
    assert answer.json()["code"] == status
    assert answer.headers["content-type"] == "application/json"
    assert receiver.inbox.counts() == {}


def test_all_signature_failures_are_answered_alike(make_receiver: Make) -> None:
    receiver = make_receiver()
    failures = [(body, headers) for _, body, headers, status in REFUSED.values() if status == 401]
    assert len({post(receiver, body, headers).content for body, headers in failures}) == 1


def test_the_method_that_is_allowed_is_named(make_receiver: Make) -> None:
    assert post(make_receiver(), b"", {}, method="GET").headers["allow"] == "POST"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json", ""])
def test_json_is_taken_by_any_of_its_names(make_receiver: Make, kind: str) -> None:
    assert post(make_receiver(), BODY, {**GOOD, "Content-Type": kind}).status_code == 200


def test_a_body_that_does_not_end_is_refused_in_time(make_receiver: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_TIMEOUT", 0.01)
    sent: list[Any] = []
    headers = [(name.lower().encode(), value.encode()) for name, value in GOOD.items()]

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(
        make_receiver()({"type": "http", "method": "POST", "headers": headers, "query_string": b""}, never, send)
    )
    assert sent[0]["status"] == 408


def test_a_body_that_breaks_off_is_not_answered(make_receiver: Make) -> None:
    sent: list[Any] = []
    pieces = [
        {"type": "http.request", "body": b'{"data"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(make_receiver()({"type": "http", "method": "POST", "headers": [], "query_string": b""}, receive, send))
    assert sent == []


def test_a_body_without_end_is_refused_once_it_is_too_large(make_receiver: Make) -> None:
    sent: list[Any] = []
    headers = [(name.lower().encode(), value.encode()) for name, value in GOOD.items()]
    given = 0

    async def receive() -> Any:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": bytes(gate.LARGEST // 2), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "headers": headers, "query_string": b""}
    asyncio.run(make_receiver()(scope, receive, send))
    assert (sent[0]["status"], given) == (413, 3)


def test_what_cannot_be_stored_is_not_acknowledged(
    make_receiver: Make, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    receiver = make_receiver()
    monkeypatch.setattr(receiver.inbox, "write", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    assert deliver(receiver, "task_1").status_code == 503
    assert "task_1:success could not be stored: disk full" in caplog.text


def test_any_of_several_keys_is_good(make_receiver: Make) -> None:
    receiver = make_receiver(key=["new-key", WEBHOOK_KEY])
    assert deliver(receiver, "task_1").status_code == 200


@pytest.mark.parametrize("key", ["", [], ["", "x"], b""])
def test_without_a_key_there_is_no_receiver(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="no webhook key"):
        Receiver(key, inbox=":memory:")


def test_the_webhook_key_is_in_nothing_that_is_printed(make_receiver: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = make_receiver(key="whsec_never_shown")
    assert deliver(receiver, "task_1").status_code == 401
    assert "whsec_never_shown" not in repr(receiver) + repr(vars(receiver)) + caplog.text


NAN = float("nan")
NONSENSE = {
    "workers is -1, expected 0 or more": {"workers": -1},
    "workers is 1.5, expected 0 or more": {"workers": 1.5},
    "tolerance is nan, expected 0 or more seconds": {"tolerance": NAN},
    "tolerance is -1, expected 0 or more seconds": {"tolerance": -1},
    "keep is 0, expected more than 0 seconds": {"keep": 0},
    "keep is nan, expected more than 0 seconds": {"keep": NAN},
    "lease is 0, expected more than 0 seconds, with an end": {"lease": 0},
    "lease is inf, expected more than 0 seconds, with an end": {"lease": float("inf")},
    "retries is 3, expected Retries(…)": {"retries": 3},
    "client is a str, expected an Apikley or an AsyncApikley": {"client": "http://x"},
}


@pytest.mark.parametrize(("words", "options"), NONSENSE.items(), ids=NONSENSE)
def test_an_option_that_is_none_is_refused_when_the_receiver_is_made(words: str, options: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Receiver(WEBHOOK_KEY, inbox=":memory:", **options)
    assert str(caught.value) == words


@pytest.mark.parametrize("options", [{"attempts": 0}, {"attempts": 1.5}, {"first": -1}, {"longest": NAN}], ids=repr)
def test_retries_that_are_none_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=r" is .*, expected "):
        Retries(**options)


def test_a_length_in_digits_that_are_no_number_does_no_harm(make_receiver: Make) -> None:
    sent: list[Any] = []
    headers = [(name.lower().encode(), value.encode()) for name, value in GOOD.items()]

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "query_string": b"", "headers": [*headers, (b"content-length", b"\xb2")]}
    asyncio.run(make_receiver()(scope, receive, send))
    assert sent[0]["status"] == 200


def test_a_key_that_is_no_text_makes_no_receiver() -> None:
    with pytest.raises(ConfigurationError, match="the webhook key contains a lone surrogate"):
        Receiver(["good", "half \ud800"], inbox=":memory:")
