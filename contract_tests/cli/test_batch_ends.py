"""How `apikley batch run` ends, and how it goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from threading import Event
from types import SimpleNamespace

import click
import pytest
from click.core import ParameterSource
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from apikley.batch import Batch
from apikley.cli.batches import place_arguments, seconds_left, status_lines
from apikley.cli.exit_codes import Exit
from contract_tests.cli.batch_runs import (  # noqa: F401 - fixtures
    CREATE,
    RUN,
    apikley_mock_settings,
    creates,
    fast_tasks_fixture,
    rows,
    write,
)
from contract_tests.cli.command_line import CTRL_C, IMAGE, LIMIT, CommandLine, Program, Result, interrupt

pytestmark = pytest.mark.usefixtures("fast_tasks")


def interrupted(cli: CommandLine, *arguments: str) -> Result:
    """Press Ctrl-C in place of a run."""
    with cli.patch.context() as patch:
        patch.setattr(Batch, "run", interrupt)
        return cli(*arguments)


def test_the_command_that_goes_on_sends_the_rows_as_they_were_mapped(cli: CommandLine) -> None:
    write(cli, "A0,a ship,7", header="id,Text,sku")
    ended = interrupted(cli, *RUN, "--map", "prompt=Text", "--set", f"image_url={IMAGE}", "--ignore", "sku")
    assert ended.code == Exit.UNFINISHED
    assert cli(*ended.resume).code == 0
    cli.mock.assert_created_once(input={"prompt": "a ship", "image_url": IMAGE})


def test_the_command_that_goes_on_keeps_the_limit(cli: CommandLine) -> None:
    write(cli, *rows(3))
    ended = interrupted(cli, *RUN, "--limit", "2")
    assert cli(*ended.resume).code == 0
    assert creates(cli) == 2


def test_the_command_that_goes_on_keeps_profile_and_base_url(cli: CommandLine) -> None:
    write(cli, *rows(1))
    ended = interrupted(cli, *RUN, "--base-url", cli.mock.url)
    assert ended.resume == ["batch", "run", "--out", "videos", "--name", "products", "--base-url", cli.mock.url]


def test_the_command_that_goes_on_is_accepted_with_an_inbox(cli: CommandLine) -> None:
    write(cli, *rows(1))
    ended = interrupted(cli, *RUN, "--inbox", "inbox.db", "--callback-url", "https://me.example.com/hook")
    assert cli(*ended.resume).code == 0
    entry = cli.mock.assert_created_once()
    assert entry.json()["callBackUrl"].startswith("https://me.example.com/hook")


def test_the_command_that_goes_on_leaves_a_database_to_the_environment(cli: CommandLine) -> None:
    write(cli, *rows(1))
    cli.patch.setenv("APIKLEY_BATCH_DATABASE", str(cli.folder / "shared.db"))
    ended = interrupted(cli, *RUN)
    assert ended.resume == ["batch", "run", "--out", "videos", "--name", "products"]
    assert cli(*ended.resume).code == 0


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("postgresql://user:secret@host/name", "postgresql://user:***@host/name"),
        ("postgresql://host/name?user=me&password=secret", "postgresql://host/name?user=me&password=***"),
        (
            "postgresql://host/name?sslpassword=secret&sslmode=require",
            "postgresql://host/name?sslpassword=***&sslmode=require",
        ),
        ("shared.db", "shared.db"),
    ],
)
def test_the_command_that_goes_on_shows_no_password(place: str, shown: str) -> None:
    with click.Context(click.Command("run")) as context:
        context.set_parameter_source("database", ParameterSource.COMMANDLINE)
        assert place_arguments("database", place) == ["--database", shown]


@pytest.fixture(name="slow")
def slow_fixture(httpserver: HTTPServer) -> Iterator[SimpleNamespace]:
    """A service whose response to a create is held back until `released` is set."""
    slow = SimpleNamespace(url=httpserver.url_for("").rstrip("/"), reached=Event(), released=Event(), creates=0)
    record = {"taskId": "task_1", "state": "success", "resultJson": json.dumps({"resultUrls": [f"{slow.url}/a.mp4"]})}

    def create(_: Request) -> Response:
        slow.creates += 1
        slow.reached.set()
        slow.released.wait(LIMIT)
        return Response(json.dumps({"code": 200, "msg": "success", "data": {"taskId": "task_1"}}))

    httpserver.expect_request(re.compile("/.*"), method="POST").respond_with_handler(create)
    httpserver.expect_request("/a.mp4").respond_with_data(b"video", content_type="video/mp4")
    httpserver.expect_request(re.compile("/.*")).respond_with_json({"code": 200, "msg": "success", "data": record})
    yield slow
    slow.released.set()


def test_ctrl_c_while_a_create_is_sent_notes_its_task(cli: CommandLine, slow: SimpleNamespace) -> None:
    write(cli, *rows(1))
    with Program(*RUN, "--base-url", slow.url, cwd=cli.folder) as program:
        program.wait_for("", slow.reached.is_set)
        program.type(CTRL_C)
        program.wait_for("^C")
        slow.released.set()
        assert program.wait() == Exit.UNFINISHED, program.shown
    assert cli("batch", "status", "videos", "--format", "json").document["rows"]["running"] == 1
    assert cli("batch", "run", "--out", "videos", "--base-url", slow.url).code == 0
    assert (slow.creates, (cli.folder / "videos" / "A0.mp4").read_bytes()) == (1, b"video")


def test_an_unknown_row_comes_before_a_failed_one(cli: CommandLine) -> None:
    write(cli, f"A0,[mock: reset],{IMAGE}", f"A1,[mock: fail 501],{IMAGE}")
    ended = cli(*RUN)
    assert ended.code == Exit.OUTCOME_UNKNOWN
    assert "1 row of unknown outcome" in ended.err
    assert "1 row failed" in ended.err


def test_an_unknown_row_comes_before_the_cap(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", stage="after", when=CREATE)
    write(cli, *rows(2))
    ended = cli(*RUN, "--max-credits", "2")
    assert (ended.code, "the cap is reached" in ended.err) == (Exit.OUTCOME_UNKNOWN, True)
    assert creates(cli) == 1


def test_an_unknown_row_comes_before_a_pause(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", stage="after", when=CREATE)
    write(cli, *rows(1))
    assert cli(*RUN).code == Exit.OUTCOME_UNKNOWN
    cli.mock.fail_next(402, when=CREATE)
    write(cli, *rows(2))
    ended = cli(*RUN)
    assert (ended.code, "the batch is paused: 402" in ended.err) == (Exit.OUTCOME_UNKNOWN, True)


def test_the_cap_comes_before_a_failed_row(cli: CommandLine) -> None:
    cli.mock.fail_next(422, when=CREATE)
    write(cli, *rows(3))
    ended = cli(*RUN, "--max-credits", "3")
    assert (ended.code, "1 row failed" in ended.err) == (Exit.CAP_REACHED, True)


def test_a_limit_does_not_hide_a_failed_row(cli: CommandLine) -> None:
    cli.mock.plan_next(outcome="fail", fail_code="501")
    write(cli, *rows(2))
    assert cli(*RUN, "--limit", "1").code == Exit.GENERATION_FAILED


def test_a_run_with_an_unknown_row_may_be_repeated_without_a_second_payment(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", stage="after", when=CREATE)
    write(cli, *rows(1))
    ended = cli(*RUN, "--format", "json")
    assert "pay twice" not in ended.err
    (hint,) = ended.document["error"]["hints"]
    assert "apikley batch resolve --database" in hint
    assert cli(*RUN).code == Exit.OUTCOME_UNKNOWN
    assert creates(cli) == 1


def test_the_hint_of_a_batch_that_a_user_has_paused_resumes_it(cli: CommandLine) -> None:
    write(cli, *rows(1))
    assert cli(*RUN, "--limit", "1").code == 0
    write(cli, *rows(2))
    cli("batch", "pause", "videos")
    ended = cli(*RUN)
    assert ended.code == Exit.REFUSED
    resumed = cli(*ended.resume)
    assert (resumed.code, resumed.out.startswith("products is resumed")) == (0, True)
    assert creates(cli) == 1


@pytest.mark.parametrize(
    "arguments",
    [("batch", "resume", "my videos"), ("batch", "retry", "my videos", "--failed")],
    ids=["resume", "retry"],
)
def test_the_command_after_a_change_goes_on_with_the_batch(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    cli.mock.plan_next(outcome="fail", fail_code="501")
    write(cli, *rows(1))
    cli("batch", "run", "products.csv", "--out", "my videos", "--price", "2")
    shown = cli(*arguments).out
    assert shown.endswith(": apikley batch run --out 'my videos' --name products\n")


def test_the_time_left_follows_the_number_of_running_tasks(cli: CommandLine) -> None:
    write(cli, *rows(8))
    assert cli(*RUN, "--limit", "1").code == 0
    with Batch("products", out="videos") as batch:
        status = batch.status()
    one, all_ = seconds_left(status, 1), seconds_left(status)
    assert one is not None
    assert all_ is not None
    assert status.seconds_per_video is not None
    assert one >= 7 * status.seconds_per_video
    assert "about " in "\n".join(status_lines(status, 1))


def test_quiet_and_json_keep_stdout_to_the_result(cli: CommandLine) -> None:
    write(cli, *rows(1))
    ended = cli(*RUN, "--format", "json", "--quiet")
    assert (ended.err, ended.document["rows"]["done"]) == ("", 1)


def test_a_pipe_shows_the_progress_as_plain_lines(cli: CommandLine) -> None:
    write(cli, *rows(1))
    lines = cli(*RUN).err.splitlines()
    assert lines[0] == "products.csv: 1 new rows, 0 known, 0 changed, 0 removed"
    assert lines[1].startswith("products: 1 planned; 0 credits spent")
    assert not any("\x1b" in line for line in lines)


_TWO_LINES = "\x1b[1A\x1b[2K\x1b[1A"  # how Rich redraws what takes more than one line


def test_a_terminal_shows_the_progress_in_one_line(cli: CommandLine) -> None:
    cli.patch.setenv("COLUMNS", "50")
    write(cli, *rows(1), name=f"{'long-name-' * 6}.csv")
    ended = cli.in_terminal("batch", "run", f"{'long-name-' * 6}.csv", "--out", "videos", "--price", "2")
    assert ended.code == 0
    assert "\x1b[" in ended.out
    assert "long-name-" in ended.out
    assert _TWO_LINES not in ended.out
