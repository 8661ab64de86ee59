"""The application against the simulator: a real server, real callbacks, no waiting."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import httpx2
import pytest
import uvicorn
from apikley.receiver import Event, Receiver
from apikley_mock.plugin import MockService

from app import Settings, create_app

CAT = {"prompt": "A cat surfs", "image_url": "https://example.com/cat.jpg"}


@dataclass
class Running:
    """The running application: an HTTP client of it, and the events that it has handled."""

    http: httpx2.Client
    handled: SimpleQueue[Event]


@pytest.fixture
def app(apikley_mock: MockService, tmp_path: Path) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        application = create_app(apikley_mock.async_client(), Settings(apikley_mock.webhook_key, url, tmp_path))
        handled: SimpleQueue[Event] = SimpleQueue()
        receiver: Receiver = application.state.receiver

        @receiver.on_any  # after the application's own handlers
        def note(event: Event) -> None:
            handled.put(event)

        server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        with httpx2.Client(base_url=url) as http:
            yield Running(http, handled)
        server.should_exit = True
        thread.join()


def test_a_video_is_made_and_served(app: Running, apikley_mock: MockService) -> None:
    accepted = app.http.post("/videos", json=CAT)
    task_id = accepted.json()["task_id"]
    assert accepted.status_code == 202
    assert app.http.get(f"/videos/{task_id}").status_code == 202

    apikley_mock.wait_for_callback(task_id)
    assert app.handled.get(timeout=60).task_id == task_id
    video = app.http.get(f"/videos/{task_id}")
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    apikley_mock.assert_created_once(input=CAT)


def test_a_failed_generation_is_reported(app: Running, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(outcome="fail", fail_code="422")
    task_id = app.http.post("/videos", json=CAT).json()["task_id"]
    apikley_mock.wait_for_callback(task_id, data={"state": "fail"})
    assert app.http.get(f"/videos/{task_id}").status_code == 410


def test_a_video_whose_create_got_no_response_is_saved_and_paid_once(app: Running, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(fault="reset", stage="after")
    assert app.http.post("/videos", json=CAT).status_code == 502
    apikley_mock.wait_for_callback()
    event = app.handled.get(timeout=60)
    assert app.http.get(f"/videos/{event.task_id}").status_code == 200
    apikley_mock.assert_created_once(input=CAT)


def test_an_invalid_request_costs_nothing(app: Running, apikley_mock: MockService) -> None:
    refused = app.http.post("/videos", json={**CAT, "prompt": "A cat" * 2000})
    assert refused.status_code == 422
    assert "input.prompt: 10,000 characters" in refused.json()["detail"][0]
    assert apikley_mock.journal.created() == []


def test_an_unknown_video_is_not_found(app: Running) -> None:
    assert app.http.get("/videos/task_none").status_code == 404
