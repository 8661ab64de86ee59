"""Callbacks of the simulator reach a handler."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import uvicorn

from apikley.receiver import Event, Receiver
from apikley_mock.plugin import MockService
from apikley_mock.web.server import bind, url_of
from contract_tests.receiver.receivers import HANG
from contract_tests.simulator.simulators import MODEL


@pytest.mark.parametrize("source", ["callback", "poll"])
def test_a_simulated_task_reaches_its_handler(apikley_mock: MockService, tmp_path: Path, source: str) -> None:
    events: list[Event] = []
    handled = threading.Event()
    with apikley_mock.client() as api:
        receiver = Receiver(apikley_mock.webhook_key, inbox=tmp_path / "inbox.db", client=api)

        @receiver.on_success
        async def save(event: Event) -> None:
            events.append(event)
            handled.set()

        with bind("127.0.0.1", 0) as bound:
            server = uvicorn.Server(uvicorn.Config(receiver, log_level="warning", lifespan="on"))
            thread = threading.Thread(target=server.run, args=([bound],))
            thread.start()
            try:
                hook = f"{url_of(bound)}/hook" if source == "callback" else None
                body = {"model": MODEL, "input": {"prompt": "x", "image_url": "https://a.test/a"}}
                task = api.create_raw(body, callback_url=hook, correlation_token=hook and "a-token-of-the-caller")
                receiver.expect(task, due=0 if source == "poll" else 3600)
                for _ in range(HANG):  # the service repeats a delivery whose response is late on a busy machine
                    apikley_mock.advance(60)
                    if source == "poll":
                        receiver.work()
                    if handled.wait(1):
                        break
            finally:
                server.should_exit = True
                thread.join(HANG)
    (event,) = events
    assert (event.task_id, event.confirmed, event.source, event.token) == (task.id, True, source, task.token)
    assert event.task.result_urls
    assert receiver.inbox.counts() == {"done": 1}
    receiver.inbox.close()
