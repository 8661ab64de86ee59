"""The command in a pseudo-terminal: progress, questions, and Ctrl-C at each stage."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from apikley import TaskInfo
from apikley.cli.exit_codes import Exit
from apikley.cli.output import Output
from apikley.cli.session import Session
from contract_tests.cli.command_line import CTRL_C, IMAGE, LIMIT, CommandLine, Program, started

MAKE = ("run", "--prompt", "a ship", "--image", "cat.png", "-o", "clip.mp4")


def test_a_terminal_shows_animated_progress(cli: CommandLine) -> None:
    cli.mock.plan_next(durations=(1, 1, 1))
    ended = cli.in_terminal(*MAKE)
    assert ended.code == 0
    for text in ("\x1b[", "waiting", "clip.mp4", "kB", "duration"):
        assert text in ended.out


def test_several_tasks_share_one_progress_line(cli: CommandLine) -> None:
    ended = cli.in_terminal("wait", cli.task("[mock: take 30]", ended=False), cli.task("[mock: take 5]", ended=False))
    assert ended.code == 0
    assert "2 tasks: 1 generating, 1 success" in ended.out
    assert "2 tasks: 2 success" in ended.out


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_without_colors_a_terminal_shows_plain_lines(cli: CommandLine, variable: str) -> None:
    cli.patch.setenv(variable, "dumb")
    ended = cli.in_terminal(*MAKE)
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "  success  " in ended.out


def test_a_pipe_shows_plain_lines(cli: CommandLine) -> None:
    ended = cli(*MAKE)
    assert "  success  " in ended.err
    assert not {"\x1b", "\r"} & {*ended.out, *ended.err}
    assert "kB" not in ended.err


@pytest.mark.parametrize(("typed", "code", "replaced"), [(b"y\n", 0, True), (b"n\n", 2, False), (b"\n", 2, False)])
def test_the_user_is_asked_before_a_file_is_replaced(cli: CommandLine, typed: bytes, code: int, replaced: bool) -> None:
    (cli.folder / "clip.mp4").write_bytes(b"mine")
    ended = cli.in_terminal(*MAKE, typed=typed)
    assert ended.code == code
    assert "clip.mp4 exists; replace it? [y/N]" in ended.out
    assert ((cli.folder / "clip.mp4").read_bytes() != b"mine") is replaced
    assert bool(cli.mock.journal.requests("POST")) is replaced


def test_download_and_wait_ask_before_they_poll(cli: CommandLine) -> None:
    task = cli.task()
    (cli.folder / f"{task}.mp4").write_bytes(b"mine")
    before = len(cli.requests())
    assert cli.in_terminal("download", task, typed=b"n\n").code == Exit.INVALID
    assert len(cli.requests()) == before
    assert cli.in_terminal("wait", task, "-o", "{id}.mp4", typed=b"y\n").code == 0
    assert (cli.folder / f"{task}.mp4").read_bytes()[4:8] == b"ftyp"


def test_json_output_asks_no_question(cli: CommandLine) -> None:
    (cli.folder / "clip.mp4").write_bytes(b"mine")
    ended = cli.in_terminal(*MAKE, "--format", "json")
    assert (ended.code, "--force replaces it" in ended.out) == (Exit.INVALID, True)


def test_results_go_to_a_pipe_while_stderr_is_a_terminal(cli: CommandLine) -> None:
    task = cli.task()
    line = f'"{sys.executable}" -m apikley wait {task} --follow --format json > out'
    with Program("-c", line, cwd=cli.folder, program=("sh",)) as program:
        assert program.wait() == 0, program.shown
    lines = [json.loads(line) for line in (cli.folder / "out").read_text().splitlines()]
    assert lines[0]["state"] == "success"
    assert lines[-1]["tasks"][0]["task_id"] == task


def test_ctrl_c_while_waiting_keeps_the_task_and_prints_how_to_resume(cli: CommandLine) -> None:
    # The simulator's clock stands still, so the task never ends.
    cli.mock.plan_next(durations=(1, 1, 1))
    with Program(*MAKE, cwd=cli.folder) as program:
        program.wait_for("  waiting")
        program.type(CTRL_C)
        assert program.wait() == Exit.UNFINISHED
    task = cli.mock.assert_created_once().task_id
    assert "interrupted; the task is kept" in program.shown
    assert program.shown.rstrip().endswith(f"resume with: apikley wait {task} -o clip.mp4")
    cli.mock.advance(60)
    assert cli("wait", str(task), "-o", "clip.mp4").code == 0


@pytest.fixture(name="stalled")
def stalled_fixture(httpserver: HTTPServer) -> Iterator[threading.Event]:
    """A server whose responses stall after 10 bytes of 1 MB; whether a request arrived."""
    reached, ended = threading.Event(), threading.Event()

    def stall(_: Request) -> Response:
        def body() -> Iterator[bytes]:
            yield b"0123456789"
            reached.set()
            ended.wait(LIMIT)

        return Response(body(), headers={"Content-Length": "1000000", "Content-Type": "video/mp4"})

    httpserver.expect_request(re.compile("/.*")).respond_with_handler(stall)
    yield reached
    ended.set()


@pytest.mark.parametrize(
    ("image", "code", "message"),
    [
        (IMAGE, Exit.OUTCOME_UNKNOWN, "a task may exist and be paid"),
        ("cat.png", Exit.INTERRUPTED, "interrupted before the create was sent: no task was created"),
    ],
    ids=["create", "upload"],
)
def test_ctrl_c_while_creating_says_whether_a_task_may_exist(
    cli: CommandLine, httpserver: HTTPServer, stalled: threading.Event, image: str, code: Exit, message: str
) -> None:
    command = ("run", "--prompt", "a ship", "--image", image, "--base-url", httpserver.url_for(""))
    with Program(*command, cwd=cli.folder) as program:
        program.wait_for("creating the task", stalled.is_set)
        program.type(CTRL_C)
        assert program.wait() == code, program.shown
    assert message in program.shown
    assert "Traceback" not in program.shown


@pytest.mark.usefixtures("stalled")
def test_ctrl_c_while_downloading_leaves_no_partial_file(cli: CommandLine, httpserver: HTTPServer) -> None:
    url = httpserver.url_for("").rstrip("/")
    record = {"taskId": "task_1", "state": "success", "resultJson": json.dumps({"resultUrls": [f"{url}/a.mp4"]})}
    response = {"code": 200, "msg": "success", "data": record}
    httpserver.expect_oneshot_request("/api/v1/jobs/recordInfo").respond_with_json(response)
    command = ("download", "task_1", "-o", "clip.mp4")
    with Program(*command, "--base-url", url, cwd=cli.folder) as program:
        program.wait_for("/1.0 MB", lambda: any(cli.folder.glob(".apikley-*.part")))
        program.type(CTRL_C)
        assert program.wait() == Exit.UNFINISHED
    assert f"resume with: apikley {' '.join(command)} --base-url {url}" in program.shown.replace("\r\n", "")
    assert [path.name for path in cli.folder.iterdir()] == ["cat.png"]


def test_ctrl_c_at_the_question_changes_nothing(cli: CommandLine) -> None:
    (cli.folder / "clip.mp4").write_bytes(b"mine")
    with Program(*MAKE, cwd=cli.folder) as program:
        program.wait_for("replace it? [y/N]")
        program.type_until(CTRL_C, "interrupted")
        assert program.wait() == Exit.INTERRUPTED, program.shown
    assert (cli.folder / "clip.mp4").read_bytes() == b"mine"


def test_sigterm_prints_how_to_resume(cli: CommandLine) -> None:
    cli.mock.plan_next(durations=(1, 1, 1))
    task = cli.task(ended=False)
    with started("wait", task, "--format", "json") as process:
        assert process.stdout
        assert process.stderr
        assert "waiting" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == Exit.UNFINISHED
        assert json.load(process.stdout)["error"]["hints"] == [f"resume with: apikley wait {task}"]


HOSTILE = "\x1b]0;owned\x07 \u202egnp.exe \u2066 \x9b31m \u200b"


def test_json_output_holds_no_character_that_a_terminal_obeys(cli: CommandLine) -> None:
    task = cli.task("a ship", ended=True)
    cli.patch.setattr(TaskInfo, "fail_message", property(lambda _: HOSTILE))
    for arguments in (("task", task, "--format", "json"), ("task", task)):
        ended = cli(*arguments)
        assert [char for char in ended.out if not (char.isprintable() or char == "\n")] == []
    assert cli("task", task, "--format", "json").document["fail_message"] == HOSTILE


def test_a_task_id_that_looks_like_an_option_is_no_option_of_the_suggested_command() -> None:
    session = Session(Output(json=False), profile="mock")
    assert session.command_line("wait", "-o", ".", tasks=["-f/etc"]) == "apikley wait -o . --profile mock -- -f/etc"
    assert session.command_line("wait", "-o", ".", tasks=["task_1"]) == "apikley wait task_1 -o . --profile mock"


def test_a_suggested_command_with_such_an_id_is_understood(cli: CommandLine) -> None:
    words = shlex.split(Session(Output(json=False)).command_line("wait", "--timeout", "0", tasks=["--help"]))
    ended = cli(*words[1:])
    assert "Usage" not in ended.out
    assert "--help" in ended.err


_TWO_LINES = "\x1b[1A\x1b[2K\x1b[1A"  # how Rich redraws what takes more than one line


def test_a_narrow_terminal_keeps_one_whole_live_line(cli: CommandLine) -> None:
    cli.patch.setenv("COLUMNS", "60")
    cli.mock.plan_next(durations=(20, 20, 40))
    ended = cli.in_terminal("run", "--prompt", "a ship", "--image", "cat.png", "-o", f"{'long name ' * 8}.mp4")
    assert ended.code == 0
    assert _TWO_LINES not in ended.out
    assert re.search(r"long name.*… .*kB", ended.out), "the name is cut, and the sizes are shown"
    tasks = [cli.task(f"[mock: take {number}]", ended=False) for number in (5, 30, 60, 90, 120)]
    cli.mock.advance(4)
    ended = cli.in_terminal("wait", *tasks)
    assert ended.code == 0
    assert re.search(r"5 tasks: [^\r\n]*0:0\d:\d\d", ended.out), "the time is shown"
    assert _TWO_LINES not in ended.out
