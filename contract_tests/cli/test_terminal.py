"""The command `apikley` in a pseudo-terminal: what moves, what is asked, and Ctrl-C at each stage."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apikley import Apikley
from apikley.cli.command_table import COMMANDS
from apikley.cli.exit_codes import Exit
from apikley.cli.output import Output
from contract_tests.cli.command_line import CTRL_C, IMAGE, CommandLine, Program, cli_fixture  # noqa: F401 - the fixture
from contract_tests.conftest import published_example

MAKE = ("run", "--prompt", "a ship", "--image", "cat.png", "-o", "clip.mp4")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("mock", "listen", "inbox")])
def test_every_command_works_in_a_terminal(cli: CommandLine, tmp_path: Path, name: str) -> None:
    (tmp_path / "body.json").write_text(json.dumps(published_example()), encoding="utf-8")
    make = ("--prompt", "a ship", "--image", IMAGE)
    arguments = {
        "run": make,
        "create": make,
        "upload": ("cat.png",),
        "check": ("body.json",),
        "credits": (),
        "models": (),
        "doctor": (),
    }.get(name) or ((cli.task(),) if name in ("wait", "task", "download") else ())
    ended = cli.in_terminal(name, *arguments)
    assert ended.code == 0, ended.out
    assert "apikley:" not in ended.out


def test_a_terminal_shows_a_live_line_and_a_bar(cli: CommandLine) -> None:
    ended = cli.in_terminal(*MAKE)
    assert ended.code == 0
    for words in ("\x1b[", "next look within", "waiting", "clip.mp4", "kB", "duration"):
        assert words in ended.out


def test_several_tasks_share_one_live_line(cli: CommandLine) -> None:
    ended = cli.in_terminal("wait", cli.task("[mock: take 30]", ended=False), cli.task("[mock: take 5]", ended=False))
    assert ended.code == 0
    assert "2 tasks: 1 generating, 1 success" in ended.out
    assert "2 tasks: 2 success" in ended.out


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_without_colours_a_terminal_shows_plain_lines(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "dumb")
    ended = cli.in_terminal(*MAKE)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "  success  " in ended.out


def test_a_pipe_shows_no_colours_and_no_bars(cli: CommandLine) -> None:
    ended = cli(*MAKE)
    assert "\x1b" not in ended.out + ended.err
    assert "\r" not in ended.out + ended.err
    assert "kB" not in ended.err


@pytest.mark.parametrize(("typed", "code", "replaced"), [(b"y\n", 0, True), (b"n\n", 2, False), (b"\n", 2, False)])
def test_a_file_that_exists_is_asked_about(
    cli: CommandLine, tmp_path: Path, typed: bytes, code: int, replaced: bool
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    ended = cli.in_terminal(*MAKE, typed=typed)
    assert ended.code == code
    assert "clip.mp4 exists; replace it? [y/N]" in ended.out
    assert ((tmp_path / "clip.mp4").read_bytes() != b"mine") is replaced
    assert bool(cli.mock.journal.requests("POST")) is replaced


def test_download_and_wait_ask_before_they_wait(cli: CommandLine, tmp_path: Path) -> None:
    task = cli.task()
    (tmp_path / f"{task}.mp4").write_bytes(b"mine")
    assert cli.in_terminal("download", task, typed=b"n\n").code == Exit.INVALID
    assert cli.in_terminal("wait", task, "-o", "{id}.mp4", typed=b"y\n").code == 0
    assert (tmp_path / f"{task}.mp4").read_bytes()[4:8] == b"ftyp"


def test_results_reach_a_pipe_while_stderr_is_a_terminal(cli: CommandLine, tmp_path: Path) -> None:
    task = cli.task()
    inner = f'"{sys.executable}" -m apikley.cli wait {task} --follow --output json > out'
    shown = Program("-c", inner, cwd=tmp_path, program=("sh",))
    assert shown.end() == 0, shown.shown
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert lines[0]["state"] == "success"
    assert lines[-1]["tasks"][0]["task_id"] == task


def test_a_script_is_not_asked(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    ended = cli.in_terminal(*MAKE, "--output", "json")
    assert (ended.code, "say --force" in ended.out) == (Exit.INVALID, True)


def test_an_error_in_a_terminal_is_one_line(cli: CommandLine) -> None:
    ended = cli.in_terminal("credits", "--base-url", "nowhere")
    assert ended.code == Exit.INVALID
    assert ended.out == ("\x1b[31mapikley:\x1b[0m the base URL 'nowhere' is not an http or https URL with a host\r\n")


def test_ctrl_c_while_waiting_keeps_the_task_and_prints_the_command_that_goes_on(
    cli: CommandLine, tmp_path: Path
) -> None:
    # The simulator's clock stands still, so the task never ends.
    program = Program(*MAKE, cwd=tmp_path)
    program.until(seen="next look within")
    program.type(CTRL_C)
    assert program.end() == Exit.UNFINISHED
    task = cli.mock.assert_created_once().task_id
    assert "interrupted; the task goes on" in program.shown
    assert program.shown.rstrip().endswith(f"go on with: apikley wait {task} -o clip.mp4")
    cli.mock.advance(60)
    assert cli("wait", str(task), "-o", "clip.mp4").code == 0


def test_ctrl_c_while_creating_says_that_a_task_may_exist(cli: CommandLine, tmp_path: Path) -> None:
    with _stuck() as (url, reached):
        program = Program("run", "--prompt", "a ship", "--image", IMAGE, "--base-url", url, cwd=tmp_path)
        program.until(seen="creating the task", fact=reached.is_set)
        program.type(CTRL_C)
        assert program.end() == Exit.UNKNOWN, program.shown
    assert "interrupted while the task was being created" in program.shown
    assert "a task may exist and be paid" in program.shown
    assert "Traceback" not in program.shown


def test_ctrl_c_just_after_the_answer_never_claims_that_there_is_no_task(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Apikley.create_raw

    def interrupted(api: Apikley, *arguments: Any, **options: Any) -> Any:
        create(api, *arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Apikley, "create_raw", interrupted)
    assert cli("create", "--prompt", "a ship", "--image", IMAGE).code == Exit.UNKNOWN


def test_ctrl_c_while_the_new_task_is_announced_names_it(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Output, "note", interrupted)
    ended = cli("create", "--prompt", "a ship", "--image", IMAGE)
    task = cli.mock.assert_created_once().task_id
    assert (ended.code, f"go on with: apikley wait {task}" in ended.err) == (Exit.UNFINISHED, True)


def test_ctrl_c_while_uploading_ends_with_nothing_made(cli: CommandLine, tmp_path: Path) -> None:
    with _stuck() as (url, reached):
        program = Program(*MAKE, "--base-url", url, cwd=tmp_path)
        program.until(seen="creating the task", fact=reached.is_set)
        program.type(CTRL_C)
        assert program.end() == Exit.INTERRUPTED
    assert "interrupted before the create was sent: no task was created" in program.shown
    assert cli.mock.journal.requests() == []


def test_ctrl_c_while_downloading_leaves_no_partial_file(cli: CommandLine, tmp_path: Path) -> None:
    with _dribbling() as url:
        program = Program("download", "task_1", "-o", "clip.mp4", "--base-url", url, cwd=tmp_path)
        program.until(seen="bytes", fact=lambda: any(tmp_path.glob(".apikley-*.part")))
        program.until(seen="/1.0 MB")
        program.type(CTRL_C)
        assert program.end() == Exit.UNFINISHED
    assert f"go on with: apikley download task_1 -o clip.mp4 --base-url {url}" in program.shown.replace("\r\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


def test_ctrl_c_at_the_question_leaves_everything_as_it_was(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    program = Program(*MAKE, cwd=tmp_path)
    program.until(seen="replace it? [y/N]")
    program.press_until(CTRL_C, seen="interrupted")
    assert program.end() == Exit.INTERRUPTED, program.shown
    assert (tmp_path / "clip.mp4").read_bytes() == b"mine"


def test_a_job_that_is_ended_by_sigterm_prints_how_to_go_on(cli: CommandLine, tmp_path: Path) -> None:
    task = cli.task(ended=False)
    command = [sys.executable, "-m", "apikley.cli", "wait", task, "--output", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert process.stdout
        assert "waiting" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == Exit.UNFINISHED
        assert json.load(process.stdout)["error"]["hints"] == [f"go on with: apikley wait {task}"]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _stuck:  # noqa: N801 - used like a function
    """A server that takes a connection and never answers."""

    def __enter__(self) -> tuple[str, threading.Event]:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._reached = threading.Event()
        self._held: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}", self._reached

    def _take(self) -> None:
        held, _ = self._socket.accept()
        self._held.append(held)
        held.recv(65536)
        self._reached.set()

    def __exit__(self, *_: object) -> None:
        for each in (self._socket, *self._held):
            each.close()


class _dribbling:  # noqa: N801 - used like a function
    """A service whose one task has a result that never quite comes."""

    def __enter__(self) -> str:
        self._over = over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                if self.path.endswith(".mp4"):
                    self.send_header("Content-Length", "1000000")
                    self.end_headers()
                    self.wfile.write(b"0123456789")
                    over.wait(20)
                else:
                    place = f"http://{self.headers['Host']}/a.mp4"
                    record = {"taskId": "task_1", "state": "success", "resultJson": json.dumps({"resultUrls": [place]})}
                    body = json.dumps({"code": 200, "msg": "success", "data": record}).encode()
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
