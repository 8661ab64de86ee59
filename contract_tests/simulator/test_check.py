"""`apikley-mock check` tells a server that keeps the contract from one that does not."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, get_args

import httpx2
import pytest
from pytest_httpserver import HTTPServer

import apikley_contract
from apikley_mock.check import PROBES
from apikley_mock.cli import main
from apikley_mock.control.vocabulary import ErrorStyle, Settings
from apikley_mock.plugin import MockService
from apikley_mock.service import Service
from apikley_mock.web.app import Simulator
from apikley_mock.web.server import ThreadedServer
from apikley_mock.world.clock import VirtualClock
from apikley_mock.world.plan import Shapes
from contract_tests.conftest import KEY
from contract_tests.simulator.simulators import create

Check = Callable[..., tuple[int, str, str]]
CREDITS = apikley_contract.operation("getCredits").path
DETAILS = apikley_contract.operation("getTaskDetails").path


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run the command; returns exit code, stdout and stderr."""

    def run(url: str, *options: str) -> tuple[int, str, str]:
        code = main(["check", url, "--api-key", KEY, *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(params=product(get_args(ErrorStyle), get_args(Shapes)), ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[ThreadedServer]:
    style, shapes = request.param
    settings = Settings(api_key=KEY, error_style=style, shapes=shapes)
    started = ThreadedServer(Simulator(Service(settings, VirtualClock())))
    started.start()
    yield started
    started.stop()


def test_the_simulator_keeps_the_contract_in_both_error_styles_and_shapes(check: Check, server: ThreadedServer) -> None:
    code, out, err = check(server.url)
    assert (code, err) == (0, "")
    assert [line.partition("  ")[0] for line in out.splitlines()[: len(PROBES)]] == ["ok"] * len(PROBES)
    style = server.simulator.service.settings.error_style
    assert {"envelope": "HTTP 200, the code in the body", "http": "the code as HTTP status"}[style] in out
    code = {"recorded": 422, "documented": 404}[server.simulator.service.shapes]
    assert f"| shapes | {server.simulator.service.shapes}: an unknown task gets code {code} |" in out
    assert "| unknown task | HTTP" in out
    assert KEY not in out
    assert not server.simulator.service.engine.tasks, "nothing is created"


def test_the_record_of_an_existing_task_is_checked(
    check: Check, http: httpx2.Client, apikley_mock: MockService
) -> None:
    task_id = create(http)
    code = main(["check", apikley_mock.url, "--api-key", apikley_mock.api_key, "--task", task_id])
    assert code == 0
    assert len(apikley_mock.journal.requests("GET", DETAILS)) == 2


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"code": 200, "msg": "success", "data": "ten"}, 200, "data: "),
        ({"code": 404, "msg": "no", "data": None}, 200, "code 404, expected 200"),
        ({"code": 200, "msg": "success", "data": 10}, 500, "HTTP 500 with code 200, expected HTTP 200 or 200"),
        ("<html>", 200, "a body that is not a JSON object"),
    ],
    ids=["schema", "code", "status", "not JSON"],
)
def test_a_difference_fails_its_probe(
    check: Check, httpserver: HTTPServer, body: Any, status: int, message: str
) -> None:
    httpserver.expect_request(CREDITS, headers={"Authorization": f"Bearer {KEY}"}).respond_with_json(body, status)
    code, out, _ = check(httpserver.url_for("/"))
    (line,) = [line for line in out.splitlines() if line.startswith("FAILED  credits: ")]
    assert (code, message in line) == (1, True)


def test_a_key_that_a_server_repeats_is_redacted(check: Check, httpserver: HTTPServer) -> None:
    envelope = {"code": 200, "msg": "success", "data": f"your key is {KEY}"}
    httpserver.expect_request(CREDITS).respond_with_json(envelope)
    code, out, err = check(httpserver.url_for("/"))
    assert (code, KEY in out + err) == (1, False)


def test_no_part_of_a_repeated_key_is_left_where_a_text_is_cut(check: Check, httpserver: HTTPServer) -> None:
    for before in range(80, 140, 4):
        envelope = {"code": 404, "msg": "x" * before + KEY, "data": None}
        httpserver.clear_all_handlers()
        httpserver.expect_request(DETAILS).respond_with_json(envelope)
        assert KEY[:4] not in "".join(map(str, check(httpserver.url_for("/"))))


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"\xff", b'{"code": 200, "msg": 1e999, "data": 1}'],
    ids=["deep", "binary", "infinity"],
)
def test_a_body_that_cannot_be_read_fails_its_probe(check: Check, httpserver: HTTPServer, content: bytes) -> None:
    httpserver.expect_request(CREDITS).respond_with_data(content)
    code, out, _ = check(httpserver.url_for("/"))
    assert (code, "FAILED  credits: GET " in out) == (1, True)


def test_a_servers_text_cannot_control_the_terminal(check: Check, httpserver: HTTPServer) -> None:
    text = "\x1b[2J\r\u202e\n" + "x" * 100_000
    httpserver.expect_request(CREDITS).respond_with_json({"code": 200, "msg": text, "data": text})
    httpserver.expect_request(DETAILS).respond_with_json({"code": 404, "msg": text, "data": None})
    _, out, _ = check(httpserver.url_for("/"))
    assert [line for line in out.split("\n") if not (line.isprintable() and len(line) < 500)] == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("service.test", "'service.test' is not an http or https URL"),
        ("http://user:secret@service.test", "the URL must not contain a user, a password or a query"),
        ("http://service.test/?key=secret", "the URL must not contain a user, a password or a query"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9 does not respond: "),
    ],
)
def test_a_check_that_cannot_run_exits_with_2(check: Check, url: str, message: str) -> None:
    code, out, err = check(url)
    assert (code, out) == (2, "")
    assert err.startswith(f"apikley-mock: {message}")
    assert "secret" not in err
    assert err.count("\n") == 1


def test_a_refused_key_exits_with_2(check: Check, apikley_mock: MockService) -> None:
    code, _, err = check(apikley_mock.url)
    assert (code, err) == (2, f"apikley-mock: {apikley_mock.url} refuses the key (401); pass one with --api-key\n")


@pytest.mark.parametrize(
    ("key", "message"), [("", "there is no key"), ("clé", "characters that a header cannot carry")]
)
def test_a_missing_or_malformed_key_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str, message: str
) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", key)
    assert main(["check", "http://127.0.0.1:9"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(50_000_000))), "responds in the encoding 'gzip, gzip'"),
        ("identity", bytes(16 * 1024 * 1024 + 1), "responds with more than 16,777,216 bytes"),
    ],
    ids=["compressed", "large"],
)
def test_a_response_that_is_too_large_ends_the_check(
    check: Check, httpserver: HTTPServer, encoding: str, body: bytes, reason: str
) -> None:
    httpserver.expect_request(re.compile("")).respond_with_data(body, headers={"Content-Encoding": encoding})
    code, _, err = check(httpserver.url_for(""))
    assert (code, reason in err) == (2, True)
    assert "Traceback" not in err


def test_unusable_network_settings_end_the_check(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
    code, _, err = check("http://service.test")
    assert code == 2
    assert "settings of the environment cannot be used" in err
    assert "ALL_PROXY" in err
