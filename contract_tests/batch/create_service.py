"""A loopback service that responds to creates as a test says, and one worker that sends them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar

import apikley_contract
from apikley import AsyncApikley
from apikley.batch.run.context import Context
from apikley.batch.run.creating import Creator
from contract_tests.batch.ledgers import ACCOUNT, Rows
from contract_tests.conftest import KEY

T = TypeVar("T")


class Response(NamedTuple):
    """A response to a create."""

    status: int
    body: bytes
    headers: dict[str, str] = {}  # noqa: RUF012 - not changed


LOST = Response(0, b"")  # the service closes the connection without a response
SILENT = Response(-1, b"")  # the service responds only after the test


def created(task_id: str = "task_1") -> Response:
    return Response(200, json.dumps({"code": 200, "msg": "success", "data": {"taskId": task_id}}).encode())


def envelope(code: int, *, status: int = 200, **headers: str) -> Response:
    """A refusal by the service."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps({"code": code, "msg": f"code {code}", "data": None}).encode(), named)


def page(status: int) -> Response:
    """A page of a proxy."""
    return Response(status, b"<html>Bad gateway</html>")


class CreateService:
    """Gives its responses in turn, and repeats the last one.

    Attributes:
        url: The base URL.
        posts: The bodies of the creates.
        received: Set when a create has arrived.
    """

    def __init__(self, *responses: Response) -> None:
        self.posts: list[Any] = []
        self.received = threading.Event()
        self._end = threading.Event()
        left, service = [*responses], self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == apikley_contract.operation("createTask").path
                service.posts.append(body)
                response = left.pop(0) if len(left) > 1 else left[0]
                service.received.set()
                self.close_connection = True
                if response is SILENT:
                    service._end.wait()
                if response in (SILENT, LOST):
                    return
                self.send_response(response.status)
                for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(response.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def working(rows: Rows, url: str, work: Callable[[Context, Creator], Awaitable[T]]) -> T:
    """Run a function with a worker that creates tasks."""

    async def main() -> T:
        record = rows.ledger.open_batch(rows.name)
        options: dict[str, Any] = {"base_url": url, "clock": rows.clock}
        async with AsyncApikley(KEY, **options) as api, AsyncApikley(KEY, max_retries=0, **options) as creates:
            context = Context(rows.ledger, record, api, creates, ACCOUNT, rows.clock, "worker")
            return await work(context, Creator(context))

    return asyncio.run(main())


def create(rows: Rows, url: str, key: str = "a") -> Context:
    """Let a worker create the task of a row; returns what the worker knows at the end."""

    async def work(context: Context, creator: Creator) -> Context:
        claim = rows.claim(key)
        await creator.create(claim)
        rows.ledger.release([claim])
        return context

    return working(rows, url, work)
