"""A create has a connection of its own; no connection is shared between processes or event loops."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import freezegun
import httpx2
import pytest
import trio
from pytest_httpserver import HTTPServer
from werkzeug import Response

import apikley_contract
from apikley import (
    Apikley,
    ApikleyError,
    AsyncApikley,
    ConfigurationError,
    CreateOutcomeUnknown,
    InsufficientCredits,
    TransportError,
    WaitTimeout,
)
from apikley._http.clients import FRESH
from contract_tests.client.fake_service import BASE, BOTH, Service, call_create, details, envelope
from contract_tests.conftest import KEY

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


class Server:
    """A loopback server that keeps connections open, and counts them.

    Args:
        delay: Seconds from a request to its response.

    Attributes:
        used: For each request, its path and the number of its connection.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.used: list[tuple[str, int]] = []
        connections, tasks, used = count(1), count(1), self.used

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                self.number = next(connections)

            def do_GET(self) -> None:
                asked = parse_qs(urlsplit(self.path).query).get("taskId")
                self.respond({"taskId": asked[0], "state": "waiting"} if asked else 5)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.respond({"taskId": f"task-{next(tasks)}-{body['input']['prompt']}"})

            def respond(self, data: Any) -> None:
                used.append((self.path, self.number))
                time.sleep(delay)
                content = json.dumps({"code": 200, "msg": "success", "data": data}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()


def _request(prompt: str) -> dict[str, Any]:
    input_ = {"prompt": prompt, "image_url": "https://files.example.com/a.png"}
    return {"model": "hailuo/02-image-to-video-pro", "input": input_}


def test_each_create_has_a_connection_of_its_own(server: Server) -> None:
    with Apikley(KEY, base_url=server.url) as api:
        for _ in range(3):
            api.get_credits()
            api.create_raw(_request("a"))
    creates = [number for path, number in server.used if "createTask" in path]
    others = [number for path, number in server.used if "createTask" not in path]
    assert len({*creates}) == 3
    assert not {*creates} & {*others}
    assert len({*others}) == 1, "other requests keep their connection"


def test_each_async_create_has_a_connection_of_its_own(server: Server) -> None:
    async def main() -> None:
        async with AsyncApikley(KEY, base_url=server.url) as api:
            for _ in range(3):
                await api.get_credits()
                await api.create_raw(_request("a"))

    asyncio.run(main())
    creates = [number for path, number in server.used if "createTask" in path]
    assert len({*creates}) == 3
    assert len({number for _, number in server.used}) == 4


@forks
def test_a_forked_process_uses_no_connection_of_its_parent(server: Server) -> None:
    fork = multiprocessing.get_context("fork")
    results: Any = fork.SimpleQueue()

    def child(number: int) -> None:
        task = api.create_raw(_request(f"child{number}"))
        results.put((number, task.id, api.get_task(task.id).id))

    with Apikley(KEY, base_url=server.url) as api:
        api.get_credits()  # leaves a connection open
        children = [fork.Process(target=child, args=(number,)) for number in range(4)]
        for process in children:
            process.start()
        got = [results.get() for _ in children]
        for process in children:
            process.join()
        assert api.get_credits() == 5
    assert all(task_id.endswith(f"-child{number}") and polled == task_id for number, task_id, polled in got)
    by_connection: dict[int, set[str]] = {}
    for path, number in server.used:
        by_connection.setdefault(number, set()).add(path)
    # One connection for each create and each poll of a child, and the parent's own.
    assert len(by_connection) == 4 * 2 + 1


def test_each_create_of_an_own_client_has_a_connection_of_its_own(server: Server) -> None:
    with httpx2.Client(headers={"X-Own": "yes"}) as http:
        api = Apikley(KEY, base_url=server.url, http_client=http)
        for _ in range(3):
            api.get_credits()
            api.create_raw(_request("a"))
        api.close()
        assert not http.is_closed
    creates = [number for path, number in server.used if "createTask" in path]
    others = [number for path, number in server.used if "createTask" not in path]
    assert len({*creates}) == 3
    assert len({*others} - {*creates}) == 1


def test_each_create_of_an_own_transport_has_a_connection_of_its_own(server: Server) -> None:
    async def main() -> None:
        async with AsyncApikley(KEY, base_url=server.url, http_client=httpx2.AsyncHTTPTransport()) as api:
            for _ in range(3):
                await api.get_credits()
                await api.create_raw(_request("a"))

    asyncio.run(main())
    assert len({number for path, number in server.used if "createTask" in path}) == 3


def test_an_own_async_client_in_a_second_event_loop_says_what_to_do(server: Server) -> None:
    api = AsyncApikley(KEY, base_url=server.url, http_client=httpx2.AsyncClient(limits=FRESH))
    assert asyncio.run(api.get_credits()) == 5
    with pytest.raises(ConfigurationError, match="make a client in each event loop, or leave out http_client"):
        asyncio.run(api.get_credits())


def test_an_async_client_works_under_trio(server: Server) -> None:
    async def main(number: int) -> str:
        assert await api.get_credits() == 5
        task = await api.create_raw(_request(f"trio{number}"))
        await api._driver.clock.async_sleep(0)
        assert (await api.get_task(task.id)).state == "waiting"
        return task.id

    api = AsyncApikley(KEY, base_url=server.url)
    assert [trio.run(main, number).partition("-trio")[2] for number in range(2)] == ["0", "1"]
    assert asyncio.run(main(2)).endswith("-trio2")


def test_an_event_loop_that_ends_closes_its_connections(server: Server) -> None:
    api = AsyncApikley(KEY, base_url=server.url)

    async def use() -> httpx2.AsyncClient:
        await api.get_credits()
        return api._driver.clients.get()

    assert asyncio.run(use()).is_closed
    assert trio.run(use).is_closed


def test_bursts_of_cancelled_calls_leave_no_connection_in_use(server: Server) -> None:
    async def main() -> None:
        async with AsyncApikley(KEY, base_url=server.url) as api:
            for burst in range(10):
                calls = [asyncio.create_task(api.get_credits()) for _ in range(150)]
                for _ in range(burst):
                    await asyncio.sleep(0)
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)
            pool: Any = api._driver.clients.get()._transport
            assert all(connection.is_idle() or connection.is_closed() for connection in pool._pool.connections)
            assert await api.get_credits() == 5

    asyncio.run(main())


