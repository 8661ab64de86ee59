"""What a command says that did its work, where the work came to no good end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apikley.cli.exit_codes import Exit
from apikley.receiver import Inbox
from contract_tests.cli.command_line import CommandLine, cli_fixture  # noqa: F401 - the fixture
from contract_tests.conftest import free_port

BAD = "[mock: fail 422 prohibited content]"


def test_a_wait_whose_tasks_failed_says_so_in_its_document(cli: CommandLine) -> None:
    good, bad, worse = cli.task(), cli.task(BAD), cli.task(BAD)
    for follow in ((), ("--follow",)):
        ended = cli("wait", good, bad, worse, "--output", "json", *follow)
        document = json.loads(ended.out.splitlines()[-1]) if follow else ended.document
        assert [task["task_id"] for task in document["tasks"]] == [good, bad, worse]
        error = document["error"]
        assert (ended.code, error["exit_code"], error["kind"]) == (4, 4, "generation_failed")
        assert error["task_ids"] == [bad, worse]
        reasons = f"task {bad} failed: prohibited content\n  task {worse} failed: prohibited content"
        assert error["message"] == reasons
        assert ended.err.endswith(f"apikley: {reasons}\n")


def test_a_check_and_a_doctor_with_findings_say_so_in_their_documents(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = cli("check", "-", "--output", "json", stdin=b"{}")
    assert (ended.document["valid"], ended.document["error"]["exit_code"]) == (False, ended.code)
    assert ended.err == "apikley: the request is invalid: 1 finding\n"
    monkeypatch.setenv("APIKLEY_API_KEY", "two words")
    ended = cli("doctor", "--output", "json")
    assert ended.document["error"]["exit_code"] == ended.code
    assert (len(ended.document["checks"]) > 1, ended.err) == (True, "apikley: in the way: key\n")


def test_a_replay_of_what_is_not_dead_says_so_in_its_document(cli: CommandLine, tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.db") as inbox:
        inbox.expect("task_1", None, 0.0, 0.0)
    ended = cli("inbox", "replay", "task_1:success", "--inbox", "inbox.db", "--output", "json")
    assert ended.document["not_dead"] == ["task_1:success"]
    assert (ended.document["error"]["exit_code"], ended.code) == (1, 1)
    assert ended.err == "apikley: not dead, so not replayed: task_1:success\n"


@pytest.mark.parametrize(
    ("key", "task", "code", "words"),
    [
        ("wrong", None, Exit.REFUSED, "given up: 401: "),
        (None, "task_none", Exit.REFUSED, "given up: 404: "),
        (None, None, Exit.FAILED, "given up"),
    ],
    ids=["wrong key", "unknown task", "no server"],
)
def test_listen_ends_with_the_code_of_what_went_wrong(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, key: str | None, task: str | None, code: Exit, words: str
) -> None:
    task = task or cli.task()
    if key is not None:
        monkeypatch.setenv("APIKLEY_API_KEY", key)
    monkeypatch.setenv("APIKLEY_WEBHOOK_KEY", "k")
    ended = cli("listen", "--forward-to", f"http://127.0.0.1:{free_port()}/hook", task, "--output", "json")
    error = json.loads(ended.out.splitlines()[-1])["error"]
    assert (ended.code, error["exit_code"], error["task_ids"]) == (code, code, [task])
    assert error["message"].startswith(f"task {task}: ")
    assert words in error["message"]
    assert ended.err == f"apikley: {error['message']}\n"


def test_a_webhook_key_as_an_option_is_warned_of(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = ("--forward-to", f"http://127.0.0.1:{free_port()}/hook")
    monkeypatch.setattr("apikley.receiver.listen.Listener.run", lambda _: None)
    ended = cli("listen", *hook, "--webhook-key", "hush", "task_1")
    assert ended.err.startswith("warning: a key given by --webhook-key shows in the process list")
    assert "APIKLEY_WEBHOOK_KEY" in ended.err
    assert "hush" not in ended.err + ended.out
    monkeypatch.setenv("APIKLEY_WEBHOOK_KEY", "hush")
    assert cli("listen", *hook, "task_1").err == ""


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ("1e999", "cannot be encoded as JSON: Out of range float"),
        ('"\\ud800"', "cannot be encoded as JSON: 'utf-8' codec can't"),
        ("[" * 400 + "]" * 400, "cannot be validated"),
    ],
    ids=["infinity", "lone surrogate", "deep"],
)
def test_check_refuses_what_json_or_the_validator_cannot_take(cli: CommandLine, odd: str, message: str) -> None:
    model = b'"model": "hailuo/02-image-to-video-pro"'
    ended = cli("check", "-", stdin=b'{%s, "input": {"prompt": 7, "image_url": %s}}' % (model, odd.encode()))
    assert (ended.code, message in ended.out) == (Exit.INVALID, True)
