"""Any response over a real connection gives one outcome, and a create sends one POST."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikley import ApiError, Apikley, ApikleyError, AsyncApikley, CreateOutcomeUnknown, TransportError
from apikley._http import deadlines as _deadline
from contract_tests.client.fake_service import call_create
from contract_tests.conftest import KEY

GOOD = json.dumps({"code": 200, "msg": "success", "data": {"taskId": "task_1", "state": "waiting"}}).encode()


def _response(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


WHOLE = _response(GOOD)


class RawService:
    """Reads each request, writes the given bytes and closes the connection."""

    def __init__(self) -> None:
        self.content = b""
        self.dribbles = False  # whether more follows, byte by byte
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
                connection.sendall(self.content)
                for _ in range(100):
                    if not self.dribbles:
                        break
                    connection.sendall(b"x")
                    time.sleep(0.05)


def _request(connection: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        content += piece
        if not piece or content.startswith(b"\x16"):
            return content  # the client disconnected or starts TLS
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
    """A sync or an async client over a real transport."""

    def __init__(self, name: str, url: str, timeout: float = 5) -> None:
        self._timeout = timeout
        self._runner = asyncio.Runner()
        self.api: Apikley | AsyncApikley
        if name == "sync":
            self.api = Apikley(KEY, base_url=url, timeout=timeout, max_retries=0)
        else:
            self.api = self._runner.run(self._make(url))

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

    async def _make(self, url: str) -> AsyncApikley:
        return AsyncApikley(KEY, base_url=url, timeout=self._timeout, max_retries=0)


@pytest.fixture(scope="module", params=["sync", "async"])
def way(request: pytest.FixtureRequest, raw: RawService) -> Iterator[Way]:
    made = Way(request.param, raw.url)
    yield made
    made.close()


@pytest.fixture
def another_way(request: pytest.FixtureRequest) -> Iterator[Callable[..., Way]]:
    """The same client for another address."""
    made: list[Way] = []
    name = request.node.callspec.params["way"]

    def make(url: str, timeout: float = 5) -> Way:
        made.append(Way(name, url, timeout))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_create_whose_response_is_cut_anywhere_is_sent_once(raw: RawService, way: Way) -> None:
    for length in range(len(WHOLE)):
        raw.content, raw.requests = WHOLE[:length], []
        with pytest.raises(CreateOutcomeUnknown) as caught:
            way(call_create)
        assert len(raw.requests) == 1, f"cut after {length} bytes"
        assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_poll_whose_response_is_cut_anywhere_is_a_transport_error(raw: RawService, way: Way) -> None:
    for length in range(len(WHOLE)):
        raw.content = WHOLE[:length]
        with pytest.raises(TransportError):
            way(lambda api: api.get_task("task_1"))


def test_the_uncut_response_gives_a_task(raw: RawService, way: Way) -> None:
    raw.content = WHOLE
    assert way(call_create).id == "task_1"
    assert way(lambda api: api.get_task("task_1")).state == "waiting"


@pytest.mark.parametrize(
    ("content", "create", "poll"),
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
def test_malformed_http_raises_only_apikley_errors(
    raw: RawService, way: Way, content: bytes, create: type[ApikleyError], poll: type[ApikleyError]
) -> None:
    raw.content, raw.requests = content, []
    with pytest.raises(create):
        way(call_create)
    assert len(raw.requests) == 1
    with pytest.raises(poll):
        way(lambda api: api.get_task("task_1"))


LATE = r"no response in time|the response did not end in time"
HEAD_OF_ANY_LENGTH = b"HTTP/1.1 200 OK\r\nX-Long: "
BODY_OF_ANY_LENGTH = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9999\r\n\r\n"


@pytest.mark.parametrize("content", [HEAD_OF_ANY_LENGTH, BODY_OF_ANY_LENGTH], ids=["head", "body"])
def test_a_response_that_arrives_byte_by_byte_has_a_deadline(
    raw: RawService, way: Way, another_way: Callable[..., Way], content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.content, raw.requests = content, []
    monkeypatch.setattr(raw, "dribbles", True)
    hasty = another_way(raw.url, timeout=0.3)
    with pytest.raises(CreateOutcomeUnknown, match=LATE):
        hasty(call_create)
    assert len(raw.requests) == 1
    with pytest.raises(TransportError, match=LATE):
        hasty(lambda api: api.get_task("task_1"))


@pytest.mark.parametrize("location", ["http:foo", "https:login", "mailto:a@b", "urn:x", "a:b:c", "http://[::1"])
def test_a_redirected_create_is_sent_once(raw: RawService, way: Way, location: str) -> None:
    head = f"HTTP/1.1 302 X\r\nLocation: {location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    raw.content, raw.requests = head.encode(), []
    with pytest.raises(CreateOutcomeUnknown):
        way(call_create)
    assert len(raw.requests) == 1


def test_a_redirect_to_another_host_does_not_get_the_key(raw: RawService, way: Way) -> None:
    elsewhere = RawService()
    try:
        elsewhere.content = WHOLE
        for status in (301, 302, 303, 307, 308):
            head = f"HTTP/1.1 {status} X\r\nLocation: {elsewhere.url}/\r\nConnection: close\r\n"
            raw.content = f"{head}Content-Length: 0\r\n\r\n".encode()
            for call in (call_create, lambda api: api.get_task("task_1")):
                with pytest.raises((ApiError, CreateOutcomeUnknown)):
                    way(call)
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


def test_a_refused_connection_means_not_sent(way: Way, another_way: Callable[..., Way]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TransportError, match="not sent: "):
        another_way(f"http://127.0.0.1:{port}")(call_create)


def test_a_server_without_tls_gets_no_key(raw: RawService, way: Way, another_way: Callable[..., Way]) -> None:
    raw.content, raw.requests = b"not TLS at all\r\n\r\n" * 10, []
    with pytest.raises(TransportError, match="not sent: cannot connect"):
        another_way(raw.url.replace("http:", "https:"))(call_create)
    assert KEY.encode() not in b"".join(raw.requests)


def test_requests_are_logged_without_the_key(raw: RawService, way: Way, caplog: pytest.LogCaptureFixture) -> None:
    raw.content = WHOLE
    with caplog.at_level(logging.DEBUG):
        way(lambda api: api.get_task("task_1"))
    ours = [record.getMessage() for record in caplog.records if record.name == "apikley"]
    assert len(ours) == 1
    assert ours[0].startswith("GET /api/v1/jobs/recordInfo: HTTP 200, ")
    assert KEY not in caplog.text


def test_sync_and_async_send_the_same_request(raw: RawService, way: Way) -> None:
    raw.content, raw.requests = WHOLE, []
    with pytest.raises(TransportError, match="about another task, 'task_1'"):
        way(lambda api: api.get_task("task ä/&?1"))
    way(call_create)
    poll, create = (request.partition(b"\r\n\r\n") for request in raw.requests)
    assert poll[0].startswith(b"GET /api/v1/jobs/recordInfo?taskId=task+%C3%A4%2F%26%3F1 ") or poll[0].startswith(
        b"GET /api/v1/jobs/recordInfo?taskId=task%20%C3%A4%2F%26%3F1 "
    )
    assert b"uthorization: Bearer " + KEY.encode() in poll[0]
    assert json.loads(create[2])["input"]["prompt"] == "a ship"
    for head in (poll[0].lower(), create[0].lower()):
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

    def service(request: httpx2.Request) -> httpx2.Response:
        nonlocal posts
        posts += 1
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    with Apikley(KEY, base_url="http://service.test", http_client=httpx2.MockTransport(service), max_retries=0) as api:
        for call in (call_create, lambda api: api.get_task("task_1"), lambda api: api.get_credits()):
            error = _error(call, api)
            assert error is None or (str(error) and KEY not in repr(error) + str(error))
    assert posts == 3


def _error(call: Callable[[Any], Any], api: Apikley) -> ApikleyError | None:
    try:
        call(api)
    except ApikleyError as error:
        return error
    return None


def test_the_response_timeout_starts_after_the_request_is_written(
    raw: RawService, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [1_000.0]
    monkeypatch.setattr(_deadline, "monotonic", lambda: times[0])

    class SlowFile(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            times[0] += 50  # ten times the time for a response
            return super().read(size)

    raw.content, raw.requests = _response(GOOD.replace(b'"taskId"', b'"downloadUrl"')), []
    assert way(lambda api: api.upload(SlowFile(b"\x89PNG\r\n\x1a\n" + bytes(200_000)))) == "task_1"
    assert len(raw.requests) == 1


CHUNKED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
SHORT = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the server does not speak HTTP; is the base URL right?"),
        (b"Bad\nstatus\r\n\r\n", "the server does not speak HTTP; is the base URL right?"),
        (b"", "the connection was cut"),
        (SHORT, "the connection was cut|the response is not compressed as it says"),
        (CHUNKED + b"5\r\n{", "the connection was cut|the response is not compressed as it says"),
    ],
    ids=["ssh", "broken line", "nothing", "too short", "cut chunk"],
)
def test_a_response_of_another_server_is_reported_in_one_line(
    raw: RawService, way: Way, content: bytes, words: str
) -> None:
    raw.content = content
    with pytest.raises(TransportError) as caught:
        way(lambda api: api.get_task("task_1"))
    assert re.fullmatch(words.replace("?", r"\?"), str(caught.value))


def test_a_redirect_asks_whether_the_base_url_is_right(raw: RawService, way: Way) -> None:
    raw.content = (
        b"HTTP/1.1 307 X\r\nLocation: http://elsewhere.test/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    with pytest.raises(ApiError, match=r"^307: HTTP 307, a redirect, which is not followed; is the base URL right\?"):
        way(lambda api: api.get_task("task_1"))


def test_an_error_of_a_custom_transport_leaves_the_outcome_unknown() -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        raise UnicodeError("label empty or too long")

    with (
        Apikley(KEY, base_url="http://service.test", http_client=httpx2.MockTransport(broken)) as api,
        pytest.raises(CreateOutcomeUnknown, match="label empty or too long"),
    ):
        call_create(api)
