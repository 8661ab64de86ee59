"""The command as a process: its streams, threads, signals, and bugs."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apikley import Apikley
from apikley.cli import main
from apikley.cli.commands import mock
from apikley.cli.exit_codes import Exit
from apikley.cli.output import Output, format_credits
from contract_tests.cli.command_line import COMMAND, IMAGE, LIMIT, RUN, CommandLine, interrupt, run_process
from scripts.pipeline.io import ROOT


def test_a_closed_pipe_is_not_an_error_message() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, "models", "--format", "json"]
    run = subprocess.run(
        command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=LIMIT
    )
    os.close(writing)
    assert (run.returncode, run.stderr) == (Exit.FAILED, "")


@pytest.fixture(name="finished_at_once")
def finished_at_once_fixture(cli: CommandLine) -> None:
    """Processes do not share the test's clock, so their task ends at once."""
    cli.mock.plan_next(durations=[0, 0, 0])


@pytest.mark.usefixtures("finished_at_once")
def test_the_video_is_made_with_stdout_closed(tmp_path: Path) -> None:
    run = run_process(*RUN, "-o", str(tmp_path / "clip.mp4"), redirection=">&-")
    assert (run.returncode, "Traceback" in run.stderr) == (0, False)
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.usefixtures("finished_at_once")
def test_the_result_is_printed_with_stderr_closed(tmp_path: Path) -> None:
    run = run_process(*RUN, "--format", "json", "-o", str(tmp_path / "clip.mp4"), redirection="2>&-")
    assert (run.returncode, json.loads(run.stdout)["state"]) == (0, "success")


def test_a_closed_stdin_has_no_request_body(cli: CommandLine) -> None:
    run = run_process("check", "-", redirection="<&-")
    assert (run.returncode, run.stderr) == (Exit.INVALID, "apikley: the request is invalid: 1 violation\n")
    assert run.stdout.startswith("request: stdin is not JSON: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [("models",), ("models", "--format", "json"), ("--help",)], ids=" ".join)
def test_a_full_disk_behind_stdout_is_reported_once(arguments: tuple[str, ...], unbuffered: str) -> None:
    run = run_process(*arguments, redirection=">/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (run.returncode, run.stderr) == (Exit.FAILED, "apikley: the disk is full\n")


def test_ctrl_c_during_the_start_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    run = run_process("credits", PYTHONPATH=str(tmp_path))
    assert (run.returncode, run.stdout, run.stderr) == (Exit.INTERRUPTED, "", "")


def test_a_second_ctrl_c_does_not_hide_the_first(cli: CommandLine) -> None:
    close = Apikley.close

    def second(api: Apikley) -> None:
        close(api)
        raise KeyboardInterrupt

    task = cli.task(ended=False)
    cli.during_sleep = interrupt
    cli.patch.setattr(Apikley, "close", second)
    ended = cli("wait", task)
    assert ended.code == Exit.UNFINISHED
    assert ended.err.endswith(f"apikley: interrupted; the task is kept\n  resume with: apikley wait {task}\n")


def test_ctrl_c_after_the_response_never_claims_that_there_is_no_task(cli: CommandLine) -> None:
    create = Apikley.create_raw

    def interrupted(api: Apikley, *arguments: Any, **options: Any) -> Any:
        create(api, *arguments, **options)
        raise KeyboardInterrupt

    cli.patch.setattr(Apikley, "create_raw", interrupted)
    assert cli("create", "--prompt", "a ship", "--image", IMAGE).code == Exit.OUTCOME_UNKNOWN


@pytest.mark.parametrize("command", ["create", "run"])
def test_ctrl_c_before_the_task_is_announced_names_it(cli: CommandLine, command: str) -> None:
    cli.patch.setattr(Output, "note", interrupt)
    place = ("-o", "clip.mp4") if command == "run" else ()
    ended = cli(command, "--prompt", "a ship", "--image", IMAGE, *place)
    task = cli.mock.assert_created_once().task_id
    assert ended.code == Exit.UNFINISHED
    assert ended.err.endswith(f"resume with: {' '.join(('apikley wait', str(task), *place))}\n")


@pytest.mark.parametrize(("arguments", "code"), [(("credits",), 0), (("credits", "--base-url", "nowhere"), 2)])
def test_the_command_can_be_called_from_any_thread(cli: CommandLine, arguments: tuple[str, ...], code: int) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main([*arguments])))
    thread.start()
    thread.join(LIMIT)
    assert codes == [code]


def test_a_bug_shows_its_traceback(cli: CommandLine) -> None:
    def fail(_: Apikley) -> None:
        raise ZeroDivisionError

    cli.patch.setattr(Apikley, "get_credits", fail)
    with pytest.raises(ZeroDivisionError):
        cli("credits")


def test_mock_runs_the_simulator() -> None:
    run = run_process("mock", "serve", "--port", "x")
    assert (run.returncode, "'x' is not a port" in run.stderr) == (2, True)
    assert "apikley-mock serve" in run_process("mock", "serve", "--help").stdout


def test_mock_returns_the_simulators_exit_code_without_exec(cli: CommandLine) -> None:
    cli.patch.setattr(mock, "os", SimpleNamespace(name="nt"))
    ended = cli("mock", "serve", "--port", "x")
    assert (ended.code, "'x' is not a port" in ended.err) == (2, True)


def test_nan_and_infinity_are_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(json=True)
    output.result({"credits": float("nan"), "all": [float("inf"), 1.5]}, [])
    output.finish()
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"credits": None, "all": [None, 1.5]}


@pytest.mark.parametrize(
    ("number", "text"), [(3, "3"), (3.0, "3"), (12.5, "12.5"), (1234567.25, "1234567.25"), (10**400, "1" + "0" * 400)]
)
def test_credits_are_printed_with_every_digit(number: float, text: str) -> None:
    assert format_credits(number) == text
