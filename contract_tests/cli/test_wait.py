"""`apikley wait` with several tasks: whatever becomes of one, what is known of the others is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from apikley._model.task import TaskInfo
from apikley.cli.exit_codes import Exit
from apikley.cli.targets import Target
from contract_tests.cli.command_line import CommandLine, cli_fixture  # noqa: F401 - the fixture

NEVER, BAD = "[mock: never]", "[mock: fail 422 prohibited content]"


def test_results_are_printed_although_another_task_is_unknown(cli: CommandLine, tmp_path: Path) -> None:
    done = cli.task()
    (tmp_path / "clips").mkdir()
    ended = cli("wait", done, "task_none", "-o", "clips", "--output", "json")
    assert ended.code == Exit.REFUSED
    (task,) = ended.document["tasks"]
    assert (task["task_id"], task["file"]) == (done, f"clips/{done}.mp4")
    assert ended.document["error"]["code"] == 404
    assert ended.document["error"]["hints"] == [], "no task is open any more"
    assert (tmp_path / "clips" / f"{done}.mp4").exists()


def test_results_are_printed_although_another_task_takes_too_long(cli: CommandLine) -> None:
    done, never = cli.task(), cli.task(NEVER)
    ended = cli("wait", done, never, "--timeout", "3", "--output", "json")
    assert ended.code == Exit.UNFINISHED
    assert [task["task_id"] for task in ended.document["tasks"]] == [done]
    assert ended.document["error"]["hints"] == [f"the task is kept; go on with: apikley wait {never}"]
    text = cli("wait", done, never, "--timeout", "3")
    assert f"task      {done}\nstate     success\n" in text.out


def test_a_failed_task_is_said_although_another_takes_too_long(cli: CommandLine) -> None:
    bad, never = cli.task(BAD), cli.task(NEVER)
    ended = cli("wait", bad, never, "--timeout", "3")
    assert ended.code == Exit.UNFINISHED
    assert f"apikley: task {bad} failed: prohibited content\n" in ended.err
    assert "failure   422 prohibited content\n" in ended.out


def test_after_ctrl_c_what_has_ended_is_printed_and_the_rest_can_be_gone_on_with(cli: CommandLine) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    done, never, other = cli.task(), cli.task(NEVER), cli.task(NEVER)
    cli.during_sleep = interrupt
    ended = cli("wait", done, never, other, "--output", "json")
    assert ended.code == Exit.UNFINISHED
    assert [task["task_id"] for task in ended.document["tasks"]] == [done]
    assert ended.document["error"]["hints"] == [f"go on with: apikley wait {never} {other}"]


def test_while_one_task_is_unknown_the_others_stay_open(cli: CommandLine) -> None:
    never = cli.task(NEVER)
    ended = cli("wait", "task_none", never, "--timeout", "3")
    assert ended.code in (Exit.REFUSED, Exit.UNFINISHED)
    assert f"apikley wait {never}\n" in ended.err + "\n"
    assert "wait task_none" not in ended.err


def test_a_result_that_is_missing_does_not_stop_the_others(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, good = cli.task(), cli.task()
    urls = vars(TaskInfo)["result_urls"].fget
    monkeypatch.setattr(TaskInfo, "result_urls", property(lambda task: [] if task.id == empty else urls(task)))
    ended = cli("wait", empty, good, "-o", "{id}.mp4", "--output", "json")
    assert ended.code == Exit.GENERATION_FAILED
    assert {task["task_id"]: task["file"] for task in ended.document["tasks"]} == {empty: None, good: f"{good}.mp4"}
    assert ended.err.endswith(f"apikley: task {empty} has succeeded, but has no result to download\n")
    assert (tmp_path / f"{good}.mp4").exists()


def test_a_result_that_cannot_be_saved_leaves_the_task_open(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("apikley._model.partial_file.PartialFile.write", full)
    first, second = cli.task(), cli.task()
    ended = cli("wait", first, second, "-o", ".", "--output", "json")
    assert (ended.code, ended.document["tasks"]) == (Exit.FAILED, [])
    (hint,) = ended.document["error"]["hints"]
    assert {first, second} <= set(hint.split()), hint


def test_what_is_no_task_id_is_not_said_to_be_kept(cli: CommandLine) -> None:
    for command in ("wait", "download", "task"):
        ended = cli(command, "")
        assert (ended.code, "is not a task id" in ended.err, "go on with" in ended.err) == (Exit.INVALID, True, False)


@pytest.mark.parametrize("url", ["http://[::1/x", "//[", "http://xn--/x.mp4", "http://a.test/x.mp4\ud800"])
def test_a_result_whose_address_is_none_still_has_a_name(url: str) -> None:
    assert Target(None, force=False).path("task_1", url) == Path("task_1.mp4")
