"""`apikley batch`: a table becomes videos, and the same command goes on."""

from __future__ import annotations

import pytest

from apikley.batch import Batch
from contract_tests.cli.batch_runs import CREATE, RUN, apikley_mock_settings, creates, fast_tasks_fixture, rows, write  # noqa: F401 - fixtures
from contract_tests.cli.command_line import IMAGE, MODEL, CommandLine, Program, interrupt

pytestmark = pytest.mark.usefixtures("fast_tasks")


def test_a_table_becomes_videos(cli: CommandLine) -> None:
    write(cli, *rows(2))
    code, out, err = cli(*RUN)
    assert (code, creates(cli)) == (0, 2)
    assert out.splitlines()[:3] == ["state  rows", "done   2", "total  2"]
    assert "products.csv: 2 new rows, 0 known, 0 changed, 0 removed" in err
    assert sorted(path.name for path in (cli.folder / "videos").glob("*.mp4")) == ["A0.mp4", "A1.mp4"]


def test_the_same_command_again_creates_nothing(cli: CommandLine) -> None:
    write(cli, *rows(1))
    assert cli(*RUN).code == cli(*RUN).code == 0
    assert creates(cli) == 1


def test_a_run_without_a_file_goes_on_with_the_ledger(cli: CommandLine) -> None:
    write(cli, *rows(2))
    assert cli(*RUN, "--limit", "1").code == 0
    assert creates(cli) == 1
    assert cli("batch", "run", "--out", "videos").code == 0
    assert creates(cli) == 2


def test_the_status_is_a_json_document(cli: CommandLine) -> None:
    write(cli, *rows(2))
    document = cli(*RUN, "--format", "json").document
    assert (document["name"], document["rows"]["done"], document["spent"]) == ("products", 2, 4)
    assert cli("batch", "status", "videos", "--format", "json").document["rows"] == document["rows"]


def test_quiet_prints_no_progress(cli: CommandLine) -> None:
    write(cli, *rows(1))
    assert cli(*RUN, "--quiet").err == ""


def test_a_plan_needs_no_key_and_sends_nothing(cli: CommandLine) -> None:
    write(cli, *rows(2))
    cli.patch.delenv("APIKLEY_API_KEY")
    code, out, err = cli("batch", "plan", "products.csv", "--price", "5")
    assert (code, err) == (0, "")
    assert out.startswith(
        "2 rows: 1 second by the create limit; at 5 minutes a video and 100 at a time: 5 minutes; 10 credits"
    )
    assert not cli.requests()


def test_a_plan_shows_the_balance_beside_the_estimate(cli: CommandLine) -> None:
    write(cli, *rows(1))
    assert "the account has " in cli("batch", "plan", "products.csv").out


def test_a_plan_takes_time_and_price_from_finished_rows(cli: CommandLine) -> None:
    write(cli, *rows(1))
    cli(*RUN)
    document = cli("batch", "plan", "products.csv", "--out", "videos", "--format", "json").document
    assert document["credits"] == 2


def test_a_plan_names_every_violation_by_row_and_column(cli: CommandLine) -> None:
    write(cli, "A0,,x.png,1", f"A0,b,{IMAGE},2", header="id,prompt,image_url,promt")
    code, out, err = cli("batch", "plan", "products.csv")
    assert code == 2
    assert "column promt: is no field of the model; did you mean 'prompt'?" in out
    assert "row 2 (A0), column id: 'A0' is the id of row 1, too" in out
    assert err.startswith("apikley: the table is invalid: ")


def test_a_long_list_of_violations_is_cut_in_text_only(cli: CommandLine) -> None:
    write(cli, *(f"A{number},x," for number in range(60)))
    assert "… and 10 more violations" in cli("batch", "plan", "products.csv").out
    assert len(cli("batch", "plan", "products.csv", "--format", "json").document["violations"]) == 60


def test_columns_are_mapped_set_and_ignored(cli: CommandLine) -> None:
    write(cli, "A0,a ship,7", header="id,Text,sku")
    code, _, err = cli(*RUN, "--map", "prompt=Text", "--set", f"image_url={IMAGE}", "--ignore", "sku")
    assert code == 0, err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run", "none.csv"), 2, "none.csv: No such file"),
        (("run", "products.csv", "--set", "duration"), 2, "'duration' has no form NAME=VALUE"),
        (("run",), 2, "there is no ledger in this folder"),
        (("run", "products.csv", "--template", "x.mp4"), 2, "names one file for all rows"),
        (("run", "products.csv", "--callback-url", "nowhere"), 2, "expected an http or https URL"),
        (("work",), 2, "name the ledger that the workers share with --database"),
        (("status", "nowhere"), 2, "there is no ledger in nowhere"),
        (("retry", "videos"), 2, "choose --failed or --unknown"),
        (("retry", "videos", "--unknown"), 2, "--unknown needs --older-than"),
        (("retry", "videos", "--unknown", "--older-than", "24"), 2, "is not a duration such as 90m, 24h or 3d"),
        (("resolve", "videos", "A0"), 2, "choose --task ID or --not-made"),
        (("export", "report.xlsx", "--out", "videos"), 2, "expected .csv, .jsonl or .parquet"),
        (("resolve", "videos", "B0", "--not-made"), 2, "has no row 'B0'"),
        (("resolve", "videos", "A0", "--not-made"), 2, "row 'A0' is done, not unknown"),
        (("status", "videos", "--name", "other"), 2, "there is no batch 'other'"),
        (("run", "products.csv", "--out", "videos", "--name", "other"), 2, "is the ledger of batch 'products'"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    cli: CommandLine, arguments: tuple[str, ...], code: int, message: str
) -> None:
    write(cli, *rows(1))
    cli(*RUN)
    found = cli("batch", *arguments)
    assert (found.code, "Traceback" in found.err) == (code, False)
    assert message in found.err


