"""Tries library, receiver, simulator and commands, all from the installed wheel.

    python -I contract_tests/project/check_commands.py

`-I` keeps the checkout off the import path.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import apikley
import apikley_mock

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-check"
MODEL = "hailuo/02-image-to-video-pro"
FILES = ("--image", "cat.png", "-o", "run.mp4")
EXAMPLE = """
from apikley import Apikley, Hailuo02ImageToVideoPro, LocalFile

with Apikley() as api:
    cat = Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url=LocalFile("cat.png"))
    api.create(cat).wait().download("clip.mp4")
"""
TEST = """
import threading

from apikley import Hailuo02ImageToVideoPro
from apikley.receiver import Receiver
from wsgiref.simple_server import make_server


def test_a_callback_is_handled(apikley_mock):
    with apikley_mock.client() as api:
        receiver = Receiver(apikley_mock.webhook_key, inbox=":memory:", client=api, workers=0)
        handled = []
        receiver.on_success(lambda event: handled.append(event.task_id))
        server = make_server("127.0.0.1", 0, receiver.wsgi)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cat = Hailuo02ImageToVideoPro(prompt="A cat surfs", image_url="https://example.com/cat.jpg")
        task = api.create(cat, callback_url=f"http://127.0.0.1:{server.server_port}/")
        apikley_mock.wait_for_callback(task.id)
        receiver.work()
        server.shutdown()
        assert handled == [task.id]
"""


def main() -> int:
    """Run the example, the commands and a test with the fixture; returns the exit code."""
    for package in (apikley, apikley_mock):
        home = Path(str(package.__file__)).resolve()
        if home.is_relative_to(ROOT) and "site-packages" not in home.parts:
            print(f"{home} is the checkout, not an installed wheel; run this in its own environment", file=sys.stderr)
            return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
        (folder / "test_receiver.py").write_text(TEST, encoding="utf-8")
        serve = [command("apikley-mock"), "serve", "--quiet", "--port", "0", "--api-key", KEY, "--speed", "100"]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout
                url = server.stdout.readline().strip().removeprefix("listening on ")
                environment = {**os.environ, "APIKLEY_API_KEY": KEY, "APIKLEY_BASE_URL": url, "APIKLEY_TASKS": "off"}
                for program in (
                    [sys.executable, "-I", "-c", EXAMPLE],
                    [command("apikley"), "run", "--model", MODEL, "--prompt", "A cat surfs", *FILES],
                    [command("apikley-mock"), "check", url],
                    [sys.executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_receiver.py"],
                ):
                    subprocess.run(program, cwd=folder, env=environment, check=True, timeout=600)
                sizes = [(folder / video).stat().st_size for video in ("clip.mp4", "run.mp4")]
            finally:
                server.terminate()
    print(f"apikley {home.parent}: the example and the command saved {sizes} bytes")
    return 0 if all(sizes) else 1


def command(name: str) -> str:
    """The path of a command of this environment."""
    return str(Path(sys.executable).with_name(name))


if __name__ == "__main__":
    sys.exit(main())
