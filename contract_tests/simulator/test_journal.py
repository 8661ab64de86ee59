"""The journal records every request and callback within limits and without keys."""

from __future__ import annotations

from urllib.parse import quote

import httpx2
import pytest

import apikley_contract
from apikley_mock.journal.entry import Entry
from apikley_mock.journal.journal import Journal
from apikley_mock.plugin import MockService
from contract_tests.simulator.simulators import CREATE, CREDITS, DETAILS, Received, create, request_for

BASE64 = apikley_contract.operation("uploadFileBase64").path


def test_every_request_is_recorded_with_its_verdict(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http)
    http.post(CREATE, content=b"{")
    http.get(CREDITS, headers={"Authorization": "Bearer somebody-else"})
    http.get("/nope")
    entries = list(apikley_mock.journal)
    assert [(entry.method, entry.target, entry.code) for entry in entries] == [
        ("POST", CREATE, 200),
        ("POST", CREATE, 422),
        ("GET", CREDITS, 401),
        ("GET", "/nope", 404),
    ]
    assert [entry.task_id for entry in entries] == [task_id, None, None, None]
    assert [entry.account for entry in entries] == ["default", "default", None, "default"]
    assert entries[1].note.startswith("The request body is not JSON")
    assert entries[0].json() == request_for()


def test_unknown_fields_are_accepted_with_a_warning(http: httpx2.Client, apikley_mock: MockService) -> None:
    request = request_for(callbackUrl="http://127.0.0.1:9/")
    request["input"]["promt"] = "a ship"
    assert http.post(CREATE, json=request).json()["code"] == 200
    warnings = [
        "unknown field callbackUrl; did you mean callBackUrl?",
        "unknown field input.promt; did you mean prompt?",
    ]
    assert next(iter(apikley_mock.journal)).warnings == tuple(warnings)
    assert httpx2.get(f"{apikley_mock.url}/__mock__/journal").json()[0]["warnings"] == warnings


def test_known_fields_give_no_warning(http: httpx2.Client, apikley_mock: MockService) -> None:
    create(http, callBackUrl="http://127.0.0.1:9/")
    assert next(iter(apikley_mock.journal)).warnings == ()


@pytest.mark.parametrize("path", [CREATE, BASE64])
def test_a_bug_of_the_simulator_is_logged_and_recorded(
    http: httpx2.Client,
    apikley_mock: MockService,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"with {apikley_mock.api_key}")

    monkeypatch.setattr("apikley_mock.web.validation.parse_body", fail)
    response = http.post(path, json=request_for())
    message = "The simulator itself failed: RuntimeError: with ***"
    assert (response.json()["code"], response.json()["msg"]) == (500, message)
    assert [(entry.target, entry.code, entry.note) for entry in apikley_mock.journal] == [(path, 500, message)]
    assert "in fail" in caplog.text
    assert apikley_mock.api_key not in caplog.text + response.text


