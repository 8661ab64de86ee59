"""What each command does and prints."""

from __future__ import annotations

import json
import re

import pytest

import apikley_contract
from apikley.cli.exit_codes import Exit
from contract_tests.cli.command_line import IMAGE, MODEL, REQUEST, RUN, CommandLine


def test_run_makes_a_video_from_a_local_image(cli: CommandLine) -> None:
    cli.mock.set_credits(10)
    cli.mock.set_shapes("documented")  # recorded records do not state what a task cost
    ended = cli("run", "--prompt", "a ship", "--image", "cat.png", "-o", "clip.mp4")
    assert ended.code == 0, ended.err
    assert re.search(r"^file +clip\.mp4$", ended.out, re.MULTILINE)
    assert re.search(r"^duration +\d+ s$", ended.out, re.MULTILINE)
    assert re.search(r"^credits +1$", ended.out, re.MULTILINE)
    assert (cli.folder / "clip.mp4").read_bytes()[4:8] == b"ftyp"
    entry = cli.mock.assert_created_once(input={"prompt": "a ship"})
    assert entry.json()["input"]["image_url"].startswith(cli.mock.url), "the image was uploaded"


def test_run_names_the_file_after_the_task_by_default(cli: CommandLine) -> None:
    document = cli(*RUN, "--format", "json").document
    assert document["file"] == f"{document['task_id']}.mp4"
    assert (cli.folder / document["file"]).exists()


def test_create_prints_only_the_task_id(cli: CommandLine) -> None:
    ended = cli("create", *REQUEST, "--callback-url", "https://me.example.com/hook")
    entry = cli.mock.assert_created_once(callBackUrl="https://me.example.com/hook")
    assert (ended.code, ended.out) == (0, f"{entry.task_id}\n")


def test_wait_saves_the_result_of_each_task(cli: CommandLine) -> None:
    ids = [cli.task(ended=False), cli.task(ended=False)]
    ended = cli("wait", *ids, "-o", "clip-{id}.mp4", "--format", "json")
    assert ended.code == 0, ended.err
    assert sorted(task["file"] for task in ended.document["tasks"]) == sorted(f"clip-{each}.mp4" for each in ids)
    assert len(list(cli.folder.glob("clip-*.mp4"))) == 2


def test_wait_refuses_one_file_for_two_tasks(cli: CommandLine) -> None:
    ended = cli("wait", "a", "b", "-o", "clip.mp4")
    assert (ended.code, "one file for 2 tasks" in ended.err) == (Exit.INVALID, True)


@pytest.mark.parametrize("form", ["text", "json"])
def test_follow_prints_one_line_for_each_change(cli: CommandLine, form: str) -> None:
    cli.mock.plan_next(durations=[10, 10, 10])
    task = cli.task(ended=False)
    *changes, _ = lines = cli("wait", task, "--follow", "--format", form).out.splitlines()
    if form == "json":
        assert [json.loads(line)["state"] for line in changes] == ["waiting", "queuing", "generating", "success"]
        assert json.loads(lines[-1])["tasks"][0]["task_id"] == task
    else:
        assert [line.split()[1] for line in lines[:4]] == ["waiting", "queuing", "generating", "success"]


def test_task_prints_the_current_state(cli: CommandLine) -> None:
    cli.mock.plan_next(durations=(1, 1, 1))
    task = cli.task(ended=False)
    assert cli("task", task, "--format", "json").document["state"] == "waiting"
    assert re.search(rf"^task +{task}$", cli("task", task).out, re.MULTILINE)


def test_download_saves_the_result(cli: CommandLine) -> None:
    task = cli.task()
    assert cli("download", task, "-o", ".").code == 0
    assert (cli.folder / f"{task}.mp4").exists()


def test_upload_prints_the_url(cli: CommandLine) -> None:
    assert cli("upload", "cat.png").out.startswith(cli.mock.url)
    assert cli("upload", "cat.png", "--format", "json").document["url"].startswith(cli.mock.url)


def test_credits_prints_a_number(cli: CommandLine) -> None:
    cli.mock.set_credits(12.5)
    assert cli("credits").out == "12.5\n"
    assert cli("credits", "--format", "json").document == {"credits": 12.5}


def test_models_shows_the_fields_of_the_contract(cli: CommandLine) -> None:
    for model in apikley_contract.models().values():
        (listed,) = cli("models", model.name, "--format", "json").document["models"]
        schema = apikley_contract.openapi()["components"]["schemas"][model.input]
        assert (listed["model"], listed["class"]) == (model.name, model.input)
        assert {field["name"] for field in listed["fields"]} == set(schema["properties"])
        for field in listed["fields"]:
            assert schema["properties"][field["name"]].items() <= field.items()
    assert "at most 1,500 characters" in cli("models", MODEL).out


def test_an_invalid_image_is_refused_before_anything_is_sent(cli: CommandLine) -> None:
    (cli.folder / "cat.png").write_bytes(b"GIF89a")
    ended = cli("create", "--prompt", "a ship", "--image", "cat.png")
    assert (ended.code, "cat.png is image/gif" in ended.err) == (Exit.INVALID, True)
    assert "missing.png: No such file" in cli("create", "--prompt", "x", "--image", "missing.png").err
    assert cli.requests() == []


def test_a_long_prompt_can_come_from_a_file_or_stdin(cli: CommandLine) -> None:
    (cli.folder / "long.txt").write_text("a ship\nand the sea\n", encoding="utf-8")
    for prompt in ("@long.txt", "@-", "@@ship"):
        assert cli("create", "--prompt", prompt, "--image", IMAGE, stdin=b"from stdin").code == 0
    prompts = [entry.json()["input"]["prompt"] for entry in cli.mock.journal.requests("POST")]
    assert prompts == ["a ship\nand the sea", "from stdin", "@ship"]


def test_text_of_the_service_cannot_control_the_terminal(cli: CommandLine) -> None:
    cli.mock.plan_next(outcome="fail", fail_code="422", fail_message="bad\x1b[2J\x07")
    ended = cli(*RUN)
    assert "\x1b" not in ended.err + ended.out
    assert "failed with code 422: bad\ufffd[2J\ufffd" in ended.err
