"""Any input gets a response of the simulator, within its limits.

1,000 sequences of requests are drawn; `APIKLEY_WRONG_INPUT=20000` asks for more.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import apikley_contract
from apikley_mock.control.vocabulary import MIB, Settings
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.admin_document import EVENTS, document
from apikley_mock.web.app import Simulator
from apikley_mock.web.faults import ConnectionLostError
from apikley_mock.web.http import MAX_HEAD
from apikley_mock.world.clock import VirtualClock
from contract_tests.simulator.simulators import CREATE, DETAILS, request_for

DOWNLOAD, BASE64, URL = (
    apikley_contract.operation(name).path for name in ("getDownloadUrl", "uploadFileBase64", "uploadFileUrl")
)
KEY = (b"authorization", b"Bearer mock-key")
PATHS = [
    *apikley_contract.openapi()["paths"],
    *(
        *(
            path.format(id="x", action="step", name="default", number="1")
            for path in document()["paths"]
            if path != EVENTS  # they do not end
        ),
    ),  # they do not end
    *("/", "/nope", "/results/x.mp4", "/links/x.mp4", "/files/a/b", "/results/", "/__mock__", "/__mock__//", "//"),
]
ENDS = ["", "", "", "/", "\0", "\xe9" * 5000, "/../x"]
QUERIES = [b"", b"taskId=x", b"taskId=" + b"x" * 5000, b"limit=-1", b"after=\xff", b"&" * 500, b"a=%ff%fe"]
TARGETS: list[tuple[str, Any]] = [
    (CREATE, request_for(callBackUrl="http://127.0.0.1:9/")),
    (CREATE, request_for("[mock: fail 422]")),
    (DOWNLOAD, {"url": "http://x/y"}),
    (BASE64, {"base64Data": "AAAA", "uploadPath": "a"}),
    (URL, {"fileUrl": "https://x.test/y", "uploadPath": "a"}),
    ("/__mock__/advance", {"seconds": 1}),
    ("/__mock__/plans", {"outcome": "fail", "callback": {"times": 2}}),
    ("/__mock__/faults", {"fault": "error", "code": 455}),
    ("/__mock__/faults", {"fault": "cut", "stage": "after"}),
]
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nzz\r\n--b--\r\n'
DIRECTIVES = ["fail 422", "take 9999999999", "per_poll 0", "error 1", "reset", "callback twice", "\u2028"]
SCALARS = st.one_of(
    st.sampled_from([None, True, -1, 10**400, 1e308, float("nan"), "", "\ud800", "http://127.0.0.1:9/", "http://["]),
    st.sampled_from(["../../etc/passwd", "\U0001f4a5" * 400, "\U0001f4a5" * 1600]),
    st.sampled_from(DIRECTIVES).map(lambda text: f"[mock: {text}]"),
    st.text(max_size=30),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
AUTHORIZATIONS = [KEY[1]] * 9 + [b"Bearer", b"\xff", b"Basic " + b"A" * 99]
HEADERS = {
    b"host": [b"mock.test", b"", b"\xff\xfe", b"[::1", b"x" * 3000],
    b"prefer": [b"code=402", b"code=999", b"code=" + b"9" * 400, b"\xff"],
    b"range": [b"bytes=0-", b"bytes=-0", b"bytes=9-1", b"bytes=" + b"9" * 50 + b"-", b"\xff"],
    b"content-type": [b"multipart/form-data; boundary=b", b"multipart/form-data", b"\xff", b"application/json"],
    b"origin": [b"http://mock.test", b"http://[", b"null", b"\xff"],
    b"x-long": [b"x" * 40_000],
}


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Draw the value with a change at one place."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: draw(changed(value[name]))}
    return draw(st.sampled_from([value, {"x": value}, [value]]) | SCALARS | VALUES)


CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b"[" * 100_000, b'{"a":' * 5_000, b"9" * 10_000, b"\xef\xbb\xbf{}", b"{} {}"]),
    st.tuples(st.integers(0, len(FORM)), st.binary(max_size=3)).map(
        lambda cut: FORM[: cut[0]] + cut[1] + FORM[cut[0] :]
    ),
)
SCOPES = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "WEIRD"]),
        "path": st.builds(str.__add__, st.sampled_from(PATHS), st.sampled_from(ENDS)),
        "query_string": st.sampled_from(
            [b"", b"taskId=x", b"taskId=" + b"x" * 5000, b"limit=-1", b"&" * 500, b"a=%ff"]
        ),
        "headers": st.fixed_dictionaries(
            {KEY[0]: st.sampled_from(AUTHORIZATIONS)},
            optional={name: st.sampled_from(values) for name, values in HEADERS.items()},
        ).map(lambda headers: [*headers.items()]),
    }
)


def _almost_valid(path: str, body: Any) -> st.SearchStrategy[tuple[dict[str, Any], bytes]]:
    scope = {"method": "POST", "path": path, "query_string": b"", "headers": [KEY]}
    return st.tuples(st.just(scope), changed(body).map(lambda body: json.dumps(body).encode()))


REQUESTS = st.tuples(SCOPES, CONTENTS) | st.sampled_from(TARGETS).flatmap(lambda target: _almost_valid(*target))


async def _respond(simulator: Simulator, body: bytes, **scope: Any) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await simulator({"type": "http", "scheme": "http", **scope}, receive, send)
    return sent[0]["status"], sent[1]["body"]


@given(st.lists(REQUESTS, min_size=1, max_size=5))
@settings(max_examples=int(os.environ.get("APIKLEY_WRONG_INPUT", "1000")))
def test_no_request_breaks_the_simulator(requests: list[tuple[dict[str, Any], bytes]]) -> None:
    service = Service(Settings(max_storage=MIB, max_tasks=2), VirtualClock())
    simulator = Simulator(service)

    async def run() -> None:
        for scope, body in requests:
            try:
                status, response = await _respond(simulator, body, **scope)
            except ConnectionLostError:
                continue
            assert status < 500 or b"<html>" in response or json.loads(response)["code"] >= 400
            assert b"The simulator itself failed" not in response
        await service.advance(1)
        await service.close()

    asyncio.run(run())
    assert len(service.engine.tasks) <= 2


def _raw(mock: MockService, content: bytes) -> bytes:
    """Send bytes over their own connection; returns the response until it closes or is silent for half a second."""
    port = int(mock.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
        response = b""
        try:
            connection.sendall(content)
            while chunk := connection.recv(65536):
                response += chunk
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
