"""Makes a video from end to end against the simulator: create, callback, wait, download."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VIDEO = Path("build/demo/clip.mp4")
EXAMPLE = "hailuo/02-image-to-video-pro"
START = time.monotonic()
NEXT = """
What to do next:
  look at the video           {video}
  watch a run on the page     scripts/demo --keep
  use the library             README.md
  test your own program       mock/README.md
  copy an example             docs/examples/README.md
"""


def log(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"{time.monotonic() - START:6.2f} s  {text}", flush=True)


def callback_server(webhook_key: str, verified: threading.Event) -> ThreadingHTTPServer:
    """Start a callback receiver on a free loopback port.

    Args:
        webhook_key: Verifies the callbacks.
        verified: Set when a callback with a valid signature arrives.
    """
    from apikley import CallbackError, callbacks  # noqa: PLC0415 - see main()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                callback = callbacks.verify(dict(self.headers), body, webhook_key)
            except CallbackError as error:
                log(f"callback refused: {error}")
                self.send_error(401)
                return
            log(f"callback received, signature verified: {callback.task_id} {callback.state}")
            self.send_response(200)
            self.end_headers()
            verified.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Print nothing: the demo logs its own lines."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def make_video(*, keep: bool) -> None:
    """Create the example task of the published page, wait for it and download its video.

    Args:
        keep: Whether the simulator runs on until Ctrl-C.
    """
    import apikley_contract  # noqa: PLC0415 - see main()
    from apikley import Apikley  # noqa: PLC0415
    from apikley_mock.web.admin_document import PREFIX  # noqa: PLC0415
    from apikley_mock.web.app import Settings, Simulator  # noqa: PLC0415
    from apikley_mock.web.server import ThreadedServer  # noqa: PLC0415

    content = apikley_contract.operation("createTask").description["requestBody"]["content"]
    request = content["application/json"]["examples"][EXAMPLE]["value"]
    api_key, webhook_key, verified = secrets.token_hex(8), secrets.token_hex(16), threading.Event()
    receiver = callback_server(webhook_key, verified)
    simulator = ThreadedServer(Simulator(Settings(api_key=api_key, webhook_key=webhook_key)))
    simulator.start()
    try:
        log(f"simulator listening on {simulator.url}")
        log(f"its page, while it runs: {simulator.url}{PREFIX}/")
        with Apikley(api_key, base_url=simulator.url) as api:
            task = api.create_raw(request, callback_url=f"http://127.0.0.1:{receiver.server_port}/callback")
            log(f"task created: {task.id}")
            task.wait(timeout=60, on_progress=lambda task: log(f"polled: {task.state}"))
            seconds = task.duration.total_seconds() if task.duration else 0
            log(f"task finished after {seconds:.1f} s: {task.result_urls[0]}")
            VIDEO.parent.mkdir(parents=True, exist_ok=True)
            task.download(VIDEO)
            log(f"video saved: {VIDEO}, {VIDEO.stat().st_size:,} bytes")
            if not verified.wait(60):
                sys.exit("demo: no callback arrived")
        if keep:
            log(f"the simulator runs until Ctrl-C; its page: {simulator.url}{PREFIX}/")
            print(f"\nAPIKLEY_BASE_URL={simulator.url} APIKLEY_API_KEY={api_key}", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    finally:
        receiver.shutdown()
        receiver.server_close()
        simulator.stop()
    log("simulator stopped")
    print(NEXT.format(video=VIDEO), end="", flush=True)


def main() -> None:
    """Run the demo. Imports happen in here, so that Ctrl-C while they load ends it in one line, too."""
    summary = "Makes a video from end to end against the simulator, and prints when each step happened."
    parser = argparse.ArgumentParser(prog="scripts/demo", description=summary)
    parser.add_argument("--keep", action="store_true", help="keep the simulator running until Ctrl-C")
    options = parser.parse_args()
    try:
        from apikley import ApikleyError  # noqa: PLC0415

        try:
            make_video(keep=options.keep)
        except (ApikleyError, OSError, RuntimeError) as error:
            sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
