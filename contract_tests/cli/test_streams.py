"""What the command `apikley` writes, also where its streams are closed or full, or it ends before it has begun."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from apikley.cli.exit_codes import Exit
from apikley.cli.output import Format, Output, amount
from contract_tests.cli.command_line import COMMAND, CommandLine, cli_fixture, piped  # noqa: F401 - the fixture
from scripts.pipeline.io import ROOT

MAKE = "run --prompt a --image https://files.example.com/a.png"


def shell(arguments: str, redirected: str, **environment: str) -> subprocess.CompletedProcess[str]:
    line = f'"$@" {arguments} {redirected}'
    command, environ = ["sh", "-c", line, "sh", *COMMAND], {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=50)


def test_with_stdout_closed_the_video_is_made_all_the_same(cli: CommandLine, tmp_path: Path) -> None:
    cli.mock.plan_next(durations=[0, 0, 0])
    run = shell(f"{MAKE} -o {tmp_path / 'clip.mp4'}", ">&-")
    assert (run.returncode, "Traceback" in run.stderr) == (0, False)
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"


def test_with_stderr_closed_the_result_is_printed(cli: CommandLine, tmp_path: Path) -> None:
    cli.mock.plan_next(durations=[0, 0, 0])
    run = shell(f"{MAKE} --output json -o {tmp_path / 'clip.mp4'}", "2>&-")
    assert (run.returncode, json.loads(run.stdout)["state"]) == (0, "success")


def test_with_stdin_closed_there_is_no_request_body(cli: CommandLine) -> None:
    run = shell("check -", "<&-")
    assert (run.returncode, run.stderr) == (Exit.INVALID, "apikley: the request is invalid: 1 finding\n")
    assert run.stdout.startswith("request: stdin is not JSON: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", ["models", "models --output json", "--help"])
def test_with_stdout_full_that_is_said_once(arguments: str, unbuffered: str) -> None:
    run = shell(arguments, ">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (run.returncode, run.stderr) == (Exit.FAILED, "apikley: the disc is full\n")


def test_ctrl_c_before_anything_has_begun_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    run = piped("credits", PYTHONPATH=str(tmp_path))
    assert (run.returncode, run.stdout, run.stderr) == (Exit.INTERRUPTED, "", "")


def test_numbers_that_json_does_not_have_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Format.JSON).result({"credits": float("nan"), "all": [float("inf"), 1.5]}, ())
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"credits": None, "all": [None, 1.5]}


@pytest.mark.parametrize(
    ("number", "words"),
    [(3, "3"), (3.0, "3"), (12.5, "12.5"), (1234567.25, "1234567.25"), (10**400, "1" + "0" * 400)],
)
def test_credits_are_printed_with_every_digit(number: float, words: str) -> None:
    assert amount(number) == words
