"""Any input gets a response of the simulator, within its limits.

3,000 requests are generated; `APIKLEY_WRONG_INPUT=50000` asks for more.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from random import Random
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley_mock.control.vocabulary import MIB, Settings
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.admin import document
from apikley_mock.web.app import Simulator
from apikley_mock.web.faults import ConnectionLostError
from apikley_mock.web.http import MAX_HEAD
from apikley_mock.world.clock import VirtualClock
from contract_tests.simulator.simulators import CREATE, DETAILS, request_for

COUNT = int(os.environ.get("APIKLEY_WRONG_INPUT", "3000"))
# Real waits and resets would test nothing here.
SKIPPED = ("latency", "reset")


class Nonsense:
    """Random requests from a seed, many of them almost valid."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - repeatable on purpose
        self.paths = [*apikley_contract.openapi()["paths"], *document()["paths"], "/", "/nope"]
        self.paths += ["/results/x.mp4", "/links/x.mp4", "/files/a/b", "/results/", "/__mock__", "/__mock__//", "//"]
        self.bodies = [request_for(), request_for("[mock: fail 422]"), {"url": "http://x/y"}, {"seconds": 1}]
        self.bodies += [{"base64Data": "AAAA", "uploadPath": "a"}, {"fileUrl": "https://x.test/y", "uploadPath": "a"}]
        self.bodies += [{"fault": "error", "code": 455}, {"outcome": "fail", "callback": {"times": 2}}, {"credits": 5}]

    def scalar(self) -> Any:
        pick = self.random.choice
        return pick(
            [
                None,
                True,
                -1,
                0.5,
                10**400,
                1e308,
                "",
                "\ud800",
                "\x00",
                "💥" * pick([1, 400, 1600]),
                "[mock: " + pick(["fail 422", "take 9999999999", "polls 0", "error 1", "reset", "]", "\u2028"]) + "]",
                "http://127.0.0.1:9/",
                "http://[",
                "../../etc/passwd",
                [],
                {},
                float("nan"),
                [[[[[]]]]],
            ]
        )

    def mutated(self, value: Any) -> Any:
        """Return the value with a change at a random place."""
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            name = self.random.choice(list(value))
            return {**value, name: self.mutated(value[name])}
        return self.random.choice([self.scalar(), {"x": value}, [value], value])

    def body(self) -> bytes:
        kind = self.random.random()
        if kind < 0.6:
            text = json.dumps(self.mutated(self.random.choice(self.bodies)))
            return text.encode()
        if kind < 0.7:
            content = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nzz\r\n--b--\r\n'
            cut = self.random.randrange(len(content))
            return content[:cut] + self.random.randbytes(3) + content[cut:]
        if kind < 0.8:
            return self.random.choice([b"[" * 100_000, b'{"a":' * 5_000, b"9" * 10_000, b"\xef\xbb\xbf{}", b"{} {}"])
        return self.random.randbytes(self.random.choice([0, 1, 30, 3000]))

    def headers(self) -> list[tuple[bytes, bytes]]:
        pick = self.random.choice
        found = [(b"host", pick([b"mock.test", b"", b"\xff\xfe", b"[::1", b"x" * 3000]))]
        if self.random.random() < 0.9:
            found.append(
                (b"authorization", pick([b"Bearer mock-key"] * 9 + [b"Bearer", b"\xff", b"Basic " + b"A" * 99]))
            )
        extra = {
            b"prefer": [b"code=402", b"code=999", b"code=" + b"9" * 400, b"\xff"],
            b"range": [b"bytes=0-", b"bytes=-0", b"bytes=9-1", b"bytes=" + b"9" * 50 + b"-", b"\xff"],
            b"content-type": [b"multipart/form-data; boundary=b", b"multipart/form-data", b"\xff", b"application/json"],
            b"origin": [b"http://mock.test", b"http://[", b"null", b"\xff"],
            b"x-long": [b"x" * 40_000],
        }
        found += [(name, pick(values)) for name, values in extra.items() if self.random.random() < 0.2]
        return found

    def scope(self) -> dict[str, Any]:
        pick = self.random.choice
        path = pick(self.paths).replace("{id}", pick(["x", "%00", "é"])).replace("{action}", pick(["step", "fly"]))
        if self.random.random() < 0.1:
            path += pick(["/", "\x00", "é" * 5000, "/../x", "\ud800".encode("utf-8", "replace").decode()])
        query = pick([b"", b"taskId=x", b"taskId=" + b"x" * 5000, b"limit=-1", b"after=\xff", b"&" * 500, b"a=%ff%fe"])
        method = pick(["GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "WEIRD"])
        scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": self.headers()}
        return {**scope, "scheme": "http", "state": {}}


async def _asked(simulator: Simulator, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await simulator(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


def test_no_request_breaks_the_simulator() -> None:
    service = Service(Settings(max_storage=MIB, max_tasks=500), VirtualClock())
    simulator, nonsense = Simulator(service), Nonsense(20251208)

    async def run() -> None:
        for number in range(COUNT):
            scope, body = nonsense.scope(), nonsense.body()
            if any(word.encode() in body for word in SKIPPED) or scope["path"].endswith("/reset"):
                continue
            try:
                status, response = await asyncio.wait_for(_asked(simulator, scope, body), 10)
            except ConnectionLostError:
                continue
            where = f"request {number}: {scope['method']} {scope['path'][:80]!r} {body[:200]!r} -> {response[:200]!r}"
            if status >= 500 and b"<html>" not in response:
                assert json.loads(response)["code"] >= 400, where
            if number % 500 == 499:
                await service.advance(1)
        await service.close()

    asyncio.run(run())
    assert len(service.engine.tasks) <= 500
    assert len(service.journal) <= 10_000
    assert sum(len(entry.body) for entry in service.journal) <= 32 * MIB


def test_many_requests_are_almost_valid() -> None:
    service = Service(Settings(), VirtualClock())
    simulator, nonsense = Simulator(service), Nonsense(1)

    async def run() -> list[int]:
        codes = []
        for _ in range(600):
            scope, body = nonsense.scope(), nonsense.body()
            if any(word.encode() in body for word in SKIPPED):
                continue
            scope |= {"path": CREATE, "method": "POST", "headers": [(b"authorization", b"Bearer mock-key")]}
            try:
                _, response = await _asked(simulator, scope, body)
            except ConnectionLostError:
                continue
            codes.append(json.loads(response).get("code", 0))
        await service.close()
        return codes

    codes = asyncio.run(run())
    assert codes.count(200) >= 10, "some create a task"
    assert codes.count(422) >= 100


def _raw(mock: MockService, content: bytes, timeout: float = 0.5) -> bytes:
    """Send bytes over their own connection; returns the response until it closes or is silent for `timeout` seconds."""
    port = int(mock.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        response = b""
        try:
            connection.sendall(content)
            while chunk := connection.recv(65536):
                response += chunk
                if b'"data":null}' in response:
                    break
        except (TimeoutError, ConnectionError):
            pass
        return response


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET http:// HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"\x00" * 1000,
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
)
def test_malformed_http_is_refused_and_the_server_goes_on(apikley_mock: MockService, content: bytes) -> None:
    response = _raw(apikley_mock, content)
    assert b" 500 " not in response.partition(b"\r\n")[0]
    assert httpx2.get(f"{apikley_mock.url}/nope").json()["code"] == 404


def test_overlong_headers_are_refused(http: httpx2.Client) -> None:
    response = http.get(DETAILS, headers={"X-Long": "x" * MAX_HEAD})
    assert response.json() == {"code": 422, "msg": "The request's headers are larger than 32,768 bytes", "data": None}


def test_endless_headers_are_refused(apikley_mock: MockService) -> None:
    response = _raw(apikley_mock, b"GET / HTTP/1.1\r\n" + b"X-Long: x\r\n" * 20_000, timeout=600)
    assert b"The request's headers are larger than 32,768 bytes" in response


def test_an_overlong_body_is_refused(http: httpx2.Client) -> None:
    response = http.post(CREATE, content=b" " * (2 * MIB))
    assert response.json()["msg"] == "The request body is larger than 1,048,576 bytes"


def test_an_overlong_upload_is_refused(http: httpx2.Client) -> None:
    path = apikley_contract.operation("uploadFileBase64").path
    content = json.dumps({"base64Data": base64.b64encode(bytes(40 * MIB)).decode(), "uploadPath": "a"}).encode()
    response = http.post(path, content=content, timeout=600)
    assert (response.status_code, response.json()["success"]) == (400, False)
    assert "larger than" in response.json()["msg"]


def _scope(**more: Any) -> dict[str, Any]:
    headers = [(b"authorization", b"Bearer mock-key")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": CREATE,
        "query_string": b"",
        "scheme": "http",
        "headers": headers,
    }
    return {**scope, **more}


@pytest.mark.parametrize("path", [CREATE, "/__mock__/reset"])
def test_a_disconnected_client_gets_no_response(path: str) -> None:
    simulator = Simulator()
    pieces = [{"type": "http.request", "body": b'{"model"', "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return pieces.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(simulator(_scope(path=path), receive, send))
    assert (sent, len(simulator.service.journal)) == ([], 0)


def test_other_asgi_connections_are_ignored() -> None:
    sent: list[Any] = []

    async def never() -> Any:
        raise AssertionError("nothing is read")

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Simulator()({"type": "websocket"}, never, send))
    assert sent == []
