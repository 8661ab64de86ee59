"""Callbacks reach a machine without a public address: polled, signed and delivered as the service would."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pytest_httpserver import HTTPServer

from apikley import ConfigurationError, RateLimited, ServerError, TransportError, Unauthorized
from apikley.callbacks import verify
from apikley.receiver.listen import Listener, _callback_operation, callback_body
from apikley.receiver.notes import Notes, note
from apikley.testing import ManualClock
from apikley_mock.plugin import MockService
from contract_tests.receiver.receivers import START, WEBHOOK_KEY, Service

HOOK = "http://localhost:3000/hook"
KEY = "sk-test-listen"
OPERATION = _callback_operation()


class Hook:
    """The receiver on the developer's machine. It repeats its last response."""

    def __init__(self, *responses: int | Exception) -> None:
        self.responses = list(responses)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, Exception):
            raise response
        return httpx2.Response(response, headers={"Location": "http://me:secret@localhost:3000/hook/?x=1#x"})


class Listening:
    """A listener, what it sent and what it reported."""

    def __init__(self, service: Service, *responses: int | Exception, **options: Any) -> None:
        self.hook, self.reports = Hook(*(responses or (200,))), list[str]()
        http = httpx2.Client(transport=httpx2.MockTransport(self.hook), follow_redirects=True)
        self.clock = ManualClock(datetime.fromtimestamp(START, UTC))
        self.listener = Listener(
            service, HOOK, WEBHOOK_KEY, http=http, clock=self.clock, on_progress=self.report, **options
        )

    def report(self, _: str, what: str) -> None:
        self.reports.append(what)

    def run(self, *task_ids: str) -> list[str]:
        """Follow tasks to their end; returns what was reported."""
        for task_id in task_ids:
            self.listener.add(task_id)
        self.listener.run()
        return self.reports


def test_a_finished_task_is_delivered_as_a_genuine_callback() -> None:
    service = Service(task_1="success")
    service.records["task_1"]["resultJson"] = '{"resultUrls":["https://a.test/1.mp4"]}'
    listening = Listening(service)
    listening.run("task_1")
    (request,) = listening.hook.requests
    assert str(request.url) == HOOK
    callback = verify(request.headers, request.content, WEBHOOK_KEY, now=START)
    assert (callback.event_id, callback.code) == ("task_1:success", 200)
    assert callback.task.result_urls == ["https://a.test/1.mp4"]
    assert listening.listener.failed == []


@pytest.mark.parametrize("name", ["success", "fail"])
def test_the_body_is_the_contracts_callback(name: str) -> None:
    examples = OPERATION["requestBody"]["content"]["application/json"]["examples"].values()
    (example,) = (each["value"] for each in examples if each["value"]["data"]["state"] == name)
    service = Service()
    service.records[example["data"]["taskId"]] = example["data"]
    assert json.loads(callback_body(service.get_task(example["data"]["taskId"]))) == example


def test_a_task_is_polled_until_it_ends_and_each_state_is_reported_once() -> None:
    service = Service(task_1="waiting")
    listening = Listening(service)
    listening.listener.add("task_1")
    for _ in range(3):
        pause = listening.listener.step()
        assert pause is not None
        assert 2 <= pause <= 3
        listening.clock.advance(pause)
    service.records["task_1"]["state"] = "success"
    assert listening.run() == ["waiting", "success", "delivered: HTTP 200"]
    assert listening.listener.step() is None


def test_a_task_that_is_added_twice_is_delivered_once() -> None:
    service = Service(task_1="success")
    listening = Listening(service)
    for _ in range(2):
        listening.run("task_1", "task_1")
    assert (service.polled, len(listening.hook.requests)) == (["task_1"], 1)


@pytest.mark.parametrize(
    ("callback_url", "query"),
    [
        ("https://me.example.com/cb?apikley_token=abc&x=1", "?apikley_token=abc&x=1"),
        ("http://me.test:port/?x=1", ""),
        ("x" * 70_000, ""),
    ],
    ids=["kept", "malformed", "overlong"],
)
def test_the_query_of_the_tasks_callback_url_is_kept(callback_url: str, query: str) -> None:
    service = Service(task_1="success")
    service.records["task_1"]["param"] = json.dumps({"callBackUrl": callback_url})
    listening = Listening(service)
    listening.run("task_1")
    assert [str(request.url) for request in listening.hook.requests] == [HOOK + query]


def test_a_failed_delivery_is_repeated_as_often_as_the_service_does() -> None:
    listening = Listening(Service(task_1="success"), httpx2.ConnectError("refused"), 500, 302, 401)
    reports = listening.run("task_1")
    assert len(listening.hook.requests) == 1 + len(OPERATION["x-delivery"]["retry-after"])
    assert reports[1] == "not delivered: ConnectError: refused; next attempt in 60 s"
    assert reports[-1] == "not delivered: HTTP 401: do listener and receiver have the same webhook key?; given up"
    assert listening.listener.failed == ["task_1"]
    stamps = [request.headers["X-Webhook-Timestamp"] for request in listening.hook.requests]
    assert len(set(stamps)) == 4, "each attempt is signed anew"


def test_a_redirect_is_reported_and_not_followed() -> None:
    reports = Listening(Service(task_1="success"), 307).run("task_1")
    hint = "redirected to http://localhost:3000/hook/; use that address"
    assert reports[-1] == f"not delivered: HTTP 307, {hint}; given up"


