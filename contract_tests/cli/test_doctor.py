"""`apikley doctor`."""

from __future__ import annotations

import pytest

from apikley.cli.commands.doctor import check_clock
from apikley.cli.exit_codes import Exit
from contract_tests.cli.command_line import CLOSED, CommandLine


def statuses(cli: CommandLine) -> dict[str, str]:
    return {check["name"]: check["status"] for check in cli("doctor", "--output", "json").document["checks"]}


def test_doctor_passes_with_valid_settings(cli: CommandLine) -> None:
    ended = cli("doctor", "--output", "json")
    assert ended.code == 0, ended.out
    checks = {check["name"]: check for check in ended.document["checks"]}
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert checks["base url"]["message"] == f"{cli.mock.url}, from environment variable APIKLEY_BASE_URL"
    assert checks["key"]["message"] == "well-formed, from environment variable APIKLEY_API_KEY"
    assert {"package", "contract", "connection", "clock", "account", "settings file"} <= set(checks)
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
    ended = cli("doctor", "--output", "json")
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
