"""`apikley listen`."""

from __future__ import annotations

import errno
import json
import signal

import pytest
from pytest_httpserver import HTTPServer

from apikley.callbacks import verify
from apikley.cli.exit_codes import Exit
from apikley.receiver.notes import note
from contract_tests.cli.command_line import CLOSED, LIMIT, CommandLine, Result, started

LISTEN = ("listen", "--forward-to", f"{CLOSED}/hook")


@pytest.mark.parametrize(
    ("key", "task", "code", "message"),
    [
        ("wrong", None, Exit.REFUSED, "given up: 401: "),
        (None, "task_none", Exit.REFUSED, "given up: 422: "),
        (None, None, Exit.FAILED, "given up"),
    ],
    ids=["wrong key", "unknown task", "no server"],
)
def test_listen_ends_with_the_exit_code_of_the_failure(
    cli: CommandLine, key: str | None, task: str | None, code: Exit, message: str
) -> None:
    task = task or cli.task()
    if key is not None:
        cli.patch.setenv("APIKLEY_API_KEY", key)
    cli.patch.setenv("APIKLEY_WEBHOOK_KEY", "k")
    ended = cli(*LISTEN, task, "--format", "json")
    error = json.loads(ended.out.splitlines()[-1])["error"]
    assert (ended.code, error["exit_code"], error["task_ids"]) == (code, code, [task])
    assert error["message"].startswith(f"task {task}: ")
    assert message in error["message"]
    assert ended.err == f"apikley: {error['message']}\n"


def test_listen_warns_about_a_webhook_key_on_the_command_line(cli: CommandLine) -> None:
    cli.patch.setattr("apikley.receiver.listen.Listener.run", lambda _: None)
    ended = cli(*LISTEN, "--webhook-key", "hush", "task_1")
    assert ended.err.startswith("warning: --webhook-key shows the key in the process list")
    assert "APIKLEY_WEBHOOK_KEY" in ended.err
    assert "hush" not in ended.err + ended.out
    cli.patch.setenv("APIKLEY_WEBHOOK_KEY", "hush")
    assert cli(*LISTEN, "task_1").err == ""


def test_listen_follows_the_noted_tasks_of_its_key(cli: CommandLine) -> None:
    task = cli.task()
    cli.use_profiles(f'[profiles.mock]\nbase_url = "{cli.mock.url}"\napi_key = "{cli.mock.api_key}"')
    cli.patch.setenv("APIKLEY_API_KEY", "sk-other")
    cli.patch.setenv("APIKLEY_WEBHOOK_KEY", "k")
    cli.patch.setattr("apikley.receiver.listen.Listener.run", lambda listener: listener.step())
    note(task, api_key=cli.mock.api_key)
    note("task_of_another_account", api_key="sk-other")
    for key in (("--profile", "mock"), ("--api-key", cli.mock.api_key, "--base-url", cli.mock.url)):
        ended = cli(*LISTEN, *key)
        assert (f"{task}  success" in ended.out, "another_account" in ended.out) == (True, False), ended.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_listen_delivers_the_callback_of_a_finished_task(cli: CommandLine, httpserver: HTTPServer, form: str) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    cli.patch.setenv("APIKLEY_WEBHOOK_KEY", "whsec")
    task = cli.task()
    ended = cli("listen", "--forward-to", httpserver.url_for("/hook"), task, "--format", form)
    assert (ended.code, ended.err) == (0, "")
    lines = [json.loads(line) if form == "json" else line for line in ended.out.splitlines()]
    changes = ("success", "delivered: HTTP 200")
    texts = [f"{task}  {what}" for what in changes]
    assert lines == ([{"task_id": task, "what": what} for what in changes] if form == "json" else texts)
    ((request, _),) = httpserver.log
    assert verify(request.headers, request.get_data(), "whsec").event_id == f"{task}:success"


def test_listen_ends_quietly_on_ctrl_c(cli: CommandLine) -> None:
    cli.patch.setenv("APIKLEY_WEBHOOK_KEY", "k")
    with started(*LISTEN, "--noted", "notes") as process:
        assert process.stdout
        assert process.stderr
        assert process.stderr.readline() == "following notes until Ctrl-C\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "stopped\n")


def interrupted(cli: CommandLine, error: BaseException, *arguments: str) -> Result:
    """Listen until an error is raised while it sleeps."""

    def sleep() -> None:
        raise error

    cli.during_sleep = sleep
    return cli(*LISTEN, "--webhook-key", "whsec_k", *arguments)


@pytest.mark.parametrize("noted", [(), ("--noted", "my notes")], ids=["given", "given and noted"])
def test_ctrl_c_prints_how_to_resume_given_tasks(cli: CommandLine, noted: tuple[str, ...]) -> None:
    task = cli.task(ended=False)
    ended = interrupted(cli, KeyboardInterrupt(), task, *noted, "--format", "json")
    rest = " --noted 'my notes'" if noted else ""
    command = f"resume with: apikley listen {task} --forward-to {CLOSED}/hook{rest}"
    assert ended.code == Exit.UNFINISHED
    assert ended.err.endswith(f"apikley: interrupted; the task is kept\n  {command}\n")
    error = json.loads(ended.out.splitlines()[-1])["error"]
    assert (error["exit_code"], error["kind"], error["hints"]) == (5, "unfinished", [command])


def test_an_unreadable_file_of_notes_prints_how_to_resume(cli: CommandLine) -> None:
    task = cli.task(ended=False)
    ended = interrupted(cli, PermissionError(errno.EACCES, "Permission denied", "notes"), task)
    assert ended.code == Exit.FAILED
    assert ended.err.endswith(
        "apikley: notes: Permission denied\n"
        f"  the task is kept; resume with: apikley listen {task} --forward-to {CLOSED}/hook\n"
    )


def test_ctrl_c_while_following_notes_is_a_success(cli: CommandLine) -> None:
    note(cli.task(ended=False), api_key=cli.mock.api_key)
    ended = interrupted(cli, KeyboardInterrupt())
    assert (ended.code, ended.err.splitlines()[-1]) == (Exit.DONE, "stopped")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["listen", "--forward-to", "http://foo..bar/x", "--webhook-key", "k", "task_1"], "is not a URL to forward to"),
        (["listen", "--webhook-key", "k", "task_1"], "Missing option '--forward-to'"),
        ([*LISTEN, "task_1"], "Missing option '--webhook-key'"),
        (["inbox", "list", "--status", "odd"], "'odd' is not one of"),
        (["inbox", "list", "--limit", "9" * 20], "Invalid value for '--limit'"),
        (["inbox", "replay"], "name the events to replay, or use --all"),
    ],
)
def test_wrong_usage_exits_with_2(cli: CommandLine, arguments: list[str], message: str) -> None:
    ended = cli(*arguments)
    assert ended.code == 2
    assert message in ended.err
