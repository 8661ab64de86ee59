"""`apikley doctor`."""

from __future__ import annotations

import gzip
import re
import tracemalloc

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from apikley._http.clients import NETWORK_VARIABLES
from apikley.cli.commands.doctor import check_clock
from apikley.cli.exit_codes import Exit
from apikley_mock.cli import main as mock_check
from contract_tests.cli.command_line import CLOSED, CommandLine


def statuses(cli: CommandLine) -> dict[str, str]:
    return {check["name"]: check["status"] for check in cli("doctor", "--format", "json").document["checks"]}


def test_doctor_passes_with_valid_settings(cli: CommandLine) -> None:
    ended = cli("doctor", "--format", "json")
    assert ended.code == 0, ended.out
    checks = {check["name"]: check for check in ended.document["checks"]}
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert checks["base url"]["message"] == f"{cli.mock.url}, from environment variable APIKLEY_BASE_URL"
    assert checks["key"]["message"] == "well-formed, from environment variable APIKLEY_API_KEY"
    assert {"package", "contract", "connection", "network", "clock", "account", "settings file"} <= set(checks)
    assert cli.mock.api_key not in ended.out + ended.err


@pytest.mark.parametrize(
    ("variable", "value", "check", "code"),
    [
        ("APIKLEY_API_KEY", "", "key", Exit.INVALID),
        ("APIKLEY_API_KEY", "two words", "key", Exit.INVALID),
        ("APIKLEY_BASE_URL", "nowhere", "connection", Exit.INVALID),
        ("APIKLEY_API_KEY", "wrong", "account", Exit.REFUSED),
        ("APIKLEY_BASE_URL", CLOSED, "connection", Exit.NETWORK),
        ("APIKLEY_PROFILE", "none", "settings", Exit.INVALID),
        ("APIKLEY_MODEL", "no/such", "model", Exit.INVALID),
    ],
)
def test_doctor_names_the_failed_check(cli: CommandLine, variable: str, value: str, check: str, code: Exit) -> None:
    cli.patch.setenv(variable, value)
    ended = cli("doctor", "--format", "json")
    assert (ended.code, ended.document["error"]["exit_code"]) == (code, code)
    assert [each["name"] for each in ended.document["checks"] if each["status"] == "failed"] == [check]
    assert ended.err == f"apikley: failed checks: {check}\n"


def test_doctor_checks_the_connection_without_a_key(cli: CommandLine) -> None:
    cli.patch.delenv("APIKLEY_API_KEY")
    found = statuses(cli)
    assert (found["key"], found["connection"], found["clock"]) == ("failed", "ok", "ok")
    cli.patch.setenv("APIKLEY_BASE_URL", CLOSED)
    found = statuses(cli)
    assert (found["key"], found["connection"], "account" in found) == ("failed", "failed", False)


def test_doctor_warns_about_a_wrong_clock() -> None:
    check = check_clock("Tue, 01 Jan 2030 00:00:00 GMT", 0.1)
    assert (check.status, "callbacks are refused" in check.message) == ("warning", True)
    assert "not compared" in check_clock(None, 0.1).message


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Removes the network settings of the machine that runs the tests."""
    for name in NETWORK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


UNUSABLE = [
    ("ALL_PROXY", "socks5://127.0.0.1:1080"),
    ("ALL_PROXY", "socks://127.0.0.1:1080"),
    ("SSL_CERT_FILE", "/nonexistent.pem"),
]
# httpx2 accepts these, or fails; either way there is no traceback.
ODD = [("NO_PROXY", "localhost,[::1]"), ("NO_PROXY", "10.0.0.0/8,fe80::/10")]


@pytest.mark.parametrize(("name", "value"), UNUSABLE)
def test_unusable_network_settings_are_named_and_end_a_command(
    cli: CommandLine, network: pytest.MonkeyPatch, name: str, value: str
) -> None:
    network.setenv(name, value)
    network.setenv("APIKLEY_BASE_URL", "https://service.test")
    ended = cli("doctor", "--format", "json")
    failed = [check for check in ended.document["checks"] if check["status"] == "failed"]
    assert [check["name"] for check in failed] == ["network"]
    assert f"correct or unset the variables (set now: {name})" in failed[0]["message"]
    ended = cli("credits")
    assert (ended.code, f"(set now: {name})" in ended.err) == (Exit.INVALID, True)


@pytest.mark.parametrize(("name", "value"), [*UNUSABLE, *ODD, ("ALL_PROXY", CLOSED)])
def test_a_simulator_is_reached_directly_whatever_the_environment_says(
    cli: CommandLine, network: pytest.MonkeyPatch, name: str, value: str
) -> None:
    network.setenv(name, value)
    assert cli("credits").code == 0
    ended = cli("doctor", "--format", "json")
    assert ended.code == 0
    (check,) = (check for check in ended.document["checks"] if check["name"] == "network")
    assert check["status"] in ("ok", "warning")
    with cli.mock.client() as api:
        assert api.get_credits() > 0
    assert mock_check(["check", cli.mock.url, "--api-key", cli.mock.api_key]) == 0


def test_doctor_shows_the_proxy_without_its_password(cli: CommandLine, network: pytest.MonkeyPatch) -> None:
    network.setenv("HTTPS_PROXY", "http://user:p@ss/word@proxy.test:3128")
    network.setenv("APIKLEY_BASE_URL", CLOSED)
    ended = cli("doctor")
    assert "HTTPS_PROXY=http://***@proxy.test:3128" in ended.out
    assert "ss/word" not in ended.out + ended.err


def test_doctor_reads_no_body(cli: CommandLine, httpserver: HTTPServer) -> None:
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
    headers = {"Content-Encoding": "gzip, gzip"}
    httpserver.expect_request(re.compile("")).respond_with_handler(lambda _: Response(bomb, headers=headers))
    cli.patch.setenv("APIKLEY_BASE_URL", httpserver.url_for(""))
    tracemalloc.start()
    assert statuses(cli)["connection"] == "ok"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