def test_failed_rows_have_an_exit_code_and_are_retried_when_asked(cli: CommandLine) -> None:
    cli.mock.plan_next(outcome="fail", fail_code="501")
    write(cli, *rows(2))
    code, out, err = cli(*RUN)
    assert (code, "1 row failed" in err) == (4, True)
    assert "501" in out
    assert cli("batch", "retry", "videos", "--failed", "--code", "501").out.startswith("1 row planned again")
    assert cli(*RUN).code == 0
    assert creates(cli) == 3


def test_unknown_rows_have_an_exit_code_and_are_resolved(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", stage="after", when=CREATE)
    write(cli, *rows(1))
    code, _, err = cli(*RUN)
    assert (code, "1 row of unknown outcome" in err) == (6, True)
    (task,) = cli.mock._service.engine.tasks
    assert cli("batch", "resolve", "videos", "A0", "--task", task).code == 0
    assert cli(*RUN).code == 0
    assert creates(cli) == 1


def test_unknown_rows_are_paid_again_only_after_a_question(cli: CommandLine) -> None:
    cli.mock.fail_next(fault="reset", stage="after", when=CREATE)
    write(cli, *rows(1))
    cli(*RUN)
    retry = ("batch", "retry", "videos", "--unknown", "--older-than", "0s")
    code, _, err = cli(*retry)
    assert (code, "--yes plans them again without asking" in err) == (2, True)
    assert "no row was planned again" in cli.in_terminal(*retry, typed=b"n\n").out
    assert cli(*retry, "--yes").out.startswith("1 row planned again")


def test_the_cap_has_an_exit_code(cli: CommandLine) -> None:
    write(cli, *rows(3))
    code, _, err = cli(*RUN, "--max-credits", "4")
    assert (code, creates(cli)) == (8, 2)
    assert "the cap is reached: 4 of 4 credits are spent; the next create costs 2; raise --max-credits" in err
    assert cli(*RUN, "--max-credits", "6").code == 0


def test_a_refused_key_pauses_the_batch(cli: CommandLine) -> None:
    cli.mock.fail_next(401, when=CREATE)
    write(cli, *rows(1))
    code, _, err = cli(*RUN)
    assert (code, "the batch is paused: 401" in err) == (3, True)
    assert cli(*RUN).code == 0


def test_a_batch_is_paused_and_resumed(cli: CommandLine) -> None:
    write(cli, *rows(1))
    cli("batch", "run", "products.csv", "--out", "videos", "--limit", "1")
    write(cli, *rows(2))
    assert cli("batch", "pause", "videos").out == "products is paused\n"
    assert cli(*RUN).code == 3
    assert creates(cli) == 1
    assert "products is resumed" in cli("batch", "resume", "videos").out
    assert cli(*RUN).code == 0


def test_another_worker_works_on_the_batch_of_a_database(cli: CommandLine) -> None:
    write(cli, *rows(2))
    database = str(cli.folder / "shared.db")
    assert cli(*RUN, "--database", database, "--limit", "1").code == 0
    assert cli("batch", "work", "--database", database).code == 0
    assert cli("batch", "status", "--database", database).out.startswith("state  rows\ndone   2")


@pytest.mark.parametrize("name", ["report.csv", "report.jsonl", "report.parquet"])
def test_rows_are_exported_and_no_file_is_replaced_unasked(cli: CommandLine, name: str) -> None:
    write(cli, *rows(2))
    cli(*RUN)
    export = ("batch", "export", name, "--out", "videos")
    assert cli(*export).out == f"{name}: 2 rows\n"
    assert (cli.folder / name).stat().st_size
    assert cli(*export) == (2, "", f"apikley: {name} exists; --force replaces it\n")
    assert cli(*export, "--force").code == 0


def test_ctrl_c_prints_the_command_that_goes_on(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    write(cli, *rows(1))
    with monkeypatch.context() as patch:
        patch.setattr(Batch, "run", interrupt)
        code, _, err = cli(*RUN, "--max-credits", "4")
    assert code == 5
    assert "resume with: apikley batch run --out videos --name products" in err


def test_ctrl_c_in_a_terminal_keeps_the_tasks(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    write(cli, *rows(1))
    cli.mock.plan_next(times=None, durations=(0, 0, 3600))
    with Program(*RUN, "--format", "json", cwd=cli.folder) as program:
        program.wait_for("", lambda: creates(cli) == 1)
        program.wait_for("1 running")
        program.type(b"\x03")
        assert program.wait() == 5
    assert "resume with: apikley batch run --out videos --name products" in program.shown
    cli.mock.advance(3600)
    assert cli(*RUN).code == 0
    assert creates(cli) == 1


def test_the_help_needs_no_database(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert "Make many videos from a table" in cli("batch", "--help").out


def test_the_model_may_be_a_column(cli: CommandLine) -> None:
    write(cli, f"A0,a ship,{IMAGE},{MODEL}", header="id,prompt,image_url,model")
    assert cli(*RUN).code == 0
