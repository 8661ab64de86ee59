"""No frame that an exception leaves through shows a key in its local variables."""

from __future__ import annotations

import asyncio
import socketserver
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from apikley import Apikley, AsyncApikley, ConfigurationError, callbacks
from contract_tests.client.fake_service import call_create

KEY = "secret-key-0123456789"
REFUSED = "http://127.0.0.1:9"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except AttributeError:  # of a client whose constructor has failed
        return ""


def _shown(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                yield from (
                    f"{frame.f_code.co_qualname} {name}: {_repr(value)}" for name, value in frame.f_locals.items()
                )
        yield from traceback.format_exception(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _respond(request: httpx2.Request) -> httpx2.Response:
    if "recordInfo" in request.url.path:
        raise httpx2.ReadError("cut")
    return httpx2.Response(401, json={"code": 401, "msg": f"no: {KEY}"})


def _call(call: Callable[[Any], Any], **options: Any) -> None:
    with Apikley(KEY, max_retries=0, **options) as api:
        call(api)


def _call_async(call: Callable[[Any], Any], **options: Any) -> None:
    async def main() -> None:
        async with AsyncApikley(KEY, max_retries=0, **options) as api:
            await call(api)

    asyncio.run(main())


@pytest.fixture
def cutting() -> Iterator[Callable[[bytes], str]]:
    """Start servers that read a request, respond with these bytes and close the connection."""
    servers: list[socketserver.TCPServer] = []
    threads = []

    def start(response: bytes) -> str:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                self.request.sendall(response)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}))
        threads[-1].start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


CALLS = [lambda api: api.get_credits(), lambda api: api.get_task("task_1"), call_create]


@pytest.mark.parametrize("call", CALLS, ids=["get_credits", "get_task", "create"])
@pytest.mark.parametrize("run", [_call, _call_async])
@pytest.mark.parametrize("failure", ["response", "refused", "cut", "no HTTP"])
def test_no_frame_of_a_failed_call_shows_the_key(run: Any, call: Any, failure: str, cutting: Any) -> None:
    failures: dict[str, dict[str, Any]] = {
        "response": {"http_client": httpx2.MockTransport(_respond)},
        "refused": {"base_url": REFUSED},
        "cut": {"base_url": cutting(b"")},
        "no HTTP": {"base_url": cutting(f"no HTTP {KEY}\r\n\r\n".encode())},
    }
    options = failures[failure]
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        run(call, **options)
    shown = [*_shown(caught.value)]
    assert any(" self: " in line for line in shown)
    assert [line for line in shown if KEY in line] == []


def _attempts() -> list[Callable[[], Any]]:
    headers = callbacks.sign("task_1", "another")
    body = '{"code": 200, "data": {"taskId": "task_1", "state": "success"}}'
    return [
        lambda: Apikley(KEY + " "),
        lambda: AsyncApikley(KEY + "\n"),
        lambda: Apikley(KEY, timeout=-1),
        lambda: callbacks.verify(headers, body, KEY),
        lambda: callbacks.verify(headers, body, [KEY, KEY + "2"]),
        lambda: callbacks.verify(headers, b"", KEY.encode()),
        lambda: callbacks.verify(headers, body, KEY, tolerance=-1),
        lambda: callbacks.sign("task_1", KEY + "\n"),
        lambda: callbacks.sign("task_1", [KEY, KEY]),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("number", range(len(_attempts())))
def test_no_frame_of_a_refused_argument_shows_a_key(number: int) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any
        _attempts()[number]()
    assert [line for line in _shown(caught.value) if KEY in line] == []


@pytest.mark.parametrize("key", ["key\n", " key", "a key", b"key\r\n", ["good", "bad\t"]])
def test_white_space_in_a_webhook_key_is_refused(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="contains white space"):
        callbacks.webhook_keys(key)