@pytest.mark.parametrize("error", [UnicodeError("label too long"), httpx2.InvalidURL("URL too long")], ids=repr)
def test_an_address_that_only_sending_finds_invalid_is_reported(error: Exception) -> None:
    listening = Listening(Service(task_1="success"), error)
    assert listening.run("task_1")[-1] == f"not delivered: {type(error).__name__}: {error}; given up"
    assert listening.listener.failed == ["task_1"]


def test_an_unknown_task_is_given_up_after_a_grace_period() -> None:
    service = Service()
    listening = Listening(service)
    assert listening.run("task_1") == ["given up: 404: Task not found (task task_1)"]
    assert len(service.polled) > 1
    assert listening.listener.failed == ["task_1"]


def test_transient_failures_are_ignored_and_a_refusal_is_not() -> None:
    transient = [TransportError("no connection"), ServerError(500, "oops"), RateLimited(429, "slow down")]
    errors = [*transient * 9, Unauthorized(401, "no")]

    class Failing(Service):
        def get_task(self, task_id: str) -> Any:
            raise errors.pop(0)

    reports = Listening(Failing()).run("task_1")
    assert reports == [*[f"poll failed: {error}" for error in transient] * 9, "given up: 401: no"]


def test_noted_tasks_are_followed_while_the_listener_runs(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    listening = Listening(Service(task_1="success", task_2="success"), notes=Notes(path, KEY))
    listening.listener.step()
    note("task_1", path=path, api_key=KEY)
    note("task_1", path=path, api_key=KEY)
    note("task_2", path=path, api_key="another key")
    listening.listener.step()
    listening.listener.step()
    assert [json.loads(request.content)["data"]["taskId"] for request in listening.hook.requests] == ["task_1"]
    assert Notes(path, KEY).open_tasks() == []
    assert Notes(path, "another key").open_tasks() == ["task_2"]


def test_a_given_up_task_starts_again_when_it_is_noted_again(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    listening = Listening(Service(task_1="success"), 500, 500, 500, 500, 200, notes=Notes(path, KEY))
    note("task_1", path=path, api_key=KEY)
    while not listening.listener.failed:
        listening.clock.advance(listening.listener.step() or 0)
    assert Notes(path, KEY).open_tasks() == []
    note("task_1", path=path, api_key=KEY)
    assert Notes(path, KEY).open_tasks() == ["task_1"]
    listening.listener.step()
    assert (len(listening.hook.requests), listening.listener.failed) == (5, [])
    note("task_1", path=path, api_key=KEY)
    assert Notes(path, KEY).open_tasks() == [], "it was delivered"


def test_notes_hold_no_key_and_survive_malformed_lines(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'\xff\n[1]\n{"task_id": 7}\n\n{"task')
    note("task_1", path=path, api_key=KEY)
    assert Notes(path, KEY).open_tasks() == ["task_1"]
    assert KEY not in path.read_text(encoding="utf-8", errors="replace")


def test_a_note_needs_a_task_and_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^task task_1 is not noted: there is no API key; set "):
        note("task_1", path=tmp_path / "notes")
    with pytest.raises(ConfigurationError, match="has no task id"):
        note(object(), path=tmp_path / "notes", api_key=KEY)


def test_a_file_that_cannot_be_written_names_the_task(tmp_path: Path) -> None:
    place = tmp_path / "nowhere" / "notes"
    with pytest.raises(FileNotFoundError) as caught:
        note("task_1", path=place, api_key=KEY)
    assert str(caught.value) == f"[Errno 2] task task_1 is not noted: No such file or directory: {str(place)!r}"


def test_a_task_is_noted_with_the_key_of_its_client(tmp_path: Path, apikley_mock: MockService) -> None:
    path = tmp_path / "notes.jsonl"
    with apikley_mock.client() as api:
        task = api.create_raw(
            {"model": "hailuo/02-image-to-video-pro", "input": {"prompt": "x", "image_url": "https://a.test/a"}}
        )
    note(task, path=path)
    assert Notes(path, apikley_mock.api_key).open_tasks() == [task.id]
    assert Notes(path, "another key").open_tasks() == []
    note(task, path=path, api_key="another key")
    assert Notes(path, "another key").open_tasks() == [task.id]


@pytest.mark.parametrize("url", ["", "localhost:3000", "ftp://x/y", "http://x:0/", f"http://{'x' * 70}/hook"])
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a URL to forward to"):
        Listener(Service(), url, WEBHOOK_KEY)


def test_a_listener_needs_a_webhook_key() -> None:
    with pytest.raises(ConfigurationError, match="no webhook key"):
        Listener(Service(), HOOK, "")


def test_the_body_of_a_receivers_response_is_not_read(httpserver: HTTPServer) -> None:
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
    httpserver.expect_request("/hook").respond_with_data(bomb, headers={"Content-Encoding": "gzip, gzip"})
    listener = Listener(Service(task_1="success"), httpserver.url_for("/hook"), WEBHOOK_KEY, clock=ManualClock())
    listener.add("task_1")
    tracemalloc.start()
    listener.run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert listener.failed == []
    assert peak < 20_000_000


def test_a_refused_signature_asks_for_the_webhook_key() -> None:
    listening = Listening(Service(task_1="success"), 401)
    listening.run("task_1")
    assert listening.reports[-1].startswith(
        "not delivered: HTTP 401: do listener and receiver have the same webhook key?"
    )
