"""The simulator behaves like the service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from apikley import Hailuo02ImageToVideoPro, callbacks
from apikley_mock.plugin import MockService
from apikley_mock.world.accounts import Account, AccountSettings
from apikley_mock.world.plan import Plan
from apikley_mock.world.tasks import Engine
from contract_tests.simulator.simulators import (
    CREATE,
    DETAILS,
    RUNNING,
    Received,
    assert_fits,
    create,
    in_process,
    poll,
    request_for,
)


def test_the_published_example_is_accepted(http: httpx2.Client, example: dict[str, Any]) -> None:
    envelope = http.post(CREATE, json={**example, "callBackUrl": "http://127.0.0.1:9/cb"}).json()
    assert envelope["code"] == 200


def test_a_task_goes_through_its_states_in_order(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(durations=(0.5, 0.5, 2))
    task_id = create(http)
    states = []
    for _ in range(8):
        states.append(poll(http, task_id)["state"])
        apikley_mock.advance(0.5)
    assert states == ["waiting", "queuing", *["generating"] * 4, "success", "success"]


def test_the_record_has_the_documented_shape(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.set_shapes("documented")
    task_id = create(http)
    before = poll(http, task_id)
    apikley_mock.advance(10)
    after = poll(http, task_id)
    assert (before["resultJson"], before["failCode"], before["failMsg"]) == ("", None, None)
    assert json.loads(before["param"]) == request_for()
    assert isinstance(after["createTime"], int)
    assert after["completeTime"] - after["createTime"] == after["costTime"] == 3000
    assert "completeTime" not in before


def test_the_record_has_the_time_of_the_last_change(http: httpx2.Client, apikley_mock: MockService) -> None:
    apikley_mock.set_shapes("documented")
    task_id = create(http)
    changes = []
    for _ in range(5):
        record = poll(http, task_id)
        changes.append((record["state"], record["updateTime"] - record["createTime"]))
        apikley_mock.advance(0.9)
    assert changes == [
        ("waiting", 0),
        ("queuing", 500),
        ("generating", 1000),
        ("generating", 1000),
        ("success", 3000),
    ]


def test_the_record_does_not_change_after_the_end(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http)
    apikley_mock.advance(10)
    first = poll(http, task_id)
    apikley_mock.advance(3600)
    assert poll(http, task_id) == first


def test_the_result_is_a_playable_video(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http)
    assert httpx2.get(f"{apikley_mock.url}/results/{task_id}.mp4").status_code == 404
    apikley_mock.advance(10)
    (url,) = json.loads(poll(http, task_id)["resultJson"])["resultUrls"]
    video = httpx2.get(url)
    assert video.headers["content-type"] == "video/mp4"
    assert video.content[4:8] == b"ftyp"
    assert b"moov" in video.content
    assert b"avc1" in video.content
    assert httpx2.get(url, headers={"Range": "bytes=4-7"}).content == b"ftyp"


def test_one_signed_callback_is_sent_when_the_task_ends(
    http: httpx2.Client, apikley_mock: MockService, receiver: Received
) -> None:
    task_id = create(http, callBackUrl=receiver.url)
    apikley_mock.advance(2.9)
    assert receiver.calls == []
    apikley_mock.advance(0.2)
    apikley_mock.advance(3600)
    ((headers, body),) = receiver.calls
    callback = callbacks.verify(headers, body, apikley_mock.webhook_key)
    assert (callback.task_id, callback.state, callback.code) == (task_id, "success", 200)
    assert callback.task.result_urls == [f"{apikley_mock.url}/results/{task_id}.mp4"]
    assert_fits("TaskCallback", json.loads(body))
    assert [(entry.status, entry.task_id) for entry in apikley_mock.journal.callbacks()] == [(200, task_id)]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic bW9jay1rZXk6", "mock-key"])
def test_a_request_without_the_key_does_nothing(apikley_mock: MockService, header: Any) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = httpx2.post(apikley_mock.url + CREATE, json=request_for(), headers=headers)
    assert (response.status_code, response.json()["code"], response.json().get("data")) == (200, 401, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON: Expecting value at line 1, column 1"),
        (b'{"model": ', "not JSON: Expecting value at line 1, column 11"),
        (b"\xff\xff", "not UTF-8 text"),
        (b"[]", "not a JSON object"),
        (b"[" * 200_000, "is not JSON"),
        (b'{"model": "hailuo/03"}', "The model name you specified is not supported"),
        (b'{"model": "hailuo/02-image-to-video-pro", "input": {"prompt": "x"}}', "input.image_url: missing"),
        (b'{"model": "hailuo/02-image-to-video-pro", "callBackUrl": "x"}', "callBackUrl: "),
    ],
)
def test_an_invalid_request_is_refused_with_its_violations(http: httpx2.Client, content: bytes, message: str) -> None:
    response = http.post(CREATE, content=content)
    assert (response.status_code, response.json()["code"], response.json()["data"]) == (200, 422, None)
    assert message in response.json()["msg"]


def test_an_unknown_task_is_not_found(http: httpx2.Client, apikley_mock: MockService) -> None:
    unknown = {"code": 422, "msg": "recordInfo is null", "data": None}
    assert http.get(DETAILS, params={"taskId": "nope"}).json() == unknown
    apikley_mock.set_shapes("documented")
    assert http.get(DETAILS, params={"taskId": "nope"}).json() == {"code": 404, "msg": "Task not found", "data": None}


def test_each_poll_gets_its_own_task(http: httpx2.Client) -> None:
    ids = [create(http) for _ in range(3)]
    assert [poll(http, task_id)["taskId"] for task_id in ids] == ids


def test_a_poll_without_an_id_is_refused(http: httpx2.Client) -> None:
    response = http.get(DETAILS).json()
    assert (response["code"], response["msg"]) == (400, "taskId parameter is required")


def test_unknown_paths_and_methods_are_refused(http: httpx2.Client) -> None:
    assert http.get("/nope").json()["code"] == 404
    assert (http.get(CREATE).status_code, http.get(CREATE).headers["allow"]) == (405, "POST")


@pytest.mark.anyio
async def test_errors_can_have_their_code_as_http_status() -> None:
    response = await in_process(key="wrong", error_style="http").get(DETAILS)
    assert (response.status_code, response.json()["code"]) == (401, 401)


def test_the_client_waits_for_a_task_and_downloads_it(apikley_mock: MockService, tmp_path: Path) -> None:
    states: list[str] = []
    with apikley_mock.client() as api:
        task = api.create(Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png"))
        done = task.wait(on_progress=lambda details: states.append(details.state or ""))
        path = done.download(tmp_path / "clip.mp4")
    assert states[0] in RUNNING
    assert states[-1] == "success"
    assert path.read_bytes()[4:8] == b"ftyp"
    assert [each.name for each in tmp_path.iterdir()] == ["clip.mp4"]
    assert len(apikley_mock.journal.requests("POST", CREATE)) == 1


def test_ids_are_unique() -> None:
    engine, account = Engine(Random(0)), Account(AccountSettings(key="k", name="a"), {})  # noqa: S311
    ids = {engine.create("hailuo/x", b"{}", account, Plan(), now=1000.0).id for _ in range(1000)}
    assert len(ids) == 1000


def test_the_plugin_imports_almost_nothing() -> None:
    code = "import sys, pytest; before = set(sys.modules); import apikley_mock.plugin; print(set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "{'apikley_mock', 'apikley_mock.plugin'}\n" or run.stdout.count(",") == 1
