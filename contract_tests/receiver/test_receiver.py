"""A callback is verified, stored and acknowledged, or refused."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from apikley.callbacks import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from apikley.errors import ConfigurationError
from apikley.receiver import Event, Receiver, RetryPolicy
from apikley.receiver.web import request_check
from apikley.testing import ManualClock
from contract_tests.receiver.receivers import (
    START,
    WEBHOOK_KEY,
    MakeReceiver,
    Service,
    asgi,
    body_of,
    collect,
    deliver,
    post,
    signed,
    wsgi,
)

OK = {"code": 200, "msg": "success"}


def test_a_genuine_callback_is_acknowledged_and_then_handled(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    response = deliver(receiver, "task_1", resultJson='{"resultUrls":["https://a.test/1.mp4"]}')
    assert (response.status_code, response.json()) == (200, OK)
    assert events == []
    assert receiver.work() == 1
    (event,) = events
    assert (event.event_id, event.task_id, event.state, event.attempt) == ("task_1:success", "task_1", "success", 1)
    assert event.task.result_urls == ["https://a.test/1.mp4"]
    assert (event.confirmed, event.source, event.token) == (False, "callback", None)
    assert event.received_at.timestamp() == START


def test_repeated_callbacks_are_acknowledged_and_handled_once(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    for _ in range(3):
        assert deliver(receiver, "task_1").status_code == 200
        receiver.work()
    assert [event.event_id for event in events] == ["task_1:success"]


def test_a_callback_about_a_running_task_is_acknowledged_and_not_handled(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    assert deliver(receiver, "task_1", "generating").json() == OK
    assert receiver.work() == 0
    assert events == []


@pytest.mark.parametrize("state", ["SUCCESS", "Fail"])
def test_a_state_in_capitals_is_the_same_state(make_receiver: MakeReceiver, state: str) -> None:
    for client in (None, Service(task_1=state)):
        receiver = make_receiver(client=client)
        events = collect(receiver)
        body = json.dumps({"data": {"taskId": "task_1", "state": state}}).encode()
        assert post(receiver, body, signed("task_1")).status_code == 200
        receiver.work()
        (event,) = events
        assert (event.event_id, event.state) == (f"task_1:{state.lower()}", state.lower())
        assert event.task.finished


UNKNOWN_STATES = [(501, "failed"), (200, "completed"), (None, "completed"), (433, "archived")]


@pytest.mark.parametrize(("code", "state"), UNKNOWN_STATES)
def test_an_unknown_state_is_not_overruled_by_the_code(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture, code: int | None, state: str
) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    body = json.dumps({"code": code, "data": {"taskId": "task_1", "state": state}}).encode()
    assert post(receiver, body, signed("task_1")).status_code == 200
    receiver.work()
    assert [(event.event_id, event.state) for event in events] == [("task_1:ended", None)]
    assert f"callback of task task_1 has an unknown state {state!r}" in caplog.text


@pytest.mark.parametrize(("code", "state"), UNKNOWN_STATES)
def test_the_service_is_asked_about_an_unknown_state(
    make_receiver: MakeReceiver, clock: ManualClock, code: int | None, state: str
) -> None:
    service = Service(task_1="generating")
    receiver = make_receiver(client=service)
    events = collect(receiver)
    body = json.dumps({"code": code, "data": {"taskId": "task_1", "state": state}}).encode()
    assert post(receiver, body, signed("task_1")).status_code == 200
    receiver.work()
    assert events == []
    service.records["task_1"]["state"] = "fail"
    clock.advance(60)
    receiver.work()
    assert [(event.event_id, event.state) for event in events] == [("task_1:fail", "fail")]


def test_an_unknown_state_in_capitals_is_known_to_be_unfinished(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    body = json.dumps({"code": 200, "data": {"taskId": "task_1", "state": "GENERATING"}}).encode()
    assert post(receiver, body, signed("task_1")).status_code == 200
    assert receiver.inbox.counts() == {}


NO_STATE = b'{"data":{"task_id":"task_1"}}'


def test_a_callback_without_a_state_is_handled_by_on_any_only(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    events = collect(receiver)
    decided: list[Event] = []
    receiver.on_success(lambda event: decided.append(event))  # noqa: PLW0108 - a name of its own
    assert post(receiver, NO_STATE, signed("task_1")).status_code == 200
    receiver.work()
    assert [(event.event_id, event.state, event.confirmed) for event in events] == [("task_1:ended", None, False)]
    assert decided == []


@pytest.mark.parametrize("state", ["success", "fail"])
def test_a_client_decides_a_callback_without_a_state(make_receiver: MakeReceiver, state: str) -> None:
    receiver = make_receiver(client=Service(task_1=state))
    events = collect(receiver)
    assert post(receiver, NO_STATE, signed("task_1")).status_code == 200
    receiver.work()
    receiver.work()
    assert [(event.event_id, event.state, event.confirmed) for event in events] == [(f"task_1:{state}", state, True)]
    assert receiver.inbox.counts() == {"done": 2}


def test_a_client_handles_a_completion_once_with_and_without_a_state(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(client=Service(task_1="success"))
    events = collect(receiver)
    for body in (BODY, NO_STATE, BODY):
        assert post(receiver, body, signed("task_1")).status_code == 200
        receiver.work()
    assert [event.event_id for event in events] == ["task_1:success"]


def test_a_callback_without_a_state_of_an_unfinished_task_is_tried_again(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(client=Service(task_1="generating"))
    events = collect(receiver)
    assert post(receiver, NO_STATE, signed("task_1")).status_code == 200
    receiver.work()
    assert (events, receiver.inbox.counts()) == ([], {"failed": 1})


GOOD = signed("task_1")
BODY = body_of("task_1")
REFUSED = {
    "no signature": ("POST", BODY, {"Content-Type": "application/json"}, 401),
    "no time": ("POST", BODY, {k: v for k, v in GOOD.items() if k != TIMESTAMP_HEADER}, 401),
    "another key": ("POST", BODY, {**GOOD, **sign("task_1", "other", int(START))}, 401),
    "another task": ("POST", body_of("task_2"), GOOD, 401),
    "too old": ("POST", BODY, signed("task_1", START - 301), 401),
    "from the future": ("POST", BODY, signed("task_1", START + 301), 401),
    "malformed signature": ("POST", BODY, {**GOOD, SIGNATURE_HEADER: "v1,a,b"}, 401),
    "not JSON": ("POST", b"<html>", GOOD, 400),
    "no task": ("POST", b"{}", GOOD, 400),
    "no body": ("POST", b"", GOOD, 400),
    "a control character in the id": ("POST", body_of("task\0"), signed("task\0"), 400),
    "an overlong id": ("POST", body_of("t" * 256), signed("t" * 256), 400),
    "too large": ("POST", b" " * (request_check.MAX_BODY + 1), GOOD, 413),
    "too large by its header": ("POST", BODY, {**GOOD, "Content-Length": "9" * 30}, 413),
    "another media type": ("POST", BODY, {**GOOD, "Content-Type": "text/plain"}, 415),
    "compressed": ("POST", BODY, {**GOOD, "Content-Encoding": "gzip"}, 415),
    "GET": ("GET", b"", {}, 405),
    "PUT": ("PUT", BODY, GOOD, 405),
}


@pytest.mark.parametrize(("method", "body", "headers", "status"), REFUSED.values(), ids=REFUSED)
def test_a_refused_request_is_not_stored(
    make_receiver: MakeReceiver, method: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    receiver = make_receiver()
    response = post(receiver, body, headers, method=method)
    assert response.status_code == status
    assert response.json()["code"] == status
    assert response.headers["content-type"] == "application/json"
    assert receiver.inbox.counts() == {}


def test_all_signature_failures_get_the_same_response(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    failures = [(body, headers) for _, body, headers, status in REFUSED.values() if status == 401]
    assert len({post(receiver, body, headers).content for body, headers in failures}) == 1


def test_a_405_names_the_allowed_method(make_receiver: MakeReceiver) -> None:
    assert post(make_receiver(), b"", {}, method="GET").headers["allow"] == "POST"


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json", ""])
def test_every_media_type_of_json_is_accepted(make_receiver: MakeReceiver, kind: str) -> None:
    assert post(make_receiver(), BODY, {**GOOD, "Content-Type": kind}).status_code == 200


def test_a_body_that_does_not_end_is_refused(make_receiver: MakeReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_check, "BODY_TIMEOUT", 0.01)
    assert asgi(make_receiver(), headers=GOOD)[0]["status"] == 408


def test_an_interrupted_body_gets_no_response(make_receiver: MakeReceiver) -> None:
    part = {"type": "http.request", "body": b'{"data"', "more_body": True}
    assert asgi(make_receiver(), part, {"type": "http.disconnect"}) == []


def test_an_endless_body_is_refused_when_it_is_too_large(make_receiver: MakeReceiver) -> None:
    half = {"type": "http.request", "body": bytes(request_check.MAX_BODY // 2), "more_body": True}
    assert asgi(make_receiver(), half, half, half, headers=GOOD)[0]["status"] == 413


def test_a_malformed_length_is_ignored(make_receiver: MakeReceiver) -> None:
    body = {"type": "http.request", "body": BODY}
    assert asgi(make_receiver(), body, headers={**GOOD, "content-length": "\xb2"})[0]["status"] == 200


def test_a_callback_that_cannot_be_stored_is_not_acknowledged(
    make_receiver: MakeReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = make_receiver()
    monkeypatch.setattr(receiver.inbox, "write", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    assert deliver(receiver, "task_1").status_code == 503
    assert "cannot store the callback task_1:success: disk full" in caplog.text


def test_any_of_several_keys_verifies(make_receiver: MakeReceiver) -> None:
    receiver = make_receiver(webhook_key=["new-key", WEBHOOK_KEY])
    assert deliver(receiver, "task_1").status_code == 200


@pytest.mark.parametrize(
    ("webhook_key", "message"),
    [
        *[(key, "no webhook key") for key in ("", [], ["", "x"], b"")],
        (["good", "lone \ud800"], "the webhook key contains a lone surrogate"),
    ],
    ids=repr,
)
def test_a_missing_or_malformed_key_is_refused(webhook_key: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Receiver(webhook_key, inbox=":memory:")


def test_the_webhook_key_is_in_no_repr_and_no_log(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = make_receiver(webhook_key="whsec_never_shown")
    assert deliver(receiver, "task_1").status_code == 401
    assert "whsec_never_shown" not in repr(receiver) + repr(vars(receiver)) + caplog.text


NAN, INFINITE = float("nan"), float("inf")
SECONDS = "expected a number of seconds from 0 to 1,000,000,000"
INVALID = {
    "workers is -1, expected a whole number, 0 or more": {"workers": -1},
    "workers is 1.5, expected a whole number, 0 or more": {"workers": 1.5},
    f"tolerance is nan, {SECONDS}": {"tolerance": NAN},
    f"tolerance is -1, {SECONDS}": {"tolerance": -1},
    f"keep is nan, {SECONDS}": {"keep": NAN},
    f"lease is 0, {SECONDS}, at least 0.001": {"lease": 0},
    f"lease is inf, {SECONDS}, at least 0.001": {"lease": INFINITE},
    "retries is 3, expected RetryPolicy(…)": {"retries": 3},
    "client is a str, expected an Apikley or an AsyncApikley": {"client": "http://x"},
}


@pytest.mark.parametrize(("message", "options"), INVALID.items(), ids=INVALID)
def test_an_invalid_option_is_refused_at_once(message: str, options: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Receiver(WEBHOOK_KEY, inbox=":memory:", **options)
    assert str(caught.value) == message


@pytest.mark.parametrize("options", [{"attempts": 0}, {"attempts": 1.5}, {"first": -1}, {"longest": NAN}], ids=repr)
def test_an_invalid_retry_policy_is_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=r" is .*, expected "):
        RetryPolicy(**options)


class Trickle:
    """A body that a WSGI server hands over as it arrives. It raises an error in the end, if there is one."""

    def __init__(self, *chunks: bytes, error: OSError | None = None) -> None:
        self._chunks, self._error = [*chunks], error

    def read(self, _: int) -> bytes:
        if not self._chunks and self._error:
            raise self._error
        return self._chunks.pop(0) if self._chunks else b""


def test_wsgi_reads_a_body_that_arrives_in_pieces(make_receiver: MakeReceiver) -> None:
    receiver, body = make_receiver(), body_of("task_1")
    pieces = Trickle(body[:10], body[10:])
    options = {"wsgi.input": pieces, "CONTENT_LENGTH": str(len(body))}
    assert wsgi(receiver, signed("task_1"), b"", **options) == "200 OK"


@pytest.mark.parametrize("error", [None, TimeoutError("timed out"), ConnectionResetError()])
def test_wsgi_answers_408_to_a_body_that_does_not_end(make_receiver: MakeReceiver, error: OSError | None) -> None:
    receiver, body = make_receiver(), body_of("task_1")
    options = {"wsgi.input": Trickle(body[:10], error=error), "CONTENT_LENGTH": str(len(body))}
    assert wsgi(receiver, signed("task_1"), b"", **options) == "408 Request Timeout"
    assert receiver.inbox.counts() == {}


def test_wsgi_answers_408_to_a_body_that_takes_too_long(
    make_receiver: MakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, body, now = make_receiver(), body_of("task_1"), [0.0]

    class Slow(Trickle):
        def read(self, size: int) -> bytes:
            now[0] += 3.0
            return super().read(size)

    monkeypatch.setattr("apikley.receiver.web.wsgi.time.monotonic", lambda: now[0])
    options = {"wsgi.input": Slow(*(body[n : n + 1] for n in range(len(body)))), "CONTENT_LENGTH": str(len(body))}
    assert wsgi(receiver, signed("task_1"), b"", **options) == "408 Request Timeout"


REFUSALS = {
    "wrong signature": (
        body_of("task_1"),
        {**signed("task_1"), "X-Webhook-Signature": "no"},
        "401: the signature does",
    ),
    "no signature": (body_of("task_1"), {"Content-Type": "application/json"}, "401: the header X-Webhook-Timestamp is"),
    "stale": (
        body_of("task_1"),
        signed("task_1", START - 412),
        "401: the callback was signed 412 s ago, at most 300 s",
    ),
    "early": (body_of("task_1"), signed("task_1", START + 500), "401: the callback was signed 500 s in the future"),
    "no task id": (b"{}", signed("task_1"), "400: the body names no task"),
}


@pytest.mark.parametrize(("body", "headers", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_callback_logs_the_reason(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture, body: bytes, headers: dict[str, str], reason: str
) -> None:
    post(make_receiver(), body, headers)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"callback refused with {reason}" in record.getMessage()


def test_refusals_are_logged_at_most_once_in_ten_seconds(
    make_receiver: MakeReceiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, now = make_receiver(), [1000.0]
    monkeypatch.setattr("apikley.receiver.web.request_check.time.monotonic", lambda: now[0])
    for _ in range(5):
        post(receiver, b"{}", signed("task_1"))
    assert len(caplog.records) == 1
    now[0] += 11
    post(receiver, b"{}", signed("task_1"))
    assert caplog.records[-1].getMessage().endswith("the body names no task (4 more since the last message)")
