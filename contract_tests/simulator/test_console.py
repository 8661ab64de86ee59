"""What the server prints: its address, one line for each request and callback, and loudly what is not sent."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from apikley_mock.console import console, text_line
from apikley_mock.journal.entry import Entry
from contract_tests.simulator.simulators import CREATE, CREDITS, Received, create, request_for
from contract_tests.simulator.test_settings import SERVE

CLOCK = r"\d\d:\d\d:\d\d"


class Lines:
    """A server in its own process, and what it has printed."""

    def __init__(self, http: httpx2.Client, process: subprocess.Popen[str], start: list[str]) -> None:
        self.http, self.start, self._process = http, start, process

    def end(self) -> list[str]:
        """Stop the server; returns the lines for requests and callbacks."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.communicate(timeout=600)[1].splitlines()


@contextmanager
def serving(*options: str) -> Iterator[Lines]:
    command = [*SERVE, "--api-key", "KEY", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            start = [process.stdout.readline().strip() for _ in range(3)]
            url = start[0].removeprefix("listening on ")
            with httpx2.Client(base_url=url, headers={"Authorization": "Bearer KEY"}, timeout=600) as http:
                yield Lines(http, process, start)
        finally:
            process.kill()


def test_the_start_says_where_the_page_is_and_how_to_point_a_client() -> None:
    with serving() as lines:
        url = str(lines.http.base_url).rstrip("/")
        assert lines.start == [
            f"listening on {url}",
            f"open in a browser:    {url}/__mock__/",
            f"point a client at it: APIKLEY_BASE_URL={url} APIKLEY_API_KEY=KEY",
        ]


def test_each_request_and_callback_is_one_line(receiver: Received) -> None:
    with serving("--speed", "1000") as lines:
        lines.http.get(CREDITS)
        task_id = create(lines.http, callBackUrl=receiver.url)
        lines.http.post(CREATE, json=request_for("x" * 1600))
        while not lines.http.get("/__mock__/journal", params={"kind": "callback"}).json():
            pass
        printed = lines.end()
    requests, callbacks = ([line for line in printed if ("callback to" in line) is each] for each in (False, True))
    assert re.fullmatch(rf"{CLOCK}  GET {CREDITS}  200  \d+ ms", requests[0])
    assert re.fullmatch(rf"{CLOCK}  POST {CREATE}  200  {task_id}  \d+ ms", requests[1])
    assert requests[2].endswith("input.prompt: 1,600 characters, at most 1,500")
    assert re.fullmatch(rf"{CLOCK}  callback to {re.escape(receiver.url)}  200  {task_id}  \d+ ms", callbacks[0])


def test_a_callback_that_is_not_sent_is_loud_and_names_the_option() -> None:
    with serving("--speed", "1000") as lines:
        task_id = create(lines.http, callBackUrl="https://hooks.example.com/a")
        while not lines.http.get("/__mock__/journal", params={"kind": "callback"}).json():
            pass
        (line,) = [line for line in lines.end() if "CALLBACK" in line]
    remedy = "start the simulator with --allow-callback-host hooks.example.com"
    assert (
        f"CALLBACK NOT SENT to https://hooks.example.com/a  {task_id}  not sent: hooks.example.com is neither" in line
    )
    assert line.endswith(remedy)


def test_quiet_prints_no_line() -> None:
    with serving("--quiet") as lines:
        lines.http.get(CREDITS)
        assert lines.end() == []


def test_lines_can_be_json() -> None:
    with serving("--log-format", "json") as lines:
        task_id = create(lines.http)
        (line,) = map(json.loads, lines.end())
    assert (line["kind"], line["method"], line["target"], line["task_id"]) == ("request", "POST", CREATE, task_id)
    assert (line["status"], line["code"], line["number"]) == (200, 200, 1)
    assert line["took"] >= 0


def test_no_key_is_printed() -> None:
    with serving("--api-key", "sk-secret-key-of-the-test") as lines:
        lines.http.get("/sk-secret-key-of-the-test", headers={"Authorization": "Bearer sk-another-secret-key"})
        printed = "\n".join(lines.end())
    assert "secret-key" not in printed
    assert "/***" in printed


def _entry(**members: Any) -> Entry:
    return Entry(0.0, "request", "GET", "/a", 200)._replace(**members)


def test_a_terminal_gets_colors_and_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32m200\x1b[0m" in text_line(_entry(code=200), colored=True)
    assert "\x1b[33m422\x1b[0m" in text_line(_entry(code=422), colored=True)
    assert "\x1b[31m---\x1b[0m" in text_line(_entry(status=None), colored=True)
    assert "\x1b" not in text_line(_entry(code=200, note="\x1b]0;owned\x07", target="/\x1b[2J"), colored=False)


def test_an_output_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stderr", closed)
    write: Callable[[Entry], None] = console("json")
    write(_entry())
    write(_entry())


@pytest.mark.parametrize("path", ["/", "/__mock__"])
def test_a_browser_is_led_to_the_page(http: httpx2.Client, path: str) -> None:
    response = http.get(path, headers={"Accept": "text/html,*/*"}, follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "/__mock__/")


def test_a_client_without_a_path_is_told_that_there_is_no_endpoint(http: httpx2.Client) -> None:
    assert http.get("/").json()["code"] == 404
