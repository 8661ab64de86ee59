"""`apikley tasks`, and what a command does when its output is cut: a paid id is never lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from apikley.cli.exit_codes import Exit
from contract_tests.cli.command_line import COMMAND, IMAGE, LIMIT, REQUEST, RUN, CommandLine
from scripts.pipeline.io import ROOT


@pytest.fixture
def listed(cli: CommandLine) -> CommandLine:
    """A command line that keeps its list in a file of the test."""
    cli.patch.setenv("APIKLEY_TASKS", str(cli.folder / "state" / "tasks.jsonl"))
    return cli


def test_the_tasks_of_run_and_create_are_listed(listed: CommandLine) -> None:
    created = listed("create", *REQUEST).out.strip()
    made = listed(*RUN, "-o", "clip.mp4", "--format", "json").document
    first, second = listed("tasks", "--format", "json").document["tasks"]
    assert (first["task_id"], first["model"], first["state"]) == (created, "hailuo/02-image-to-video-pro", None)
    assert (second["task_id"], second["state"]) == (made["task_id"], "success")
    assert second["file"] == str(listed.folder / "clip.mp4")
    assert second["created_at"]
    lines = listed("tasks").out.splitlines()
    assert lines[0].split() == ["task", "id", "model", "state", "created", "at", "credits", "file"]
    assert len(lines) == 3


def test_a_wait_completes_what_is_listed(listed: CommandLine) -> None:
    created = listed("create", *REQUEST).out.strip()
    listed("wait", created)
    (entry,) = listed("tasks", "--format", "json").document["tasks"]
    assert (entry["task_id"], entry["state"]) == (created, "success")


def test_a_failed_task_is_listed_as_failed(listed: CommandLine) -> None:
    listed("run", "--prompt", "[mock: fail 422]", "--image", IMAGE)
    (entry,) = listed("tasks", "--format", "json").document["tasks"]
    assert entry["task_id"]
    assert entry["state"] == "fail"


def test_the_list_can_be_switched_off(cli: CommandLine) -> None:
    assert cli("create", *REQUEST).code == 0
    ended = cli("tasks")
    assert (ended.code, "APIKLEY_TASKS is off" in ended.err) == (Exit.FAILED, True)


def test_a_list_that_cannot_be_written_never_costs_the_task(cli: CommandLine) -> None:
    (cli.folder / "file").touch()
    cli.patch.setenv("APIKLEY_TASKS", str(cli.folder / "file" / "tasks.jsonl"))
    ended = cli("create", *REQUEST)
    assert (ended.code, f"task {ended.out.strip()} is not noted in" in ended.err) == (0, True)


def test_half_a_line_is_skipped(listed: CommandLine) -> None:
    created = listed("create", *REQUEST).out.strip()
    with (listed.folder / "state" / "tasks.jsonl").open("a") as file:
        file.write('{"task_id": "ha\n[1]\n{"task_id": 7}\n')
    assert [each["task_id"] for each in listed("tasks", "--format", "json").document["tasks"]] == [created]


def test_the_list_holds_no_key_and_no_prompt(listed: CommandLine) -> None:
    listed(*RUN)
    text = (listed.folder / "state" / "tasks.jsonl").read_text(encoding="utf-8")
    assert listed.mock.api_key not in text
    assert "a ship" not in text


@pytest.mark.parametrize("follow", [True, False])
def test_a_command_whose_output_is_cut_saves_the_video(cli: CommandLine, follow: bool) -> None:
    cli.mock.plan_next(durations=[0, 0, 0])  # processes do not share the test's clock
    reading, writing = os.pipe()
    os.close(reading)
    target = cli.folder / "clip.mp4"
    command = [*COMMAND, *RUN, "-o", str(target), *(["--follow"] if follow else [])]
    ended = subprocess.run(
        command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=LIMIT
    )
    os.close(writing)
    assert ended.returncode == 0, ended.stderr
    assert target.stat().st_size > 0
    assert str(cli.mock.assert_created_once().task_id) in ended.stderr
    assert "Traceback" not in ended.stderr


def test_quiet_prints_only_the_path(cli: CommandLine) -> None:
    ended = cli(*RUN, "-o", "clip.mp4", "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "clip.mp4\n", "")
    ended = cli("run", "--prompt", "[mock: fail 422]", "--image", IMAGE, "-q")
    assert (ended.code, ended.out, "failed" in ended.err) == (Exit.GENERATION_FAILED, "", True)


def test_every_json_error_about_a_task_names_it(cli: CommandLine) -> None:
    task = cli.task(ended=False)
    for arguments in (("download", task), ("wait", task, "--timeout", "0"), ("task", "task_none")):
        error = json.loads(cli(*arguments, "--format", "json").out)["error"]
        assert error.get("task_id") or error["task_ids"]
    cli.patch.setattr(Path, "replace", _full)
    error = json.loads(cli(*RUN, "-o", "clip.mp4", "--format", "json").out)["error"]
    assert error["task_id"] == cli.mock.journal.created()[-1].task_id


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_the_download_of_an_unfinished_task_says_so(cli: CommandLine) -> None:
    task = cli.task(ended=False)
    ended = cli("download", task, "-o", "clip.mp4")
    assert ended.code == Exit.UNFINISHED
    command = f"apikley wait {task} -o clip.mp4"
    assert f"task {task} has not finished (state generating); wait for it with: {command}" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [("upload", "none.png"), ("check", "none.json"), ("create", "--json", "none.json"), (*RUN, "-o", "none/clip.mp4")],
)
def test_a_missing_file_has_one_exit_code(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    ended = cli(*arguments)
    assert (ended.code, "none" in ended.out + ended.err) == (Exit.INVALID, True)


@pytest.mark.parametrize(("typed", "meant"), [("rnu", "run"), ("credit", "credits"), ("dowload", "download")])
def test_a_mistyped_command_is_answered_with_the_nearest(cli: CommandLine, typed: str, meant: str) -> None:
    ended = cli(typed)
    assert (ended.code, f"No such command '{typed}'. Did you mean '{meant}'?" in ended.err) == (2, True)
    assert "No such command 'zzz'." in cli("zzz").err


@pytest.mark.parametrize("command", [(), ("run",), ("task",)])
def test_help_names_the_environment_variables(cli: CommandLine, command: tuple[str, ...]) -> None:
    shown = cli(*command, "--help").out
    for name in ("APIKLEY_API_KEY", "APIKLEY_BASE_URL", "APIKLEY_PROFILE"):
        assert name in shown
