"""The command `apikley` among other programs: cut off, handed over, called from a thread, and mistaken itself."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest
import typer

from apikley import Apikley
from apikley.cli import main
from apikley.cli.commands import mock as _mock
from apikley.cli.exit_codes import Exit
from contract_tests.cli.command_line import COMMAND, IMAGE, CommandLine, cli_fixture, piped  # noqa: F401 - the fixture
from contract_tests.conftest import free_port
from scripts.pipeline.io import ROOT

MAKE = ("run", "--prompt", "a ship", "--image", IMAGE)


def test_a_reader_that_has_stopped_reading_is_not_complained_about() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, "models", "--output", "json"]
    run = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (Exit.FAILED, "")


def test_mock_hands_over_to_the_simulator() -> None:
    run = piped("mock", "serve", "--port", "x")
    assert (run.returncode, "'x' is not a port" in run.stderr) == (2, True)
    assert "apikley-mock serve" in piped("mock", "serve", "--help").stdout


def test_where_no_process_can_become_another_the_simulators_exit_code_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_mock, "os", SimpleNamespace(name="nt"))
    with pytest.raises(typer.Exit) as ended:
        _mock.become(["serve", "--port", "x"])
    assert ended.value.exit_code == 2
    assert "'x' is not a port" in capfd.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [(("credits",), 0), (("credits", "--base-url", "nowhere"), 2)])
def test_the_command_can_be_called_from_any_thread(cli: CommandLine, arguments: tuple[str, ...], code: int) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main([*arguments])))
    thread.start()
    thread.join(20)
    assert codes == [code]


def test_a_mistake_of_the_program_itself_is_shown_whole(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(_: Apikley) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Apikley, "get_credits", mistaken)
    with pytest.raises(ZeroDivisionError):
        cli("credits")


def test_a_second_ctrl_c_changes_nothing_of_what_the_first_one_means(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Apikley.close

    def first() -> None:
        raise KeyboardInterrupt

    def second(api: Apikley) -> None:
        close(api)
        raise KeyboardInterrupt

    task = cli.task(ended=False)
    cli.during_sleep = first
    monkeypatch.setattr(Apikley, "close", second)
    ended = cli("wait", task)
    assert ended.code == Exit.UNFINISHED
    assert ended.err.endswith(f"apikley: interrupted; the task goes on\n  go on with: apikley wait {task}\n")


def test_a_folder_that_takes_no_file_is_said_before_anything_is_paid(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    ended = cli(*MAKE)
    assert (ended.code, ended.err) == (Exit.FAILED, "apikley: .: Permission denied\n")
    assert cli.mock.journal.requests() == []


def test_listen_fails_where_a_callback_could_not_be_delivered(cli: CommandLine) -> None:
    task = cli.task()
    hook = ("--forward-to", f"http://127.0.0.1:{free_port()}/hook", "--webhook-key", "k")
    ended = cli("listen", *hook, task)
    assert ended.code == Exit.FAILED
    assert ended.out.splitlines()[-1].endswith("; given up")


def test_doctor_works_in_a_copy_that_was_never_installed(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("apikley.cli.commands.doctor.version", missing)
    ended = cli("doctor")
    assert ended.code == 0
    assert f"apikley (not installed), Python {sys.version.split()[0]}" in ended.out
