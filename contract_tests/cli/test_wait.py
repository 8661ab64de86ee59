"""`apikley wait` with several tasks: the failure of one hides nothing about the others."""

from __future__ import annotations

import json

import pytest

from apikley._model.task import TaskInfo
from apikley.cli.exit_codes import Exit
from contract_tests.cli.command_line import CommandLine, interrupt

NEVER, BAD = "[mock: never]", "[mock: fail 422 prohibited content]"


@pytest.mark.parametrize("follow", [(), ("--follow",)], ids=["at once", "follow"])
def test_failed_tasks_are_named_in_the_document(cli: CommandLine, follow: tuple[str, ...]) -> None:
    good, bad, worse = cli.task(), cli.task(BAD), cli.task(BAD)
    ended = cli("wait", good, bad, worse, "--format", "json", *follow)
    document = json.loads(ended.out.splitlines()[-1]) if follow else ended.document
    assert [(task["task_id"], task["state"]) for task in document["tasks"]][:2] == [(good, "success"), (bad, "fail")]
    error = document["error"]
    assert (ended.code, error["exit_code"], error["kind"]) == (4, 4, "generation_failed")
    assert error["task_ids"] == [bad, worse]
    assert error["message"] == f"task {bad} failed: prohibited content\n  task {worse} failed: prohibited content"
    assert ended.err.endswith(f"apikley: {error['message']}\n")


def test_results_are_printed_although_another_task_is_unknown(cli: CommandLine) -> None:
    done = cli.task()
    (cli.folder / "clips").mkdir()
    ended = cli("wait", done, "task_none", "-o", "clips", "--format", "json")
    assert ended.code == Exit.REFUSED
    (task,) = ended.document["tasks"]
    assert (task["task_id"], task["file"]) == (done, f"clips/{done}.mp4")
    assert ended.document["error"]["code"] == 422
    assert ended.document["error"]["hints"] == [], "nothing is left to resume"
    assert (cli.folder / "clips" / f"{done}.mp4").exists()


def test_results_are_printed_although_another_task_times_out(cli: CommandLine) -> None:
    done, never = cli.task(), cli.task(NEVER)
    ended = cli("wait", done, never, "--timeout", "3", "--format", "json")
    assert ended.code == Exit.UNFINISHED
    assert [task["task_id"] for task in ended.document["tasks"]] == [done]
    assert ended.document["error"]["hints"] == [f"the task is kept; resume with: apikley wait {never}"]
    text = cli("wait", done, never, "--timeout", "3")
    assert f"task      {done}\nstate     success\n" in text.out


def test_a_failure_is_printed_although_another_task_times_out(cli: CommandLine) -> None:
    bad, never = cli.task(BAD), cli.task(NEVER)
    ended = cli("wait", bad, never, "--timeout", "3")
    assert ended.code == Exit.UNFINISHED
    assert f"apikley: task {bad} failed: prohibited content\n" in ended.err
    assert "failure   422 prohibited content\n" in ended.out


def test_ctrl_c_prints_the_results_and_how_to_resume_the_rest(cli: CommandLine) -> None:
    done, never, other = cli.task(), cli.task(NEVER), cli.task(NEVER)
    cli.during_sleep = interrupt
    ended = cli("wait", done, never, other, "--format", "json")
    assert ended.code == Exit.UNFINISHED
    assert [task["task_id"] for task in ended.document["tasks"]] == [done]
    assert ended.document["error"]["hints"] == [f"resume with: apikley wait {never} {other}"]


def test_an_unknown_task_is_not_resumed_with_the_others(cli: CommandLine) -> None:
    never = cli.task(NEVER)
    ended = cli("wait", "task_none", never, "--timeout", "3")
    assert ended.code in (Exit.REFUSED, Exit.UNFINISHED)
    assert ended.resume == ["wait", never]


def test_a_missing_result_does_not_stop_the_others(cli: CommandLine) -> None:
    empty, good = cli.task(), cli.task()
    urls = vars(TaskInfo)["result_urls"].fget
    cli.patch.setattr(TaskInfo, "result_urls", property(lambda task: [] if task.id == empty else urls(task)))
    ended = cli("wait", empty, good, "-o", "{id}.mp4", "--format", "json")
    assert ended.code == Exit.GENERATION_FAILED
    assert {task["task_id"]: task["file"] for task in ended.document["tasks"]} == {empty: None, good: f"{good}.mp4"}
    assert ended.err.endswith(f"apikley: task {empty} succeeded, but has no result to download\n")
    assert (cli.folder / f"{good}.mp4").exists()


@pytest.mark.parametrize("command", ["wait", "download", "task"])
def test_an_invalid_task_id_is_not_resumed(cli: CommandLine, command: str) -> None:
    ended = cli(command, "")
    assert (ended.code, "is not a task id" in ended.err, "resume with" in ended.err) == (Exit.INVALID, True, False)
