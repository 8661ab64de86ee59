"""The simulator's connections, byte by byte, with both of uvicorn's parsers."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from apikley_mock.control.vocabulary import MIB
from apikley_mock.service import Service
from apikley_mock.web import server
from apikley_mock.web.app import Simulator
from contract_tests.simulator.simulators import CREATE, request_for

HEAD = f"POST {CREATE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer mock-key\r\n"


@pytest.fixture(scope="module", params=["httptools", "h11"])
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """The address of a simulator with one of the parsers."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "h11":
            patch.setitem(sys.modules, "httptools", None)
        spec = importlib.util.find_spec("apikley_mock.web.protocol")
        assert spec
        assert spec.loader
        protocol = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(protocol)
        assert request.param in protocol.Protocol.__base__.__module__
        patch.setattr(server, "Protocol", protocol.Protocol)
        running = server.ThreadedServer(Simulator())
    running.start()
    host, _, port = running.url.removeprefix("http://").rpartition(":")
    yield host, int(port)
    running.stop()


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=600) as opened:
        yield opened


def _create(body: bytes, header: str = "") -> bytes:
    return f"{HEAD}{header}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_stopping_the_server_closes_waiting_connections() -> None:
    service, started = Service(), threading.Event()

    async def post(*_: Any) -> tuple[int, str]:
        started.set()
        await asyncio.Event().wait()
        return 200, ""

    service.caller.post = post  # type: ignore[assignment,method-assign]
    running = server.ThreadedServer(Simulator(service))
    running._server.config.timeout_graceful_shutdown = 0
    running.start()
    host, _, port = running.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=600) as connection:
        body = request_for("[mock: callback early]", callBackUrl="http://127.0.0.1:9/")
        connection.sendall(_create(json.dumps(body).encode()))
        assert started.wait(600)
        running.stop()
        assert connection.recv(65536) == b""


def test_a_response_is_sent_in_one_piece(connection: socket.socket) -> None:
    for _ in range(5):
        connection.sendall(_create(json.dumps(request_for()).encode()))
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        assert (head[:15], json.loads(body)["code"]) == (b"HTTP/1.1 200 OK", 200)


def test_expect_100_continue_is_answered(connection: socket.socket) -> None:
    content = _create(json.dumps(request_for()).encode(), "Expect: 100-continue\r\n")
    head, end, body = content.partition(b"\r\n\r\n")
    connection.sendall(head + end)
    assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue")
    connection.sendall(body)
    assert b'"code":200' in connection.recv(65536)


def test_head_gets_headers_only(connection: socket.socket) -> None:
    connection.sendall(b"HEAD /nope HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head, end, body = connection.recv(65536).partition(b"\r\n\r\n")
    assert (head[:15], end, body) == (b"HTTP/1.1 200 OK", b"\r\n\r\n", b"")


def test_the_last_response_precedes_the_end_of_the_connection(connection: socket.socket) -> None:
    connection.sendall(_create(json.dumps(request_for()).encode(), "Connection: close\r\n"))
    assert b'"code":200' in connection.recv(65536)
    assert connection.recv(65536) == b""


def test_a_long_body_does_not_count_as_a_head(connection: socket.socket) -> None:
    for _ in range(2):
        connection.sendall(_create(b" " * (MIB // 2)))
        assert b"The request body is not JSON" in connection.recv(65536)


@pytest.mark.parametrize("end", ["\r\n\r\n", ""], ids=["whole", "endless"])
def test_a_long_head_is_refused(connection: socket.socket, end: str) -> None:
    connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {'x' * 100_000}{end}".encode())
    assert b'"code":422' in connection.recv(65536)
