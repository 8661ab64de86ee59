"""The command `apikley` in a pipe: what each command prints, and how each failure ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import apikley_contract
from apikley._model.partial_file import PartialFile
from apikley.cli.command_table import COMMANDS
from apikley.cli.exit_codes import Exit
from apikley.cli.targets import Target
from apikley.receiver.notes import note
from contract_tests.cli.command_line import IMAGE, CommandLine, cli_fixture, piped  # noqa: F401 - the fixture
from contract_tests.conftest import free_port, published_example
from scripts.pipeline.io import ROOT

README = (ROOT / "apikley" / "cli" / "README.md").read_text(encoding="utf-8")
MAKE = ("run", "--prompt", "a ship", "--image", IMAGE)


def test_run_makes_a_video_from_a_local_image(cli: CommandLine, tmp_path: Path) -> None:
    cli.mock.set_credits(10)
    ended = cli("run", "--prompt", "a ship", "--image", "cat.png", "-o", "clip.mp4")
    assert ended.code == 0, ended.err
    assert re.search(r"^file +clip\.mp4$", ended.out, re.MULTILINE)
    assert re.search(r"^duration +\d+ s$", ended.out, re.MULTILINE)
    assert re.search(r"^credits +1$", ended.out, re.MULTILINE)
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"
    entry = cli.mock.assert_created_once(input={"prompt": "a ship"})
    assert entry.json()["input"]["image_url"].startswith(cli.mock.url), "the uploaded file stands there"
    assert "created" in ended.err


def test_run_names_the_file_after_the_task_if_no_name_is_given(cli: CommandLine, tmp_path: Path) -> None:
    document = cli(*MAKE, "--output", "json").document
    assert document["file"] == f"{document['task_id']}.mp4"
    assert (tmp_path / document["file"]).exists()


def test_create_prints_the_id_and_nothing_else(cli: CommandLine) -> None:
    ended = cli("create", "--prompt", "a ship", "--image", IMAGE, "--callback-url", "https://me.example.com/hook")
    assert ended.code == 0
    entry = cli.mock.assert_created_once(callBackUrl="https://me.example.com/hook")
    assert ended.out.strip() == entry.task_id


def test_a_whole_body_is_taken_from_a_file_or_stdin(cli: CommandLine, tmp_path: Path) -> None:
    body = published_example() | {"callBackUrl": "https://me.example.com/hook"}
    (tmp_path / "body.json").write_text(json.dumps(body), encoding="utf-8")
    assert cli("create", "--json", "body.json").code == 0
    assert cli("create", "--json", "-", stdin=json.dumps(body).encode()).code == 0
    assert [entry.json() for entry in cli.mock.journal.requests("POST")] == [body, body]


def test_a_long_prompt_is_taken_from_a_file_or_stdin(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("a ship\nand the sea\n", encoding="utf-8")
    for prompt in ("@long.txt", "@-", "@@ship"):
        assert cli("create", "--prompt", prompt, "--image", IMAGE, stdin=b"from stdin").code == 0
    prompts = [entry.json()["input"]["prompt"] for entry in cli.mock.journal.requests("POST")]
    assert prompts == ["a ship\nand the sea", "from stdin", "@ship"]


def test_wait_takes_several_tasks_and_saves_each(cli: CommandLine, tmp_path: Path) -> None:
    ids = [cli.task(ended=False), cli.task(ended=False)]
    ended = cli("wait", *ids, "-o", "clip-{id}.mp4", "--output", "json")
    assert ended.code == 0, ended.err
    assert sorted(task["file"] for task in ended.document["tasks"]) == sorted(f"clip-{each}.mp4" for each in ids)
    assert len(list(tmp_path.glob("clip-*.mp4"))) == 2


def test_wait_says_which_of_several_tasks_failed(cli: CommandLine) -> None:
    good, bad = cli.task(), cli.task("[mock: fail 422 prohibited content]")
    ended = cli("wait", good, bad, "--output", "json")
    assert ended.code == Exit.GENERATION_FAILED
    assert {task["task_id"]: task["state"] for task in ended.document["tasks"]} == {good: "success", bad: "fail"}
    assert ended.err.endswith(f"apikley: task {bad} failed: prohibited content\n")


def test_one_file_is_not_enough_for_two_tasks(cli: CommandLine) -> None:
    ended = cli("wait", "a", "b", "-o", "clip.mp4")
    assert (ended.code, "one file for 2 tasks" in ended.err) == (Exit.INVALID, True)


def test_follow_prints_one_line_for_each_change(cli: CommandLine) -> None:
    task = cli.task("[mock: polls 1]", ended=False)
    lines = [json.loads(line) for line in cli("wait", task, "--follow", "--output", "json").out.splitlines()]
    assert [line["state"] for line in lines[:-1]] == ["waiting", "queuing", "generating", "success"]
    assert lines[-1]["tasks"][0]["task_id"] == task
    task = cli.task("[mock: polls 1]", ended=False)
    text = cli("wait", task, "--follow").out.splitlines()
    assert [line.split()[1] for line in text[:4]] == ["waiting", "queuing", "generating", "success"]


def test_task_looks_once(cli: CommandLine) -> None:
    task = cli.task(ended=False)
    assert cli("task", task, "--output", "json").document["state"] == "waiting"
    assert re.search(rf"^task +{task}$", cli("task", task).out, re.MULTILINE)


def test_download_saves_the_result(cli: CommandLine, tmp_path: Path) -> None:
    task = cli.task()
    assert cli("download", task, "-o", ".").code == 0
    assert (tmp_path / f"{task}.mp4").exists()


def test_upload_prints_the_url(cli: CommandLine) -> None:
    assert cli("upload", "cat.png").out.startswith(cli.mock.url)
    assert cli("upload", "cat.png", "--output", "json").document["url"].startswith(cli.mock.url)


def test_credits_prints_a_number(cli: CommandLine) -> None:
    cli.mock.set_credits(12.5)
    assert cli("credits").out == "12.5\n"
    assert cli("credits", "--output", "json").document == {"credits": 12.5}


def test_models_lists_what_the_contract_says(cli: CommandLine) -> None:
    (listed,) = cli("models", "--output", "json").document["models"]
    (model,) = apikley_contract.models().values()
    schema = apikley_contract.openapi()["components"]["schemas"][model.input]
    assert listed["model"] == model.name
    assert {field["name"] for field in listed["fields"]} == set(schema["properties"])
    for field in listed["fields"]:
        assert schema["properties"][field["name"]].items() <= field.items()
    assert "at most 1,500 characters" in cli("models", model.name).out
    assert cli("models", "no/such").code == Exit.INVALID


def test_check_prints_every_finding_and_sends_nothing(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIKLEY_API_KEY")
    body = published_example()
    body["input"] = {"prompt": "x" * 1812, "prompt_optimizer": "yes"}
    ended = cli("check", "-", stdin=json.dumps(body).encode())
    assert ended.code == Exit.INVALID
    assert sorted(ended.out.splitlines()) == [
        "input.image_url: missing, but required",
        "input.prompt: 1,812 characters, at most 1,500",
        'input.prompt_optimizer: "yes" is not of type "boolean"',
    ]
    document = cli("check", "-", "--output", "json", stdin=json.dumps(body).encode()).document
    assert (document["valid"], len(document["findings"])) == (False, 3)
    assert cli("check", "-", stdin=json.dumps(published_example()).encode()).out == "valid\n"
    assert cli.mock.journal.requests() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "stdin is not JSON"), (b"[]", "stdin holds no JSON object"), (b"\xff", "- is not UTF-8 text")],
)
def test_what_is_no_body_is_said(cli: CommandLine, content: bytes, words: str) -> None:
    ended = cli("check", "-", stdin=content)
    assert (ended.code, words in ended.out) == (Exit.INVALID, True)


def test_a_body_and_fields_together_are_refused(cli: CommandLine) -> None:
    for option in (("--model", "x"), ("--prompt", "x"), ("--image", "cat.png"), ("--no-prompt-optimizer",)):
        ended = cli("create", "--json", "-", *option, stdin=json.dumps(published_example()).encode())
        assert (ended.code, "leave out --model and the model's own options" in ended.err) == (Exit.INVALID, True)
    assert cli.mock.journal.requests() == []


def test_a_prompt_that_is_too_long_is_said_with_its_length_and_the_limit(cli: CommandLine) -> None:
    ended = cli("create", "--prompt", "x" * 1812, "--image", IMAGE, "--output", "json")
    assert ended.code == Exit.INVALID
    assert "  input.prompt: 1,812 characters, at most 1,500\n" in ended.err
    (finding,) = ended.document["error"]["findings"]
    assert (finding["pointer"], finding["limit"]) == ("/input/prompt", 1500)
    assert cli.mock.journal.requests() == []


def test_doctor_finds_nothing_wrong_and_never_shows_the_key(cli: CommandLine) -> None:
    ended = cli("doctor", "--output", "json")
    assert ended.code == 0, ended.out
    checks = {check["name"]: check for check in ended.document["checks"]}
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert checks["base url"]["message"] == f"{cli.mock.url}, from environment variable APIKLEY_BASE_URL"
    assert checks["key"]["message"] == "well formed, from environment variable APIKLEY_API_KEY"
    assert {"package", "contract", "connection", "clock", "account", "settings file"} <= set(checks)
    assert cli.mock.api_key not in ended.out + ended.err


@pytest.mark.parametrize(
    ("variables", "check", "code"),
    [
        ({"APIKLEY_API_KEY": ""}, "key", Exit.INVALID),
        ({"APIKLEY_API_KEY": "two words"}, "key", Exit.INVALID),
        ({"APIKLEY_BASE_URL": "nowhere"}, "connection", Exit.INVALID),
        ({"APIKLEY_API_KEY": "wrong"}, "account", Exit.REFUSED),
        ({"APIKLEY_BASE_URL": f"http://127.0.0.1:{free_port()}"}, "connection", Exit.NETWORK),
        ({"APIKLEY_PROFILE": "none"}, "settings", Exit.INVALID),
        ({"APIKLEY_MODEL": "no/such"}, "model", Exit.INVALID),
    ],
)
def test_doctor_names_what_is_in_the_way(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], check: str, code: Exit
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ended = cli("doctor", "--output", "json")
    assert ended.code == code
    assert [each["name"] for each in ended.document["checks"] if each["status"] == "failed"] == [check]


def test_doctor_looks_for_the_service_also_without_a_key(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIKLEY_API_KEY")
    checks = {check["name"]: check["status"] for check in cli("doctor", "--output", "json").document["checks"]}
    assert (checks["key"], checks["connection"], checks["clock"]) == ("failed", "ok", "ok")
    monkeypatch.setenv("APIKLEY_BASE_URL", f"http://127.0.0.1:{free_port()}")
    checks = {check["name"]: check["status"] for check in cli("doctor", "--output", "json").document["checks"]}
    assert (checks["key"], checks["connection"]) == ("failed", "failed")
    assert "account" not in checks


def test_doctor_compares_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from apikley.cli.commands.doctor import _clock

    assert _clock("Tue, 01 Jan 2030 00:00:00 GMT", 0.1).status == "warning"
    assert "callbacks will be refused" in _clock("Tue, 01 Jan 2030 00:00:00 GMT", 0.1).message
    assert "cannot be compared" in _clock(None, 0.1).message


def test_listen_takes_its_settings_from_a_profile(cli: CommandLine, tmp_path: Path, monkeypatch: Any) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(f'[profiles.mock]\nbase_url = "{cli.mock.url}"\napi_key = "{cli.mock.api_key}"\n')
    settings.chmod(0o600)
    task = cli.task()
    hook = ("--forward-to", f"http://127.0.0.1:{free_port()}/hook", "--webhook-key", "k")
    for name in ("APIKLEY_API_KEY", "APIKLEY_BASE_URL"):
        monkeypatch.setenv(name, "http://wrong.invalid")
    monkeypatch.setenv("APIKLEY_CONFIG", str(settings))
    monkeypatch.setattr("apikley.receiver.listen.Listener.run", lambda listener: listener.step())
    assert f"{task}  success" in cli("listen", "--profile", "mock", *hook, task).out
    note(task, api_key=cli.mock.api_key)
    note("task_of_another_account", api_key="http://wrong.invalid")
    for key in (("--profile", "mock"), ("--api-key", cli.mock.api_key, "--base-url", cli.mock.url)):
        ended = cli("listen", *key, *hook)
        assert (f"{task}  success" in ended.out, "another_account" in ended.out) == (True, False), ended.err


EXITS: dict[Exit, tuple[str, ...]] = {
    Exit.DONE: ("credits",),
    Exit.FAILED: (*MAKE, "-o", "no/such/folder/clip.mp4"),
    Exit.INVALID: ("create", "--prompt", "a ship"),
    Exit.REFUSED: ("create", "--prompt", "[mock: error 402]", "--image", IMAGE),
    Exit.GENERATION_FAILED: ("run", "--prompt", "[mock: fail 422 prohibited]", "--image", IMAGE),
    Exit.UNFINISHED: ("run", "--prompt", "[mock: never]", "--image", IMAGE, "--timeout", "5", "-o", "a b.mp4"),
    Exit.UNKNOWN: ("create", "--prompt", "[mock: reset]", "--image", IMAGE),
    Exit.NETWORK: ("credits", "--base-url", f"http://127.0.0.1:{free_port()}"),
}


@pytest.mark.parametrize("code", EXITS, ids=[code.name for code in EXITS])
def test_each_exit_code_is_that_of_a_real_run(cli: CommandLine, code: Exit) -> None:
    ended = cli(*EXITS[code], "--output", "json")
    assert ended.code == code, ended.err
    if code is not Exit.DONE:
        error = ended.document["error"]
        assert (error["exit_code"], error["kind"]) == (code, code.name.lower())
        assert ended.err.splitlines()[-1 - len(error["hints"])].startswith(("apikley: ", "  input."))
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("code", EXITS, ids=[code.name for code in EXITS])
def test_each_exit_code_is_the_same_in_a_terminal(cli: CommandLine, code: Exit) -> None:
    ended = cli.in_terminal(*EXITS[code])
    assert ended.code == code, ended.out
    assert ("apikley:\x1b[0m " in ended.out) is (code is not Exit.DONE)
    assert "Traceback" not in ended.out


def test_the_command_waits_as_long_as_the_library() -> None:
    from apikley import _client
    from apikley.cli.commands import run as _make

    assert _make.WAIT == _client.WAIT_TIMEOUT


def test_the_table_of_exit_codes_in_the_readme_is_the_programs() -> None:
    rows = re.findall(r"^\| (\d+) +\| (.*?) +\|$", README, re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in rows] == [(int(code), code.meaning) for code in Exit]  # type: ignore[attr-defined]
    assert {*EXITS, Exit.INTERRUPTED} == set(Exit), "each is shown by a run; INTERRUPTED by those with Ctrl-C"


@pytest.mark.parametrize("code", [401, 402, 404, 422, 455, 500, 501, 505])
def test_each_refusal_of_the_service_is_one(cli: CommandLine, code: int) -> None:
    cli.mock.fail_next(code, times=None, when={"operation": "createTask"})
    ended = cli("create", "--prompt", "a ship", "--image", IMAGE)
    assert (ended.code, ended.out) == (Exit.REFUSED, "")
    assert ended.err.startswith(f"apikley: {code}: ")


def test_a_time_out_prints_the_command_that_goes_on(cli: CommandLine) -> None:
    ended = cli(*EXITS[Exit.UNFINISHED], "--base-url", cli.mock.url)
    task = cli.mock.assert_created_once().task_id
    assert ended.err.endswith(f"go on with: apikley wait {task} -o 'a b.mp4' --base-url {cli.mock.url}\n")


def test_an_unknown_outcome_is_said_plainly(cli: CommandLine) -> None:
    ended = cli(*EXITS[Exit.UNKNOWN])
    assert "a task may exist and be paid: look for it in your account before you run this again" in ended.err
    assert len(cli.mock.journal.requests("POST")) == 1


def test_a_wrong_key_is_refused_by_the_service(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", "wrong")
    ended = cli("credits")
    assert (ended.code, ended.err.startswith("apikley: 401: ")) == (Exit.REFUSED, True)


def test_a_file_that_exists_stays_and_nothing_is_paid(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    ended = cli(*MAKE, "-o", "clip.mp4")
    assert (ended.code, ended.err) == (Exit.INVALID, "apikley: clip.mp4 exists; say --force to replace it\n")
    assert (tmp_path / "clip.mp4").read_bytes() == b"mine"
    assert cli.mock.journal.requests() == []
    assert cli(*MAKE, "-o", "clip.mp4", "--force").code == 0
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_full_disc_keeps_the_task_and_leaves_no_partial_file(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: PartialFile, chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartialFile, "write", full)
    ended = cli(*MAKE, "-o", "clip.mp4")
    task = cli.mock.assert_created_once().task_id
    assert ended.code == Exit.FAILED
    assert ended.err.endswith(
        f"apikley: the disc is full\n  the task is kept; go on with: apikley download {task} -o clip.mp4\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


def test_a_result_never_lands_outside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for given, name in ((None, "_._.._etc_x.webm"), ("{id}.bin", "_._.._etc_x.bin")):
        assert Target(given, force=False).path("../../etc/x", "http://a.test/b.webm") == Path(name)


def test_what_the_service_says_cannot_steer_the_terminal(cli: CommandLine) -> None:
    cli.mock.plan_next(outcome="fail", fail_code="422", fail_msg="bad\x1b[2J\x07")
    ended = cli(*MAKE)
    assert "\x1b" not in ended.err + ended.out
    assert "failed with code 422: bad\ufffd[2J\ufffd" in ended.err


def test_an_image_that_is_none_is_refused_before_anything_is_sent(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"GIF89a")
    ended = cli("create", "--prompt", "a ship", "--image", "cat.png")
    assert (ended.code, "cat.png is application/octet-stream by its content" in ended.err) == (Exit.INVALID, True)
    assert "nothere.png: No such file" in cli("create", "--prompt", "x", "--image", "nothere.png").err
    assert cli.mock.journal.requests() == []


def test_help_loads_neither_the_network_stack_nor_the_contract() -> None:
    code = (
        "import sys, apikley.cli; apikley.cli.main(['--help']); "
        "heavy = {'httpx2', 'attrs', 'jsonschema_rs', 'asyncio', 'rich', 'sqlalchemy', 'apikley_contract'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"


def test_every_command_has_help_with_an_example(cli: CommandLine) -> None:
    for name, command in COMMANDS.items():
        if name in ("mock", "inbox", "listen"):  # their help is their own
            continue
        ended = cli(name, "--help")
        assert ended.code == 0
        assert f"apikley {name}" in ended.out.partition("For example:")[2].replace("task=$(", "")
        assert ended.out.split("\n\n")[1].strip().startswith(command.help.rstrip(".").split(";")[0][:20])


def test_no_example_is_broken_where_a_terminal_has_80_columns(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    commands = [(name,) for name in COMMANDS if name not in ("mock", "inbox")]
    for command in ((), *commands, *(("inbox", name) for name in ("list", "expected", "replay"))):
        shown = cli(*command, "--help").out
        assert max(map(len, shown.splitlines())) <= 80
        examples = shown.partition("xample")[2].partition("\nOptions:")[0].partition("\nArguments:")[0]
        for paragraph in examples.split("\n\n")[1:] if command else ():
            for line in paragraph.replace("\\\n", "").splitlines():
                assert re.match(r" +(apikley \w|task=|echo )", line), f"{line!r} is only a part of a command"
    assert "--image ship.png -o ship.mp4\n" in cli("--help").out.replace("\\\n", "").replace("  ", "")


def test_the_version_is_printed(cli: CommandLine) -> None:
    assert re.fullmatch(r"apikley \d+\.\d+\.\d+\S*\n", cli("--version").out)


def test_the_shell_completes_commands_and_a_models_fields(cli: CommandLine) -> None:
    def completed(words: str, place: int) -> list[str]:
        variables = {"COMP_WORDS": words, "COMP_CWORD": str(place), "_APIKLEY_COMPLETE": "complete_bash"}
        return piped("", **variables).stdout.split()

    assert completed("apikley do", 1) == ["download", "doctor"]
    assert "--prompt-optimizer" in completed("apikley run --pr", 2)
    assert completed("apikley run --model ha", 3) == [*apikley_contract.models()]
