"""Runs of a batch: what happens to its rows, and what a second run does."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from apikley import ConfigurationError, LedgerUnavailable, RequestInvalid
from apikley._database.database import Database
from apikley.batch import Batch, Ledger, Status
from apikley.batch.run.background import interruptible
from apikley.receiver import Inbox
from apikley.receiver.inbox.rows import Completion
from apikley_mock.options import FaultWhen
from apikley_mock.plugin import MockService
from contract_tests.batch.conftest import MakeBatch
from contract_tests.cli.command_line import PNG
from contract_tests.simulator.simulators import MODEL

IMAGE = "https://files.example.com/a.png"
CREATE: FaultWhen = {"operation": "createTask"}


def rows(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"row-{n}", "model": MODEL, "prompt": f"row-{n}", "image_url": IMAGE, **fields} for n in range(count)
    ]


def creates(mock: MockService) -> Counter[str]:
    """The number of accepted creates by prompt."""
    tasks = [*mock._service.engine.tasks.values()]  # the simulator may add one meanwhile
    return Counter(json.loads(task.param)["input"]["prompt"] for task in tasks)


def test_every_row_is_created_once_and_its_result_saved(
    make_batch: MakeBatch, apikley_mock: MockService, tmp_path: Path
) -> None:
    batch = make_batch()
    assert batch.add(rows(3)).new == 3
    status = batch.run()
    assert status.rows == {"done": 3}
    assert (status.spent, status.reserved, status.open) == (6, 0, 0)
    assert creates(apikley_mock) == {"row-0": 1, "row-1": 1, "row-2": 1}
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mp4")) == ["row-0.mp4", "row-1.mp4", "row-2.mp4"]


def test_a_second_run_creates_nothing(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    for _ in range(2):
        batch = make_batch()
        batch.add(rows(2))
        assert batch.run().rows == {"done": 2}
    assert creates(apikley_mock).total() == 2


def test_new_rows_of_the_same_table_are_added(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    first = make_batch()
    first.add(rows(1))
    first.run()
    second = make_batch()
    added = second.add(rows(3))
    assert (added.new, added.known) == (2, 1)
    assert second.run().rows == {"done": 3}


def test_a_row_that_changed_after_its_create_is_refused_by_name(make_batch: MakeBatch) -> None:
    first = make_batch()
    first.add(rows(2))
    first.run()
    changed = rows(2)
    changed[1]["prompt"] = "another"
    with pytest.raises(ConfigurationError, match=r"changed after their create was sent: row-1;"):
        make_batch().add(changed)


def test_a_row_of_another_table_is_not_replaced(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.add(rows(1), source="spring.csv")
    assert batch.add(rows(1), source="copy.csv").known == 1
    changed = [{**rows(1)[0], "prompt": "another"}]
    with pytest.raises(ConfigurationError, match=r"'autumn\.csv' have the ids of other rows in 'spring\.csv': row-0;"):
        batch.add(changed, source="autumn.csv")


def test_a_row_that_is_not_in_the_table_any_more_is_not_created(
    make_batch: MakeBatch, apikley_mock: MockService
) -> None:
    batch = make_batch()
    batch.add(rows(3))
    assert batch.add(rows(1)).removed == 2
    batch.run()
    assert creates(apikley_mock) == {"row-0": 1}


def test_broken_rows_are_named_and_none_is_added(make_batch: MakeBatch) -> None:
    batch = make_batch()
    with pytest.raises(RequestInvalid, match=r"2\.prompt"):
        batch.add([*rows(1), {"model": MODEL, "image_url": IMAGE}])
    assert batch.status().total == 0


def test_a_field_that_the_contract_lacks_is_sent_if_it_is_allowed(
    make_batch: MakeBatch, apikley_mock: MockService
) -> None:
    batch = make_batch()
    with pytest.raises(RequestInvalid, match="new_field"):
        batch.add(rows(1, new_field="x"))
    batch.add(rows(1, new_field="x"), allow_unknown_fields=True)
    assert batch.run().rows == {"done": 1}
    (task,) = apikley_mock._service.engine.tasks.values()
    assert json.loads(task.param)["input"]["new_field"] == "x"


def test_a_table_is_added_from_its_file(make_batch: MakeBatch, tmp_path: Path) -> None:
    table = tmp_path / "products.csv"
    table.write_text(f"id,prompt,image_url\nA7,a ship,{IMAGE}\n", encoding="utf-8")
    batch = make_batch()
    batch.add_csv(table, model=MODEL)
    batch.run()
    (result,) = batch.results()
    assert (result["id"], result["state"], result["file"], result["credits"]) == ("A7", "done", "A7.mp4", 2)


def test_a_file_that_rows_share_is_uploaded_once(
    make_batch: MakeBatch, apikley_mock: MockService, tmp_path: Path
) -> None:
    (tmp_path / "ship.png").write_bytes(PNG)
    (tmp_path / "copy.png").write_bytes(PNG)
    table = tmp_path / "products.csv"
    table.write_text("prompt,image_url\na,ship.png\nb,ship.png\nc,copy.png\n", encoding="utf-8")
    batch = make_batch()
    batch.add_csv(table, model=MODEL)
    assert batch.run().rows == {"done": 3}
    uploads = [entry for entry in apikley_mock.journal if "upload" in entry.target and entry.method == "POST"]
    assert len(uploads) == 1


def test_a_plan_estimates_the_rows_that_are_left(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.add(rows(3))
    assert str(batch.plan()).startswith("3 rows: 1.5 seconds by the create limit; at 5 minutes a video")
    assert (batch.plan().credits, batch.plan(seconds_per_video=60).seconds_per_video) == (6, 60)
    batch.run()
    assert batch.plan().rows == 0


def test_a_table_is_checked_without_adding_it(make_batch: MakeBatch, tmp_path: Path) -> None:
    table = tmp_path / "products.csv"
    table.write_text(f"prompt,image_url\na ship,{IMAGE}\n,{IMAGE}\n", encoding="utf-8")
    batch = make_batch()
    found = batch.check_table(table, model=MODEL)
    assert (found.rows, [each.row for each in found.violations]) == (1, [2])
    assert batch.status().total == 0


def test_an_empty_cell_of_a_data_frame_is_no_field(make_batch: MakeBatch) -> None:
    batch = make_batch()
    assert batch.add(rows(1, prompt_optimizer=float("nan"))).new == 1


def test_the_manifest_lists_every_row(make_batch: MakeBatch, tmp_path: Path) -> None:
    batch = make_batch()
    batch.add(rows(2))
    batch.run()
    lines = (tmp_path / "out" / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["row-0", "row-1"]
    with (tmp_path / "out" / "manifest.csv").open(encoding="utf-8", newline="") as opened:
        cells = [*csv.DictReader(opened)]
    assert [(row["state"], row["file"], len(row["sha256"])) for row in cells] == [
        ("done", "row-0.mp4", 64),
        ("done", "row-1.mp4", 64),
    ]


def test_a_template_names_the_files(make_batch: MakeBatch, tmp_path: Path) -> None:
    batch = make_batch(template="{number:03d}/{id}{suffix}")
    batch.add(rows(1))
    batch.run()
    assert (tmp_path / "out" / "001" / "row-0.mp4").exists()


@pytest.mark.parametrize(
    ("template", "message"),
    [("{name}.mp4", "its fields are {id}, {number}"), ("clip.mp4", "names one file for all rows"), ("{", "is invalid")],
)
def test_a_template_is_checked_first(make_batch: MakeBatch, template: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make_batch(template=template)


def test_an_id_cannot_lead_out_of_the_folder(make_batch: MakeBatch, tmp_path: Path) -> None:
    batch = make_batch()
    batch.add([{**rows(1)[0], "id": "../../escape"}, {**rows(1)[0], "id": ".._.._escape"}])
    assert batch.run().rows == {"done": 2}
    assert not (tmp_path.parent / "escape.mp4").exists()
    assert len([*(tmp_path / "out").glob("*.mp4")]) == 2


def test_results_can_be_saved_at_an_fsspec_url(make_batch: MakeBatch, tmp_path: Path) -> None:
    import fsspec

    batch = make_batch(out="memory://videos", database=tmp_path / "batch.db")
    batch.add(rows(1))
    assert batch.run().rows == {"done": 1}
    names = {Path(name).name for name in fsspec.filesystem("memory").ls("/videos", detail=False)}
    assert names == {"row-0.mp4", "manifest.csv", "manifest.jsonl"}


def test_a_failed_task_fails_its_row(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(outcome="fail", fail_code="500", fail_message="no ship")
    batch = make_batch()
    batch.add(rows(2))
    assert batch.run().rows == {"done": 1, "failed": 1}
    (failed,) = batch.results(["failed"])
    assert (failed["error_code"], failed["error"]) == ("500", "no ship")


def test_failed_rows_are_created_again_only_when_asked(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.plan_next(outcome="fail", fail_code="500")
    batch = make_batch()
    batch.add(rows(1))
    batch.run()
    assert batch.run().rows == {"failed": 1}
    assert batch.retry_failed(code="400") == 0
    assert batch.retry_failed(code="500") == 1
    assert batch.run().rows == {"done": 1}
    assert creates(apikley_mock) == {"row-0": 2}


def test_a_refused_row_costs_nothing(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(422, message="no ships", when=CREATE)
    batch = make_batch()
    batch.add(rows(1))
    status = batch.run()
    assert (status.rows, status.spent) == ({"refused": 1}, 0)
    assert status.errors == [("row-0", "422", "no ships")]


@pytest.mark.parametrize("code", [429, 455])
def test_a_create_that_the_service_refuses_for_now_is_sent_again(
    make_batch: MakeBatch, apikley_mock: MockService, code: int
) -> None:
    apikley_mock.fail_next(code, when=CREATE)
    batch = make_batch()
    batch.add(rows(1))
    assert batch.run().rows == {"done": 1}


@pytest.mark.parametrize(("code", "words"), [(401, "key"), (402, "")])
def test_a_refused_account_pauses_the_batch_and_the_next_run_goes_on(
    make_batch: MakeBatch, apikley_mock: MockService, code: int, words: str
) -> None:
    apikley_mock.fail_next(code, when=CREATE)
    batch = make_batch()
    batch.add(rows(1))
    status = batch.run()
    assert status.rows == {"planned": 1}
    assert str(code) in (status.paused or "")
    assert words in (status.paused or "")
    assert batch.run().rows == {"done": 1}


def test_equal_failures_pause_the_batch(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(422, message="no ships", times=None, when=CREATE)
    batch = make_batch(stop_after=2)
    batch.add(rows(30))
    status = batch.run()
    assert status.paused == "2 rows in a row failed with 422: no ships"
    assert status.rows["planned"] > 0


def test_a_lost_response_is_never_sent_again(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(fault="reset", stage="after", when=CREATE)
    batch = make_batch()
    batch.add(rows(2))
    status = batch.run()
    assert status.rows == {"done": 1, "unknown": 1}
    assert status.spent == 4, "an unknown row counts"
    assert batch.run().rows == {"done": 1, "unknown": 1}
    assert creates(apikley_mock) == {"row-0": 1, "row-1": 1}


def test_a_callback_names_the_task_of_an_unknown_row(
    make_batch: MakeBatch, apikley_mock: MockService, tmp_path: Path
) -> None:
    apikley_mock.fail_next(fault="reset", stage="after", when=CREATE)
    database = tmp_path / "batch.db"
    with Inbox(database) as inbox:
        inbox.counts()
        batch = make_batch(database=database, callback_url="http://127.0.0.1:9/callback")
        batch.add(rows(1))
        thread = threading.Thread(target=batch.run)
        thread.start()
        while not (tokens := batch.ledger.unknown_tokens(batch.record.id)):
            assert thread.is_alive()
        (task,) = apikley_mock._service.engine.tasks.values()
        assert next(iter(tokens)) in str(task.callback_url)
        inbox.write([Completion(task.id, "success", b"{}", 0.0, next(iter(tokens)))])
        thread.join()
    assert batch.status().rows == {"done": 1}
    assert creates(apikley_mock).total() == 1


def test_an_unknown_row_is_resolved_by_its_task(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(fault="reset", stage="after", when=CREATE)
    batch = make_batch()
    batch.add(rows(1))
    batch.run()
    (task,) = apikley_mock._service.engine.tasks.values()
    batch.resolve("row-0", task_id=task.id)
    assert batch.run().rows == {"done": 1}
    assert creates(apikley_mock).total() == 1


def test_an_unknown_row_whose_task_was_not_made_is_created(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    apikley_mock.fail_next(fault="reset", stage="before", when=CREATE)
    batch = make_batch()
    batch.add(rows(1))
    assert batch.run().rows == {"unknown": 1}
    batch.resolve("row-0", task_id=None)
    assert batch.run().rows == {"done": 1}


def test_only_unknown_rows_can_be_resolved(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.add(rows(1))
    with pytest.raises(ConfigurationError, match="is planned, not unknown"):
        batch.resolve("row-0", task_id="task_1")
    with pytest.raises(ConfigurationError, match="no row 'row-9'; did you mean 'row-0'"):
        batch.resolve("row-9", task_id="task_1")


def test_the_cap_is_never_exceeded(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    batch = make_batch(max_credits=5)
    batch.add(rows(4))
    status = batch.run()
    assert (status.rows, status.spent) == ({"done": 2, "planned": 2}, 4)
    assert batch.stopped_because is not None
    assert batch.stopped_because.kind == "cap"
    assert creates(apikley_mock).total() == 2


def test_a_cap_without_a_price_needs_one(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    batch = make_batch(max_credits=5, price=None)
    batch.add(rows(4))
    assert "name a price" in (batch.run().paused or "")
    assert creates(apikley_mock).total() == 1
    again = make_batch(max_credits=5, price=2)
    assert (again.run().rows, again.status().spent) == ({"done": 2, "planned": 2}, 4)


def test_a_paused_batch_creates_nothing_until_it_is_resumed(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.add(rows(1))
    batch.pause()
    assert batch.run().rows == {"planned": 1}
    batch.resume()
    assert batch.run().rows == {"done": 1}


def test_a_stopped_run_keeps_its_tasks_and_the_next_one_goes_on(
    make_batch: MakeBatch, apikley_mock: MockService
) -> None:
    apikley_mock.plan_next(times=None, durations=(0, 0, 3600))
    batch = make_batch()
    batch.add(rows(3))

    def stop_when_running(status: Status) -> None:
        if status.rows.get("running") == 3:
            batch.stop()

    with pytest.raises(KeyboardInterrupt):
        batch.run(on_progress=stop_when_running)
    assert batch.status().rows == {"running": 3}
    apikley_mock.advance(3600)
    assert batch.run().rows == {"done": 3}
    assert creates(apikley_mock).total() == 3


def test_an_interruption_before_a_run_stops_nothing(make_batch: MakeBatch) -> None:
    assert make_batch().stop() is False
    with pytest.raises(KeyboardInterrupt), interruptible(lambda: False):
        signal.raise_signal(signal.SIGINT)


def test_it_runs_in_a_running_event_loop(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.add(rows(1))

    async def notebook() -> Status:
        return batch.run()

    assert asyncio.run(notebook()).rows == {"done": 1}


def test_it_can_be_awaited(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.add(rows(1))
    seen: list[Status] = []
    assert asyncio.run(batch.arun(on_progress=seen.append)).rows == {"done": 1}
    assert seen


def test_the_ledger_of_another_batch_is_refused(make_batch: MakeBatch) -> None:
    make_batch("spring").add(rows(1))
    with pytest.raises(ConfigurationError, match="is the ledger of batch 'spring', not of 'autumn'"):
        make_batch("autumn").add(rows(1))


def test_tasks_of_another_service_are_not_mixed(make_batch: MakeBatch) -> None:
    batch = make_batch()
    batch.add(rows(1))
    batch.run()
    other = make_batch(base_url="https://api.example.com")
    with pytest.raises(ConfigurationError, match=r"the tasks of batch 'autumn' are on http://127\.0\.0\.1"):
        other.run()


def test_a_full_disk_pauses_the_batch_and_the_next_run_saves(
    make_batch: MakeBatch, apikley_mock: MockService, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apikley.batch.run import saving

    def full(path: Path, name: str) -> Any:
        raise OSError(28, "No space left on device", str(path))

    batch = make_batch()
    batch.add(rows(1))
    with monkeypatch.context() as patch:
        patch.setattr(saving, "_describe", full)
        status = batch.run()
    assert "No space left on device" in (status.paused or "")
    assert status.rows == {"running": 1}
    assert batch.run().rows == {"done": 1}
    assert creates(apikley_mock).total() == 1


def test_a_single_row_is_worked_on_for_a_queue_of_ones_own(make_batch: MakeBatch, apikley_mock: MockService) -> None:
    batch = make_batch()
    batch.add(rows(2))
    assert batch.run_row("row-1").state == "done"
    assert batch.run_row("row-1").state == "done"
    assert creates(apikley_mock) == {"row-1": 1}
    with pytest.raises(ConfigurationError, match="no row 'row-7'"):
        batch.run_row("row-7")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_ledger_that_is_away_now_and_then_loses_and_repeats_nothing(
    make_batch: MakeBatch, apikley_mock: MockService, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    batch = make_batch()
    batch.add(rows(6))
    run, calls = Database.run, itertools.count()

    def flaky(database: Database, work: Any) -> Any:
        fails = next(calls) % 5 == 4
        if fails and moment == "before":
            raise LedgerUnavailable("the ledger is away")
        result = run(database, work)
        if fails:  # the transaction is committed, and its response is lost
            raise LedgerUnavailable("the ledger is away")
        return result

    with monkeypatch.context() as patch:
        patch.setattr(Database, "run", flaky)
        asyncio.run(_until_settled(batch))
    assert batch.status().rows == {"done": 6}
    assert {*creates(apikley_mock).values()} == {1}


async def _until_settled(batch: Batch) -> None:
    while True:
        try:
            await batch.arun()
        except LedgerUnavailable:  # at the start, before there is a worker
            continue
        return


def test_a_cancellation_between_the_intent_and_the_request_leaves_the_row_planned(
    make_batch: MakeBatch, apikley_mock: MockService, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_batch()
    batch.add(rows(1))
    admit, is_admitted, may_return = Ledger.admit, threading.Event(), threading.Event()

    def slow(ledger: Ledger, *arguments: Any) -> Any:
        outcome = admit(ledger, *arguments)
        is_admitted.set()
        may_return.wait()
        return outcome

    async def cancel() -> None:
        running = asyncio.ensure_future(batch.arun())
        await asyncio.to_thread(is_admitted.wait)
        running.cancel()
        await asyncio.sleep(0)
        may_return.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    monkeypatch.setattr(Ledger, "admit", slow)
    asyncio.run(cancel())
    assert batch.status().rows == {"planned": 1}
    assert not creates(apikley_mock)
