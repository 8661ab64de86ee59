"""Whatever comes back over a real connection ends in one of our exceptions, and in one POST."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikley import ApiError, Apikley, ApikleyError, AsyncApikley, CreateOutcomeUnknown, TransportError
from contract_tests.conftest import KEY
from contract_tests.services import ask_create

GOOD = json.dumps({"code": 200, "msg": "success", "data": {"taskId": "task_1", "state": "waiting"}}).encode()
WHOLE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(GOOD),
    GOOD,
)


class RawService:
    """Reads each request to its end, writes the given bytes, and hangs up."""

    def __init__(self) -> None:
        self.said = b""
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.requests.append(_request(connection))
                connection.sendall(self.said)


def _request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        content += piece
        if not piece or content.startswith(b"\x16"):
            return content  # it hung up, or it wants to speak TLS
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def raw() -> Iterator[RawService]:
    service = RawService()
    yield service
    service.close()


class Way:
    """A client, sync or async, over one of its transports."""

    def __init__(self, name: str, url: str) -> None:
        self._runner = asyncio.Runner()
        self.api: Apikley | AsyncApikley
        if name == "sync":
            self.api = Apikley(KEY, base_url=url, timeout=5, retries=0)
        else:
            self.api = self._runner.run(self._make(name, url))

    def __call__(self, call: Callable[[Any], Any]) -> Any:
        if isinstance(self.api, Apikley):
            return call(self.api)
        return self._runner.run(call(self.api))

    def close(self) -> None:
        if isinstance(self.api, Apikley):
            self.api.close()
        else:
            self._runner.run(self.api.aclose())
        self._runner.close()

    async def _make(self, name: str, url: str) -> AsyncApikley:
        transport = httpx.AsyncHTTPTransport() if name == "over httpx" else None
        api = AsyncApikley(KEY, base_url=url, timeout=5, retries=0, http_client=transport)
        assert (api._driver.sender is not None) == (name == "over aiohttp"), "aiohttp is installed, and no proxy is set"
        return api


@pytest.fixture(scope="module", params=["sync", "over httpx", "over aiohttp"])
def way(request: pytest.FixtureRequest, raw: RawService) -> Iterator[Way]:
    made = Way(request.param, raw.url)
    yield made
    made.close()


@pytest.fixture
def another_way(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Way]]:
    """The same kind of client, for another address."""
    made: list[Way] = []
    name = request.node.callspec.params["way"]

    def make(url: str) -> Way:
        made.append(Way(name, url))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_create_cut_at_any_byte_of_its_answer_is_unknown_and_sent_once(raw: RawService, way: Way) -> None:
    for length in range(len(WHOLE)):
        raw.said, raw.requests = WHOLE[:length], []
        with pytest.raises(CreateOutcomeUnknown) as caught:
            way(ask_create)
        assert len(raw.requests) == 1, f"cut after {length} bytes"
        assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_look_cut_at_any_byte_of_its_answer_is_a_transport_error(raw: RawService, way: Way) -> None:
    for length in range(len(WHOLE)):
        raw.said = WHOLE[:length]
        with pytest.raises(TransportError):
            way(lambda api: api.task("task_1"))


def test_the_whole_answer_is_a_task(raw: RawService, way: Way) -> None:
    raw.said = WHOLE
    assert way(ask_create).id == "task_1"
    assert way(lambda api: api.task("task_1")).state == "waiting"


@pytest.mark.parametrize(
    ("said", "create", "look"),
    [
        (b"", CreateOutcomeUnknown, TransportError),
        (b"\r\n\r\n", CreateOutcomeUnknown, TransportError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", CreateOutcomeUnknown, TransportError),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: x\r\n\r\n", CreateOutcomeUnknown, TransportError),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", CreateOutcomeUnknown, TransportError),
        (b"HTTP/1.1 599 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", CreateOutcomeUnknown, ApiError),
        (b"HTTP/1.1 455 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ApiError, ApiError),
        (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", CreateOutcomeUnknown, TransportError),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
            CreateOutcomeUnknown,
            TransportError,
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            CreateOutcomeUnknown,
            TransportError,
        ),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (17 * 1024 * 1024),
            CreateOutcomeUnknown,
            TransportError,
        ),
    ],
    ids=range(11),
)
def test_bytes_that_are_no_answer_end_in_our_exceptions(
    raw: RawService, way: Way, said: bytes, create: type[ApikleyError], look: type[ApikleyError]
) -> None:
    raw.said, raw.requests = said, []
    with pytest.raises(create):
        way(ask_create)
    assert len(raw.requests) == 1
    with pytest.raises(look):
        way(lambda api: api.task("task_1"))


def test_an_answer_that_does_not_end_in_time_is_given_up(
    raw: RawService, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.said, raw.requests = WHOLE, []
    times = itertools.count(step=100)  # as where each piece comes within the time-out, and there are many
    monkeypatch.setattr(way.api._settings.clock, "monotonic", lambda: float(next(times)))
    with pytest.raises(CreateOutcomeUnknown, match="the answer did not end in time"):
        way(ask_create)
    assert len(raw.requests) == 1
    with pytest.raises(TransportError, match="the answer did not end in time"):
        way(lambda api: api.task("task_1"))


def test_a_redirect_to_another_host_does_not_take_the_key_there(raw: RawService, way: Way) -> None:
    elsewhere = RawService()
    try:
        elsewhere.said = WHOLE
        for status in (301, 302, 303, 307, 308):
            head = f"HTTP/1.1 {status} X\r\nLocation: {elsewhere.url}/\r\nConnection: close\r\n"
            raw.said = f"{head}Content-Length: 0\r\n\r\n".encode()
            for call in (ask_create, lambda api: api.task("task_1")):
                with pytest.raises((ApiError, CreateOutcomeUnknown)):
                    way(call)
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


def test_nobody_listening_is_not_sent(way: Way, another_way: Callable[[str], Way]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TransportError, match="not sent: "):
        another_way(f"http://127.0.0.1:{port}")(ask_create)


def test_a_server_without_tls_gets_no_key(raw: RawService, way: Way, another_way: Callable[[str], Way]) -> None:
    raw.said, raw.requests = b"not TLS at all\r\n\r\n" * 10, []
    with pytest.raises(TransportError, match="not sent: no connection"):
        another_way(raw.url.replace("http:", "https:"))(ask_create)
    assert KEY.encode() not in b"".join(raw.requests)


def test_requests_are_logged_without_the_key(raw: RawService, way: Way, caplog: pytest.LogCaptureFixture) -> None:
    raw.said = WHOLE
    with caplog.at_level(logging.DEBUG):
        way(lambda api: api.task("task_1"))
    ours = [record.getMessage() for record in caplog.records if record.name == "apikley"]
    assert len(ours) == 1
    assert ours[0].startswith("GET /api/v1/jobs/recordInfo: HTTP 200, ")
    assert KEY not in caplog.text


def test_all_ways_send_the_same_request(raw: RawService, way: Way) -> None:
    raw.said, raw.requests = WHOLE, []
    way(lambda api: api.task("task ä/&?1"))
    way(ask_create)
    look, create = (request.partition(b"\r\n\r\n") for request in raw.requests)
    assert look[0].startswith(b"GET /api/v1/jobs/recordInfo?taskId=task+%C3%A4%2F%26%3F1 ") or look[0].startswith(
        b"GET /api/v1/jobs/recordInfo?taskId=task%20%C3%A4%2F%26%3F1 "
    )
    assert b"uthorization: Bearer " + KEY.encode() in look[0]
    assert json.loads(create[2])["input"]["prompt"] == "a ship"
    for head in (look[0].lower(), create[0].lower()):
        assert b"user-agent: apikley/" in head
        assert b"accept: application/json" in head
        assert b"cookie" not in head
    assert b"content-type: application/json" in create[0].lower()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)
BODIES = (
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"code": st.sampled_from([200, "200", 402, "402", 429, 455, 0, -1, 10**30, None, True, 200.0]) | JSON},
        optional={"msg": JSON, "message": JSON, "data": JSON | st.fixed_dictionaries({"taskId": JSON, "state": JSON})},
    ).map(lambda value: json.dumps(value).encode())
)


@given(status=st.integers(200, 599), body=BODIES, kind=st.sampled_from(["application/json", "text/html", ""]))
def test_any_body_under_any_status_has_one_outcome(status: int, body: bytes, kind: str) -> None:
    posts = 0

    def service(request: httpx.Request) -> httpx.Response:
        nonlocal posts
        posts += 1
        return httpx.Response(status, content=body, headers={"content-type": kind})

    with Apikley(KEY, base_url="http://service.test", http_client=httpx.MockTransport(service), retries=0) as api:
        for call in (ask_create, lambda api: api.task("task_1"), lambda api: api.credits()):
            error = _error(call, api)
            assert error is None or (str(error) and KEY not in repr(error) + str(error))
    assert posts == 3


def _error(call: Callable[[Any], Any], api: Apikley) -> ApikleyError | None:
    try:
        call(api)
    except ApikleyError as error:
        return error
    return None
