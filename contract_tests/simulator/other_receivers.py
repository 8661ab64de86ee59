"""Receivers as other people write them: Flask, Node's http module, and one with strictly typed numbers.

Each one shows what it understood: a task id, and the credits if the callback names any.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import msgspec
from werkzeug.serving import make_server

from scripts.pipeline import node

# As the guide about signatures shows a receiver: it reads `data.task_id` and nothing else.
_NODE = """
const http = require("http");
const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { data } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const taskId = data.task_id;
    if (!taskId) { response.writeHead(400); response.end("Missing task_id"); return; }
    console.log(JSON.stringify({ taskId }));
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ status: "received" }));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


class Understood(list[dict[str, Any]]):
    """What a receiver has read.

    Attributes:
        url: Where it listens.
    """

    url = ""


class _Data(msgspec.Struct, rename="camel"):
    task_id: str
    complete_time: int | None = None
    create_time: int | None = None
    update_time: int | None = None
    cost_time: int | None = None
    consume_credits: int | None = None
    credits_consumed: int | None = None
    remained_credits: int | None = None


class _Callback(msgspec.Struct):
    code: int
    msg: str
    data: _Data


def _strict(body: bytes) -> dict[str, Any]:
    # msgspec does not accept 100.0 for an integer in strict mode, as typed languages do not.
    data = msgspec.json.decode(body, type=_Callback, strict=True).data
    return {"taskId": data.task_id, "costTime": data.cost_time}


def _lenient(body: bytes) -> dict[str, Any]:
    return {"taskId": json.loads(body)["data"]["taskId"]}


@contextmanager
def _flask(read: Any) -> Iterator[Understood]:
    understood = Understood()
    app = flask.Flask("receiver")

    @app.post("/callback")
    def callback() -> tuple[str, int]:
        body = flask.request.get_data()
        understood.append(read(body))
        return "", 200

    server = make_server("127.0.0.1", 0, app)
    understood.url = f"http://127.0.0.1:{server.server_port}/callback"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield understood
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def reads_task_id_in_camel_case() -> Iterator[Understood]:
    """Flask, reading `data.taskId`."""
    with _flask(_lenient) as understood:
        yield understood


@contextmanager
def reads_strict_integers() -> Iterator[Understood]:
    """Flask, reading typed fields: `100.0` is no integer."""
    with _flask(_strict) as understood:
        yield understood


@contextmanager
def reads_task_id_in_snake_case() -> Iterator[Understood]:
    """Node, reading `data.task_id`."""
    understood = Understood()
    executable = node.folder() / "bin" / "node"
    process = subprocess.Popen([executable, "-e", _NODE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    understood.url = f"http://127.0.0.1:{int(process.stdout.readline())}/callback"
    stdout = process.stdout
    reader = threading.Thread(target=lambda: understood.extend(json.loads(line) for line in stdout))
    reader.start()
    try:
        yield understood
    finally:
        process.terminate()
        process.wait()
        reader.join()
        stdout.close()
