"""What the demo does: see `scripts.demo_run`."""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import apikley_contract
from apikley import Apikley, ApikleyError, CallbackError, Hailuo02ImageToVideoPro, TaskInfo, callbacks
from apikley_mock.web.app import Settings, Simulator
from apikley_mock.web.server import ThreadedServer

VIDEO = Path("build/demo/clip.mp4")


class Timeline:
    """Prints what happens, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, words: str) -> None:
        """Say that something has happened."""
        with self._lock:
            print(f"{time.monotonic() - self._start:6.2f} s  {words}", flush=True)


class Receiver:
    """A callback receiver on a free loopback port."""

    def __init__(self, key: str, say: Callable[[str], None]) -> None:
        self.verified = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    callback = callbacks.verify(dict(self.headers), body, key)
                except CallbackError as error:
                    say(f"callback refused: {error}")
                    self.send_error(401)
                    return
                say(f"callback received, signature verified: {callback.task_id} {callback.state}")
                self.send_response(200)
                self.end_headers()
                receiver.verified.set()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """The timeline says it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def published_example() -> Hailuo02ImageToVideoPro:
    """The input of the example request on the published page."""
    content = apikley_contract.operation("createTask").description["requestBody"]["content"]
    example = content["application/json"]["examples"]["hailuo/02-image-to-video-pro"]["value"]
    return Hailuo02ImageToVideoPro.from_dict(example["input"])


def show() -> None:
    """The demo."""
    say = Timeline()
    api_key, webhook_key = secrets.token_hex(8), secrets.token_hex(16)
    server = ThreadedServer(Simulator(Settings(api_key=api_key, webhook_key=webhook_key)))
    receiver = Receiver(webhook_key, say)
    server.start()
    try:
        say(f"simulator listening on {server.url}")
        with Apikley(api_key, base_url=server.url) as api:
            task = api.create(published_example(), callback_url=receiver.url)
            say(f"task created: {task.id}")

            def look(details: TaskInfo) -> None:
                say(f"looked: {details.state}")

            done = task.wait(timeout=60, on_progress=look)
            seconds = done.duration.total_seconds() if done.duration else 0
            say(f"task finished after {seconds:.1f} s: {done.result_urls[0]}")
            VIDEO.parent.mkdir(parents=True, exist_ok=True)
            done.download(VIDEO)
            say(f"video saved: {VIDEO}, {VIDEO.stat().st_size:,} bytes")
            if not receiver.verified.wait(10):
                raise ApikleyError("no callback arrived")
    finally:
        receiver.close()
        server.stop()
    say("simulator stopped")


def run(arguments: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    summary = "Makes a video from end to end against the simulator, and says when each step happened."
    argparse.ArgumentParser(prog="scripts/demo", description=summary).parse_args(arguments)
    try:
        show()
    except (ApikleyError, OSError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0
