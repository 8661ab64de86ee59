"""The application against the simulator: a real server, real callbacks, no waiting."""

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from apikley.receiver import Event, Receiver
from apikley_mock.plugin import MockService
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from app import Settings, create_app

CAT = {"prompt": "A cat surfs", "image_url": "https://example.com/cat.jpg"}


@pytest.fixture
def handled() -> SimpleQueue[Event]:
    """The events that the application has handled."""
    return SimpleQueue()


@pytest.fixture
def client(apikley_mock: MockService, tmp_path: Path, handled: SimpleQueue[Event]) -> Iterator[FlaskClient]:
    settings = Settings(apikley_mock.webhook_key, "", tmp_path)
    app = create_app(apikley_mock.client(), settings)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    settings.public_url = f"http://127.0.0.1:{server.server_port}"
    receiver: Receiver = app.extensions["apikley"]

    @receiver.on_any  # after the application's own handlers
    def note(event: Event) -> None:
        handled.put(event)

    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with receiver:
        yield app.test_client()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_video_is_made_and_served(
    client: FlaskClient, handled: SimpleQueue[Event], apikley_mock: MockService
) -> None:
    accepted = client.post("/videos", json=CAT)
    task_id = accepted.get_json()["task_id"]
    assert accepted.status_code == 202
    assert client.get(f"/videos/{task_id}").status_code == 202

    apikley_mock.wait_for_callback(task_id)
    assert handled.get(timeout=60).task_id == task_id
    video = client.get(f"/videos/{task_id}")
    assert (video.status_code, video.content_type) == (200, "video/mp4")
    apikley_mock.assert_created_once(input=CAT)


def test_a_failed_generation_is_reported(client: FlaskClient, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(outcome="fail", fail_code="422")
    task_id = client.post("/videos", json=CAT).get_json()["task_id"]
    apikley_mock.wait_for_callback(task_id, data={"state": "fail"})
    assert client.get(f"/videos/{task_id}").status_code == 410


def test_a_video_whose_create_got_no_response_is_saved_and_paid_once(
    client: FlaskClient, handled: SimpleQueue[Event], apikley_mock: MockService
) -> None:
    apikley_mock.fail_next(fault="reset", stage="after")
    assert client.post("/videos", json=CAT).status_code == 502
    apikley_mock.wait_for_callback()
    event = handled.get(timeout=60)
    assert client.get(f"/videos/{event.task_id}").status_code == 200
    apikley_mock.assert_created_once(input=CAT)


def test_an_invalid_request_costs_nothing(client: FlaskClient, apikley_mock: MockService) -> None:
    refused = client.post("/videos", json={**CAT, "prompt": "A cat" * 2000})
    assert refused.status_code == 422
    assert "input.prompt: 10,000 characters" in refused.get_json()["detail"][0]
    assert apikley_mock.journal.created() == []


def test_an_unknown_video_is_not_found(client: FlaskClient) -> None:
    assert client.get("/videos/task_none").status_code == 404
