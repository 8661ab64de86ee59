"""The plan of a table: what is in it, how long it takes and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from apikley._model import local_files
from apikley.batch.table.jobs import TableOptions
from apikley.batch.table.plan import duration, estimate, plan_table
from contract_tests.batch.tables import MODEL, table_contract
from contract_tests.cli.command_line import PNG


@pytest.fixture(scope="module", autouse=True)
def _contract() -> Iterator[None]:
    with table_contract():
        yield


def test_a_plan_counts_rows_models_duplicates_and_files(tmp_path: Path) -> None:
    (tmp_path / "ship.png").write_bytes(PNG)
    table = tmp_path / "t.csv"
    table.write_text("prompt,image_url,duration\nx,ship.png,1\nx,ship.png,1\ny,ship.png,99\n", encoding="utf-8")
    plan = plan_table(table, TableOptions(model=MODEL))
    assert (plan.rows, plan.models, plan.duplicates) == (2, {MODEL: 2}, [[1, 2]])
    assert (plan.files, plan.file_bytes) == (1, len(PNG))
    assert [each.row for each in plan.violations] == [3]


def test_an_estimate_says_both_limits() -> None:
    assert str(estimate(10_000, price=2)) == (
        "10,000 rows: 83 minutes by the create limit; at 5 minutes a video and 100 at a time: 8.3 hours; 20,000 credits"
    )
    assert str(estimate(1, seconds_per_video=45, max_running=10)).startswith(
        "1 row: 0.5 seconds by the create limit; at 45 seconds"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 second"), (90, "90 seconds"), (300, "5 minutes"), (7_200, "2 hours"), (864_000, "10 days")],
)
def test_a_duration_is_said_in_one_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_plan_opens_a_file_that_rows_share_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ship.png").write_bytes(PNG)
    (tmp_path / "t.csv").write_text("prompt,image_url\n" + "x,ship.png\n" * 50, encoding="utf-8")
    opened: list[Path] = []
    open_regular = local_files.open_regular

    def counted(path: Path) -> BinaryIO:
        opened.append(path)
        return open_regular(path)

    monkeypatch.setattr(local_files, "open_regular", counted)
    assert plan_table(tmp_path / "t.csv", TableOptions(MODEL)).rows == 50
    assert opened == [tmp_path / "ship.png"]


def test_a_plan_counts_rows_with_a_violation_of_the_whole_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("prompt,sku\nx,1\ny,2\n", encoding="utf-8")
    plan = plan_table(tmp_path / "t.csv", TableOptions(MODEL))
    assert (plan.rows, [each.column for each in plan.violations]) == (2, ["sku"])


def test_the_last_tasks_take_as_long_as_a_video() -> None:
    assert estimate(1, seconds_per_video=300, max_running=100).running_seconds == 300
    assert estimate(101, seconds_per_video=300, max_running=100).running_seconds == 600
    assert estimate(0).seconds == 0
