"""The simulator's journal is complete, bounded and without keys, and its assertions show the nearest miss."""

from __future__ import annotations

import json

import httpx2
import pytest

import apikley_contract
from apikley_mock.journal.journal import Journal
from apikley_mock.plugin import MockService
from contract_tests.simulator.simulators import CREATE, CREDITS, LOOK, Received, create, request_for

BASE64 = apikley_contract.operation("uploadFileBase64").path


def test_every_request_is_there_with_its_verdict(http: httpx2.Client, apikley_mock: MockService) -> None:
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


@pytest.mark.parametrize("path", [CREATE, BASE64])
def test_a_mistake_of_the_simulator_is_answered_as_one_logged_and_journaled(
    http: httpx2.Client,
    apikley_mock: MockService,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError(f"with {apikley_mock.api_key}")

    monkeypatch.setattr("apikley_mock.web.validation.body_of", break_down)
    answer = http.post(path, json=request_for())
    words = "The simulator itself failed: RuntimeError: with [key]"
    assert (answer.json()["code"], answer.json()["msg"]) == (500, words)
    assert [(entry.target, entry.code, entry.note) for entry in apikley_mock.journal] == [(path, 500, words)]
    assert "in break_down" in caplog.text
    assert apikley_mock.api_key not in caplog.text + answer.text


@pytest.mark.parametrize("key", ["mock-key", "sk-unknown-0123456789"])
def test_no_key_stands_in_it_however_it_was_sent(apikley_mock: MockService, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    httpx2.post(apikley_mock.url + CREATE, json=request_for(f"key {key}"), headers=headers)
    httpx2.post(f"{apikley_mock.url}/{key}/x?key={key}", headers=headers)
    assert len(apikley_mock.journal) == 2
    assert key not in repr(list(apikley_mock.journal))


def test_no_key_stands_in_the_place_of_a_tasks_id_a_path_or_a_method(
    http: httpx2.Client, apikley_mock: MockService
) -> None:
    key = apikley_mock.api_key
    http.get(LOOK, params={"taskId": key})
    http.get(LOOK, params={"taskId": "x" * 195 + key})
    http.get("/" + "x" * 195 + key)
    apikley_mock.journal.note(0, "request", key, LOOK, 405)
    assert apikley_mock.journal.requests()[0].task_id == "[key]"
    assert "mock" not in repr(list(apikley_mock.journal))


@pytest.mark.parametrize("key", ["mock-key", "sk-unknown-0123456789"])
@pytest.mark.parametrize("before", range(0, 24, 5))
def test_no_part_of_a_key_stands_where_a_body_or_a_path_is_cut(key: str, before: int) -> None:
    journal = Journal(["mock-key", "mock"])
    many = f"{key} " * 1000
    for size, text in ((2_000, ""), (32 * 1024, ""), (32 * 1024, many)):
        padded = text + "x" * (size - len(text) - before) + key + "y" * 100
        journal.note(0, "request", "POST", padded, 404, body=padded.encode(), secret=key.encode())
    kept = "".join(entry.target + entry.body.decode() for entry in journal)
    assert set(kept) <= set("xy …[key]"), "what is neither padding nor a blot is of a key"
    assert max(len(entry.body) for entry in journal) <= 32 * 1024


@pytest.mark.parametrize("before", range(0, 10, 3))
def test_no_part_of_a_key_stands_where_a_long_text_is_shortened(before: int) -> None:
    journal = Journal(["mock-key"])
    prompt = "x" * (200 - before) + "mock-key" + "y" * 40_000
    body = json.dumps({"input": {"prompt": prompt}}).replace("-", "\\u002d")
    journal.note(0, "request", "POST", CREATE, 422, body=body.encode())
    (entry,) = journal
    assert entry.json()["input"]["prompt"].startswith("x" * (200 - before))
    assert "mo" not in repr(entry)


def test_one_created_task_is_found_by_what_its_request_holds(http: httpx2.Client, apikley_mock: MockService) -> None:
    create(http, "a ship")
    second = create(http, "a cat")
    assert apikley_mock.assert_created_once(input={"prompt": "a cat"}).task_id == second


@pytest.mark.parametrize("known", ["prompt", "image_url"])
def test_a_large_request_is_found_by_what_it_holds(http: httpx2.Client, apikley_mock: MockService, known: str) -> None:
    request = request_for()
    request["input"]["image_url"] = "https://e.test/cat.png?" + "A" * 50_000
    second = {**request, "input": {"prompt": "a cat", "image_url": "https://e.test/cat.png?" + "A" * 49_999 + "B"}}
    ids = [http.post(CREATE, json=each).json()["data"]["taskId"] for each in (request, second)]
    assert apikley_mock.assert_created_once(input={known: second["input"][known]}).task_id == ids[1]
    assert sum(len(entry.body) for entry in apikley_mock.journal) < 2_000
    with pytest.raises(AssertionError, match=r"input.image_url: expected 'B', got 'https://e\.test/cat\.png\?AAA"):
        apikley_mock.assert_created_once(input={"prompt": "a cat", "image_url": "B"})


def test_the_callback_of_a_large_request_is_found_by_what_it_holds(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    request = request_for(callBackUrl=receiver.url)
    request["input"]["image_url"] = "https://e.test/cat.png?" + "A" * 50_000
    http.post(CREATE, json=request)
    assert apikley_mock.wait_for_callback(data={"state": "success"}).status == 200


def test_two_created_tasks_are_one_too_many(http: httpx2.Client, apikley_mock: MockService) -> None:
    ids = [create(http) for _ in range(2)]
    with pytest.raises(AssertionError) as failure:
        apikley_mock.assert_created_once()
    assert "expected one createTask that made a task; found 2" in str(failure.value)
    assert all(task_id in str(failure.value) for task_id in ids)


def test_the_nearest_miss_is_shown(http: httpx2.Client, apikley_mock: MockService) -> None:
    create(http, "a dog", callBackUrl="http://127.0.0.1:9/cb")
    create(http, "a ship")
    with pytest.raises(AssertionError) as failure:
        apikley_mock.assert_created_once(input={"prompt": "a cat"}, callBackUrl="http://127.0.0.1:9/cb")
    assert "found none" in str(failure.value)
    assert "nearest of 2: #1 POST" in str(failure.value)
    assert str(failure.value).endswith("  input.prompt: expected 'a cat', got 'a dog'")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_none_of_what_was_expected(
    http: httpx2.Client, apikley_mock: MockService, body: bytes
) -> None:
    http.post(CREATE, content=body)
    (entry,) = apikley_mock.journal
    assert entry.json() is None
    with pytest.raises(AssertionError) as failure:
        apikley_mock.assert_created_once(model="x")
    assert str(failure.value).endswith("  body: expected an object, got None")


def test_a_refused_request_is_a_miss_with_its_reason(http: httpx2.Client, apikley_mock: MockService) -> None:
    http.post(CREATE, json=request_for("x" * 1501))
    with pytest.raises(AssertionError, match=r"code 422: input.prompt: "):
        apikley_mock.assert_created_once()


def test_it_is_bounded_in_number_and_in_bytes() -> None:
    journal = Journal()
    for _ in range(10_001):
        journal.note(0, "request", "GET", "/" + "x" * 5_000, 404)
    assert (len(journal), journal.last) == (10_000, 10_001)
    assert max(len(entry.target) for entry in journal) < 2_100
    for _ in range(2_000):
        journal.note(0, "request", "POST", "/", 200, body=b"x" * 100_000)
    assert sum(len(entry.body) for entry in journal) <= 32 * 1024 * 1024
    journal.clear()
    assert len(journal) == 0
