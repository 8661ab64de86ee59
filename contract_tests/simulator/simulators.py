"""A receiver of callbacks, an in-process simulator, and the two calls that most tests begin with."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

import apikley_contract
from apikley_mock.control.vocabulary import Settings
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.transport import SimulatorTransport
from apikley_mock.world.clock import VirtualClock
from contract_tests.contract import strict_schemas
from contract_tests.contract.report import Subject

RESPONSES = Subject("responses of the simulator")
CREATE = apikley_contract.operation("createTask").path
DETAILS = apikley_contract.operation("getTaskDetails").path
CREDITS = apikley_contract.operation("getCredits").path
MODEL = "hailuo/02-image-to-video-pro"
RUNNING = apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"][:3]


class Received:
    """A loopback server that keeps posted bodies. It responds with `statuses` in turn and repeats the last one."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.statuses = [200]
        received = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.calls.append((dict(self.headers), body))
                status = received.statuses.pop(0) if len(received.statuses) > 1 else received.statuses[0]
                self.send_response(status)
                self.send_header("Location", received.url)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback?job=7"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def in_process(service: Service | None = None, key: str = "mock-key", **settings: Any) -> httpx2.AsyncClient:
    """Return a client of an in-process simulator, by default one with a virtual clock."""
    transport = SimulatorTransport(Simulator(service or Service(Settings(**settings), VirtualClock())))
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.AsyncClient(transport=transport, base_url="http://mock.test", headers=headers)


def request_for(prompt: str = "a ship", **more: Any) -> dict[str, Any]:
    """A createTask body."""
    return {"model": MODEL, "input": {"prompt": prompt, "image_url": "https://files.example.com/a.png"}, **more}


def create(http: httpx2.Client, prompt: str = "a ship", **more: Any) -> str:
    """Create a task; returns its id."""
    envelope = http.post(CREATE, json=request_for(prompt, **more)).json()
    assert envelope["code"] == 200, envelope
    return str(envelope["data"]["taskId"])


def poll(http: httpx2.Client, task_id: str) -> dict[str, Any]:
    """Poll a task; returns its record, which must satisfy the contract."""
    response = http.get(DETAILS, params={"taskId": task_id}).json()
    assert_fits("TaskDetailsResponse", response)
    assert response["code"] == 200, response
    return dict(response["data"])


def assert_fits(schema: str, value: Any) -> None:
    """Check a response against a schema of the contract, without any other field."""
    found = strict_schemas.violations(strict_schemas.component_validator(schema), value)
    RESPONSES.require(not found, f"{schema}, closed", "simulator", f"has violations: {'; '.join(found)}")
