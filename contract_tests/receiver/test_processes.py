"""Receivers in their own processes: killed at any moment, and two on one database."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract_tests.receiver.kills import kill_repeatedly, wait_until_handled
from contract_tests.receiver.load import callbacks, send
from contract_tests.receiver.receiver_process import log_lines, running


def test_a_kill_loses_no_acknowledged_callback_and_repeats_no_success(tmp_path: Path) -> None:
    counts = kill_repeatedly(tmp_path, kills=3)
    assert counts.kills == 3
    assert len(counts.acknowledged) > 20
    assert counts.lost == set()
    assert counts.twice_after_success == set()
    assert counts.twice_without_crash == set()


@pytest.mark.parametrize("where", ["postgresql"], indirect=True)
def test_two_receivers_on_one_database_handle_each_event_once(tmp_path: Path, where: str) -> None:
    task_ids = [f"process_{number}" for number in range(300)]
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    with running(where, logs[0]) as (_, first), running(where, logs[1]) as (_, second):

        def deliver(port: int) -> list[str]:
            acknowledged: list[str] = []
            send(port, callbacks(task_ids), connections=4, acknowledged=acknowledged.append)
            return sorted(acknowledged)

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(deliver, (first, second))) == [sorted(task_ids)] * 2
        wait_until_handled(where)
    handled = Counter(event_id for log in logs for what, event_id in log_lines(log) if what == "end")
    assert handled == Counter(f"{task_id}:success" for task_id in task_ids)
