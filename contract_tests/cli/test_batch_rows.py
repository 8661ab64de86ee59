"""`apikley batch plan`, and the commands that watch and settle the rows of a batch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from apikley.batch import Ledger
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
from contract_tests.cli.command_line import CLOSED, COMMAND, LIMIT, CommandLine, interrupt

pytestmark = pytest.mark.usefixtures("fast_tasks")
PLAN = ("batch", "plan", "products.csv")


def test_a_run_names_the_violations_of_a_table_like_a_plan(cli: CommandLine) -> None:
    write(cli, *(f"A{number},x," for number in range(60)))
    ended, planned = cli(*RUN), cli(*PLAN)
    assert (ended.code, planned.out.startswith(ended.out)) == (Exit.INVALID, True)
    assert "row 1 (A0), column image_url: " in ended.out
    assert ended.err == "apikley: products.csv is invalid, and no row of it was added: 60 violations\n"
    assert len(cli(*RUN, "--format", "json").document["violations"]) == 60
    assert creates(cli) == 0


def test_two_tables_of_one_name_are_refused(cli: CommandLine) -> None:
    (cli.folder / "b").mkdir()
    write(cli, *rows(1))
    write(cli, *rows(1), name="b/products.csv")
    ended = cli("batch", "run", "products.csv", "b/products.csv", "--out", "videos")
    assert (ended.code, "two files are named 'products'; rename one" in ended.err) == (Exit.INVALID, True)
    assert creates(cli) == 0


@pytest.mark.parametrize(
    "option", [("--model", "x"), ("--set", "a=b"), ("--map", "a=b"), ("--ignore", "a"), ("--allow-unknown-fields",)]
)
def test_options_about_columns_need_a_table(cli: CommandLine, option: tuple[str, ...]) -> None:
    write(cli, *rows(1))
    cli(*RUN)
    ended = cli("batch", "run", "--out", "videos", *option)
    assert (ended.code, "options about columns need a FILE" in ended.err) == (Exit.INVALID, True)


def test_a_plan_reports_a_wrong_profile(cli: CommandLine) -> None:
    write(cli, *rows(1))
    assert "there is no profile 'none'" in cli(*PLAN, "--profile", "none").err


def test_a_plan_without_the_service_shows_no_balance(cli: CommandLine) -> None:
    write(cli, *rows(1))
    ended = cli(*PLAN, "--base-url", CLOSED, "--format", "json")
    assert (ended.code, ended.document["balance"]) == (0, None)


def test_a_plan_for_a_new_batch_of_a_shared_ledger_has_no_median(cli: CommandLine) -> None:
    cli.patch.setenv("APIKLEY_BATCH_DATABASE", str(cli.folder / "shared.db"))
    write(cli, *rows(1))
    assert cli(*PLAN, "--format", "json").document["credits"] is None
    for name in ("spring", "summer"):
        assert cli(*RUN, "--name", name).code == 0
    assert cli(*PLAN, "--format", "json").document["credits"] is None
    assert cli(*PLAN, "--name", "spring", "--format", "json").document["credits"] == 2
    assert "there is no batch 'winter'" in cli(*PLAN, "--name", "winter").err


def test_a_named_folder_comes_before_the_database_of_the_environment(cli: CommandLine) -> None:
    write(cli, *rows(1))
    cli(*RUN)
    cli.patch.setenv("APIKLEY_BATCH_DATABASE", str(cli.folder / "none.db"))
    assert cli("batch", "status", "videos").code == 0
    assert "there is no ledger none.db" in cli("batch", "status", "--database", "none.db").err


@pytest.mark.parametrize("words", [("status", "videos"), ("pause", "videos"), ("export", "a.csv", "--out", "videos")])
def test_two_ledgers_are_not_named_at_once(cli: CommandLine, words: tuple[str, ...]) -> None:
    ended = cli("batch", *words, "--database", "shared.db")
    assert (ended.code, "not both" in ended.err) == (Exit.INVALID, True)


def test_several_batches_in_a_ledger_need_a_name(cli: CommandLine) -> None:
    write(cli, *rows(1))
    for name in ("spring", "summer"):
        assert cli(*RUN, "--database", "shared.db", "--name", name).code == 0
    for command in ("status", "pause", "resume", "work"):
        ended = cli("batch", command, "--database", "shared.db")
        assert (ended.code, "'spring', 'summer'; choose one with --name" in ended.err) == (Exit.INVALID, True)
    assert cli("batch", "pause", "--database", "shared.db", "--name", "summer").out == "summer is paused\n"


@pytest.fixture(name="half_done")
def half_done_fixture(cli: CommandLine) -> Callable[[], None]:
    """A batch with one of two rows created; settles the other one."""
    write(cli, *rows(2))
    assert cli(*RUN, "--limit", "1").code == 0

    def settle() -> None:
        with Ledger("videos/batch.db", create=False) as ledger:
            (claim,) = ledger.claim_next(1, "planned", "other", 60.0, 1)
            ledger.refused(claim.row_id, None, "422", "not allowed")

    return settle


def test_a_watch_ends_when_every_row_is_settled(cli: CommandLine, half_done: Callable[[], None]) -> None:
    cli.during_sleep = half_done
    ended = cli("batch", "status", "videos", "--watch", "--format", "json")
    assert (ended.code, ended.document["rows"]["planned"], ended.document["rows"]["refused"]) == (0, 0, 1)
    assert ended.err == "products: 1 planned, 1 done; 2 credits spent\n"


def test_a_watch_in_a_terminal_shows_the_whole_status(cli: CommandLine, half_done: Callable[[], None]) -> None:
    cli.during_sleep = half_done
    ended = cli.in_terminal("batch", "status", "videos", "--watch")
    assert ended.code == 0
    assert "planned  1" in ended.out
    assert "refused  1" in ended.out


@pytest.mark.usefixtures("half_done")
def test_ctrl_c_ends_a_watch_with_the_last_status(cli: CommandLine) -> None:
    cli.during_sleep = interrupt
    ended = cli("batch", "status", "videos", "--watch")
    assert (ended.code, "planned  1" in ended.out) == (0, True)


def test_unknown_rows_are_not_retried_before_the_amount_is_named(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", stage="after", when=CREATE)
    write(cli, *rows(1))
    cli(*RUN)
    retry = ("batch", "retry", "videos", "--unknown", "--older-than", "0s")
    assert "1 row may be paid a second time, up to 2 credits; --yes" in cli(*retry).err
    assert "Pay again, up to 2 credits?" in cli.in_terminal(*retry, typed=b"y\n").out
    assert cli(*RUN).code == 0
    assert creates(cli) == 2


def test_recent_unknown_rows_are_left(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", stage="after", when=CREATE)
    write(cli, *rows(1))
    cli(*RUN)
    ended = cli("batch", "retry", "videos", "--unknown", "--older-than", "24h", "--yes")
    assert (ended.code, ended.out) == (0, "0 rows planned again\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("retry", "videos", "--failed", "--older-than", "1h"), "--older-than to --unknown"),
        (("retry", "videos", "--unknown", "--older-than", "1h", "--code", "501"), "--code belongs to --failed"),
        (("resolve", "videos", "A0", "--task", " "), "--task is empty"),
        (("resolve", "videos", "A0", "B0", "--not-made"), "name one folder and one row"),
        (("work", "--database", "none.db"), "there is no ledger none.db"),
        (("export", "none/report.csv", "--out", "videos"), "No such file or directory"),
    ],
)
def test_wrong_options_of_rows_are_reported(cli: CommandLine, words: tuple[str, ...], message: str) -> None:
    write(cli, *rows(1))
    cli(*RUN)
    ended = cli("batch", *words)
    assert (ended.code, message in ended.err) == (Exit.INVALID, True)


def test_a_row_without_a_task_is_planned_again(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", when=CREATE)
    write(cli, *rows(1))
    assert cli(*RUN).code == Exit.OUTCOME_UNKNOWN
    ended = cli("batch", "resolve", "videos", "A0", "--not-made", "--format", "json")
    assert ended.document == {"row": "A0", "task_id": None}
    assert cli(*RUN).code == 0
    assert creates(cli) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("status", "videos"),
        ("run", "products.csv"),
        ("work", "--database", "shared.db"),
        ("export", "report.csv", "--out", "videos"),
        ("retry", "videos", "--failed"),
    ],
    ids=lambda words: words[0],
)
def test_without_sqlalchemy_the_extra_is_named(cli: CommandLine, words: tuple[str, ...]) -> None:
    write(cli, *rows(1))
    (cli.folder / "videos").mkdir()
    (cli.folder / "videos" / "batch.db").touch()
    (cli.folder / "sqlalchemy.py").write_text("raise ModuleNotFoundError(name='sqlalchemy')", encoding="utf-8")
    variables = {**os.environ, "PYTHONPATH": str(cli.folder)}
    ended = subprocess.run(
        [*COMMAND, "batch", *words],
        cwd=cli.folder, env=variables, capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    message = "apikley: sqlalchemy is not installed; run: pip install 'apikley[batch]'\n"
    assert (ended.returncode, ended.stderr) == (Exit.FAILED, message)


def test_a_password_of_the_ledger_on_the_command_line_is_warned_about(cli: CommandLine) -> None:
    ended = cli("batch", "status", "--database", "postgresql://me:secret@127.0.0.1:9/db")
    assert "warning: --database shows the password in the process list" in ended.err
    assert "secret" not in ended.out + ended.err