@pytest.mark.parametrize("key", ["mock-key", "sk-unknown-0123456789"])
def test_a_key_is_redacted_wherever_it_was_sent(apikley_mock: MockService, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    httpx2.post(apikley_mock.url + CREATE, json=request_for(f"key {key}", **{key: 1}), headers=headers)
    httpx2.post(f"{apikley_mock.url}/{key}/x?key={key}", headers=headers)
    assert len(apikley_mock.journal) == 2
    assert key not in repr(list(apikley_mock.journal))


def test_a_key_is_redacted_in_a_task_id_a_path_and_a_method(http: httpx2.Client, apikley_mock: MockService) -> None:
    key = apikley_mock.api_key
    http.get(DETAILS, params={"taskId": key})
    http.get(DETAILS, params={"taskId": "x" * 195 + key})
    http.get("/" + "x" * 195 + key)
    apikley_mock.journal.add(Entry(0, "request", key, DETAILS, 405))
    assert apikley_mock.journal.requests()[0].task_id == "***"
    assert "mock" not in repr(list(apikley_mock.journal))


@pytest.mark.parametrize("key", ["mock-key", "sk-unknown-0123456789"])
@pytest.mark.parametrize("before", range(0, 24, 5))
def test_no_part_of_a_key_is_left_where_a_body_or_a_path_is_cut(key: str, before: int) -> None:
    journal = Journal(["mock-key", "mock"])
    for size, text in ((2_000, ""), (64 * 1024, ""), (64 * 1024, f"{key} " * 1000)):
        padded = text + "x" * (size - len(text) - before) + key + "y" * 100
        journal.add(Entry(0, "request", "POST", padded, 404, body=padded.encode()), key.encode())
    kept = "".join(entry.target + entry.body.decode() for entry in journal)
    assert set(kept) <= set("xy …***"), "other characters are parts of a key"
    assert max(len(entry.body) for entry in journal) <= 64 * 1024


@pytest.mark.parametrize("field", ["x" * 95 + "{key}", "x" * 195 + "{key}"])
def test_a_warning_is_redacted_before_it_is_cut(http: httpx2.Client, apikley_mock: MockService, field: str) -> None:
    http.post(CREATE, json={**request_for(), field.format(key=apikley_mock.api_key): 1})
    (warning,) = next(iter(apikley_mock.journal)).warnings
    assert set(warning.removeprefix("unknown field ")) <= set("x*…")


def test_the_note_of_a_directive_holds_no_part_of_a_key(http: httpx2.Client, apikley_mock: MockService) -> None:
    http.post(CREATE, json=request_for("[mock: " + "x" * 55 + apikley_mock.api_key))
    (entry,) = apikley_mock.journal
    assert entry.note == f"prompt directive: '[mock: {'x' * 55}***' is not closed; end it with ]"


@pytest.mark.parametrize("apikley_mock_settings", [{"api_key": 'sk-"q"\\b/1+2'}])
@pytest.mark.parametrize("form", ["2025", "2026"])
def test_an_escaped_key_is_redacted(http: httpx2.Client, apikley_mock: MockService, form: str) -> None:
    key = apikley_mock.api_key
    create(http, f"[mock: callback form {form}] {key}", callBackUrl=f"http://127.0.0.1:9/{quote(key, safe='')}")
    apikley_mock.advance(10)
    request, callback = apikley_mock.journal
    assert (request.json()["input"]["prompt"][-4:], callback.target) == (" ***", "http://127.0.0.1:9/***")
    for entry in (request, callback):
        assert b"sk-" not in entry.body


def test_a_created_task_is_found_by_members_of_its_request(http: httpx2.Client, apikley_mock: MockService) -> None:
    create(http, "a ship")
    second = create(http, "a cat")
    assert apikley_mock.assert_created_once(input={"prompt": "a cat"}).task_id == second


def test_the_callback_of_a_large_request_is_found(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    request = request_for(callBackUrl=receiver.url)
    request["input"]["image_url"] = "https://e.test/cat.png?" + "A" * 50_000
    http.post(CREATE, json=request)
    assert apikley_mock.wait_for_callback(data={"state": "success"}).status == 200
    assert apikley_mock.assert_created_once(input={"image_url": request["input"]["image_url"]})


def test_two_created_tasks_fail_the_assertion(http: httpx2.Client, apikley_mock: MockService) -> None:
    ids = [create(http) for _ in range(2)]
    with pytest.raises(AssertionError) as failure:
        apikley_mock.assert_created_once()
    assert "expected one createTask that created a task; found 2" in str(failure.value)
    assert all(task_id in str(failure.value) for task_id in ids)


def test_the_nearest_request_is_shown(http: httpx2.Client, apikley_mock: MockService) -> None:
    create(http, "a dog", callBackUrl="http://127.0.0.1:9/cb")
    create(http, "a ship")
    with pytest.raises(AssertionError) as failure:
        apikley_mock.assert_created_once(input={"prompt": "a cat"}, callBackUrl="http://127.0.0.1:9/cb")
    assert "found none" in str(failure.value)
    assert "nearest of 2: #1 POST" in str(failure.value)
    assert str(failure.value).endswith("  input.prompt: expected 'a cat', got 'a dog'")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000], ids=["empty", "cut", "binary", "deep"])
def test_a_body_that_is_not_json_matches_nothing(http: httpx2.Client, apikley_mock: MockService, body: bytes) -> None:
    http.post(CREATE, content=body)
    (entry,) = apikley_mock.journal
    assert entry.json() is None
    with pytest.raises(AssertionError) as failure:
        apikley_mock.assert_created_once(model="x")
    assert str(failure.value).endswith("  body: expected an object, got None")


def test_a_refused_request_is_shown_with_its_reason(http: httpx2.Client, apikley_mock: MockService) -> None:
    http.post(CREATE, json=request_for("x" * 1501))
    with pytest.raises(AssertionError, match=r"code 422: input.prompt: "):
        apikley_mock.assert_created_once()


def test_the_number_of_entries_and_their_bytes_are_limited() -> None:
    journal = Journal()
    for _ in range(10_001):
        journal.add(Entry(0, "request", "GET", "/" + "x" * 5_000, 404))
    assert (len(journal), journal.last) == (10_000, 10_001)
    assert max(len(entry.target) for entry in journal) < 2_100
    for _ in range(2_000):
        journal.add(Entry(0, "request", "POST", "/", 200, body=b"x" * 100_000))
    assert sum(len(entry.body) for entry in journal) <= 32 * 1024 * 1024
    journal.clear()
    assert len(journal) == 0