@freezegun.freeze_time("2026-01-01")
def test_a_wait_ends_under_a_frozen_clock(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apikley_contract, "poll_schedule", lambda: [(float("inf"), 0.01, 0.02)])
    with Apikley(KEY, base_url=server.url) as api, pytest.raises(WaitTimeout):
        api.wait("task_1", 0.1)


@freezegun.freeze_time("2026-01-01")
def test_a_response_that_does_not_end_times_out_under_a_frozen_clock(httpserver: HTTPServer) -> None:
    httpserver.expect_request(re.compile("")).respond_with_handler(lambda _: Response(_endless(), 200))
    with (
        Apikley(KEY, base_url=httpserver.url_for(""), timeout=0.2, max_retries=0) as api,
        pytest.raises(TransportError, match="in time"),
    ):
        api.get_credits()


def _endless() -> Iterator[bytes]:
    while True:
        yield b" "


@forks
def test_an_own_client_that_was_made_before_a_fork_is_refused(server: Server) -> None:
    fork = multiprocessing.get_context("fork")
    results: Any = fork.SimpleQueue()

    def child() -> None:
        try:
            api.get_credits()
        except ConfigurationError as error:
            results.put(str(error))
        else:
            results.put("sent")

    with httpx2.Client() as http:
        api = Apikley(KEY, base_url=server.url, http_client=http)
        process = fork.Process(target=child)
        process.start()
        message = results.get()
        process.join()
    assert message.startswith("http_client was made in another process")
    assert server.used == []


def test_one_async_client_works_in_successive_event_loops(server: Server) -> None:
    api = AsyncApikley(KEY, base_url=server.url)

    async def job(number: int) -> str:
        assert await api.get_credits() == 5
        return (await api.create_raw(_request(f"loop{number}"))).id

    assert [asyncio.run(job(number)).partition("-loop")[2] for number in range(3)] == ["0", "1", "2"]


