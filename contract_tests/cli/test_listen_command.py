"""`apikley listen`."""

from __future__ import annotations

import json

import pytest

from apikley.cli.exit_codes import Exit
from apikley.receiver.notes import note
from contract_tests.cli.command_line import CLOSED, CommandLine

LISTEN = ("listen", "--forward-to", f"{CLOSED}/hook")


@pytest.mark.parametrize(
    ("key", "task", "code", "message"),
    [
        ("wrong", None, Exit.REFUSED, "given up: 401: "),
        (None, "task_none", Exit.REFUSED, "given up: 404: "),
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
    ended = cli(*LISTEN, task, "--output", "json")
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
