"""The exit code and the message of each failure."""

from __future__ import annotations

import pytest

from apikley._model.partial_file import PartialFile
from apikley.cli.exit_codes import Exit, failure_of
from apikley.errors import InboxUnavailable
from contract_tests.cli.command_line import CLOSED, IMAGE, RUN, CommandLine

NEVER = ("run", "--prompt", "[mock: never]", "--image", IMAGE, "--timeout", "5", "-o", "a b.mp4")
LOST = ("create", "--prompt", "[mock: reset]", "--image", IMAGE)
EXITS: dict[Exit, tuple[str, ...]] = {
    Exit.DONE: ("credits",),
    Exit.FAILED: ("upload", "."),
    Exit.INVALID: ("create", "--prompt", "a ship"),
    Exit.REFUSED: ("create", "--prompt", "[mock: error 402]", "--image", IMAGE),
    Exit.GENERATION_FAILED: ("run", "--prompt", "[mock: fail 422 prohibited]", "--image", IMAGE),
    Exit.UNFINISHED: NEVER,
    Exit.OUTCOME_UNKNOWN: LOST,
    Exit.NETWORK: ("credits", "--base-url", CLOSED),
}


@pytest.mark.parametrize("code", EXITS, ids=[code.name for code in EXITS])
def test_each_exit_code_has_a_json_error(cli: CommandLine, code: Exit) -> None:
    ended = cli(*EXITS[code], "--format", "json")
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    if code is not Exit.DONE:
        error = ended.document["error"]
        assert (error["exit_code"], error["kind"]) == (code, code.name.lower())
        assert ended.err.splitlines()[-1 - len(error["hints"])].startswith(("apikley: ", "  input."))


@pytest.mark.parametrize("code", EXITS, ids=[code.name for code in EXITS])
def test_each_exit_code_is_the_same_in_a_terminal(cli: CommandLine, code: Exit) -> None:
    ended = cli.in_terminal(*EXITS[code])
    assert ended.code == code, ended.out
    assert ("apikley:\x1b[0m " in ended.out) is (code is not Exit.DONE)
    assert "Traceback" not in ended.out


def test_every_exit_code_is_tested() -> None:
    others = {Exit.INTERRUPTED, Exit.CAP_REACHED}  # shown by the tests of Ctrl-C and of batches
    assert {*EXITS, *others} == set(Exit)


def test_an_unavailable_database_is_a_network_failure() -> None:
    failure = failure_of(InboxUnavailable("the database is down"))
    assert failure
    assert (failure.code, failure.message) == (Exit.NETWORK, "the database is down")


def test_a_timeout_prints_the_command_that_resumes(cli: CommandLine) -> None:
    ended = cli(*NEVER, "--base-url", cli.mock.url)
    task = cli.mock.assert_created_once().task_id
    assert ended.err.endswith(f"resume with: apikley wait {task} -o 'a b.mp4' --base-url {cli.mock.url}\n")


def test_an_unknown_outcome_warns_about_a_second_payment(cli: CommandLine) -> None:
    ended = cli(*LOST)
    assert "a task may exist and be paid: look for it in your account before you run this again" in ended.err
    assert len(cli.mock.journal.requests("POST")) == 1


def test_a_full_disk_keeps_the_task_and_leaves_no_partial_file(cli: CommandLine) -> None:
    def full(_: PartialFile, chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    cli.patch.setattr(PartialFile, "write", full)
    ended = cli(*RUN, "-o", "clip.mp4")
    task = cli.mock.assert_created_once().task_id
    assert ended.code == Exit.FAILED
    assert ended.err.endswith(
        f"apikley: the disk is full\n  the task is kept; resume with: apikley download {task} -o clip.mp4\n"
    )
    assert [path.name for path in cli.folder.iterdir()] == ["cat.png"]