def test_one_async_client_works_in_event_loops_of_several_threads(server: Server) -> None:
    api = AsyncApikley(KEY, base_url=server.url)
    ids: dict[int, str] = {}

    async def job(number: int) -> None:
        await api.get_credits()
        ids[number] = (await api.create_raw(_request(f"loop{number}"))).id

    threads = [threading.Thread(target=asyncio.run, args=(job(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: task_id.partition("-loop")[2] for number, task_id in ids.items()} == {n: str(n) for n in range(4)}


def test_a_sync_client_that_was_used_in_an_event_loop_is_closed(server: Server) -> None:
    api = Apikley(KEY, base_url=server.url)

    async def use() -> list[httpx2.Client]:
        api.get_credits()
        api.create_raw(_request("a"))
        return [api._driver.clients.get(), api._driver.clients.get(fresh=True)]

    used = asyncio.run(use())
    api.close()
    assert [client.is_closed for client in used] == [True, True]


@pytest.mark.parametrize("run", BOTH)
def test_a_record_of_another_task_is_refused(run: Any) -> None:
    other = envelope(data={"taskId": "task_other", "state": "success"})
    with pytest.raises(TransportError, match="the response is about another task, 'task_other'"):
        run(Service(other), lambda api: api.get_task("task_mine"))


@pytest.mark.parametrize("run", BOTH)
def test_a_wait_ignores_a_record_of_another_task(run: Any) -> None:
    other = envelope(data={"taskId": "task_other", "state": "success"})
    task, _ = run(Service(other, details("success")), lambda api: api.wait("task_mine", 60))
    assert (task.id, task.state) == ("task_mine", "success")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("run", BOTH)
def test_a_number_that_is_not_finite_names_no_task(run: Any, number: str) -> None:
    response = httpx2.Response(200, content=f'{{"code": 200, "data": {{"taskId": {number}}}}}')
    with pytest.raises(CreateOutcomeUnknown, match="names no task"):
        run(Service(response), call_create)


@pytest.mark.parametrize("run", BOTH)
def test_any_failure_after_the_request_leaves_the_outcome_unknown(run: Any) -> None:
    service = Service(ssl.SSLError("decryption failed"))
    with pytest.raises(CreateOutcomeUnknown) as caught:
        run(service, call_create)
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    with pytest.raises(TransportError, match="decryption failed"):
        run(service, lambda api: api.get_credits(), max_retries=0)


def test_a_response_hook_that_raises_on_a_refusal_is_a_refusal() -> None:
    def hook(response: httpx2.Response) -> None:
        response.read()
        response.raise_for_status()

    refusal = envelope(402, "no credits", status=402)
    transport = httpx2.MockTransport(lambda _: refusal)
    with httpx2.Client(transport=transport, event_hooks={"response": [hook]}) as http:
        api = Apikley(KEY, base_url=BASE, http_client=http)
        with pytest.raises(InsufficientCredits, match="no credits"):
            call_create(api)


def test_a_response_hook_that_raises_during_a_download_is_a_failed_download(tmp_path: Path) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "files.test":
            return httpx2.Response(404)
        result = '{"resultUrls": ["http://files.test/a.mp4"]}'
        return httpx2.Response(
            200, json={"code": 200, "data": {"taskId": "t", "state": "success", "resultJson": result}}
        )

    hooks: Any = {"response": [httpx2.Response.raise_for_status]}
    messages = []
    for options in ({}, {"event_hooks": hooks}):
        with httpx2.Client(transport=httpx2.MockTransport(respond), **options) as http:
            api = Apikley(KEY, base_url=BASE, http_client=http, max_retries=0)
            with pytest.raises(ApikleyError) as caught:
                api.download("t", tmp_path / "a.mp4")
        messages.append((type(caught.value), str(caught.value)))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("key", [123, b"secret-key", ["secret-key"]])
def test_a_key_that_is_no_text_is_refused(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="the API key is not a text"):
        Apikley(key)


def test_a_response_hook_that_raises_on_a_servers_failure_leaves_the_outcome_unknown() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(502))
    hooks: Any = {"response": [httpx2.Response.raise_for_status]}
    with httpx2.Client(transport=transport, event_hooks=hooks) as http, pytest.raises(CreateOutcomeUnknown):
        call_create(Apikley(KEY, base_url=BASE, http_client=http))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "nonsense://127.0.0.1:9"),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("https_proxy", "socks5://[::1"),
    ],
)
@pytest.mark.parametrize("kind", [Apikley, AsyncApikley])
def test_unusable_network_settings_are_named(monkeypatch: pytest.MonkeyPatch, kind: Any, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=rf"settings of the environment cannot be used: .*set now: .*{name}"):
        kind(KEY)
