"""Receivers as processes: killed at any moment, and two of them on one database."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from apikley.receiver import Inbox
from contract_tests.receiver import postgres
from contract_tests.receiver.kills import kill_repeatedly
from contract_tests.receiver.load import callbacks, send
from contract_tests.receiver.receiver_process import log_lines, running


def test_a_kill_loses_nothing_that_was_acknowledged_and_doubles_nothing_that_was_done(tmp_path: Path) -> None:
    found = kill_repeatedly(tmp_path, kills=3)
    assert found.kills == 3
    assert len(found.acknowledged) > 20
    assert found.lost == set()
    assert found.twice_after_success == set()
    assert found.twice_without_crash == set()


def test_two_receivers_on_one_database_handle_each_delivery_once(tmp_path: Path) -> None:
    task_ids = [f"task_{number}" for number in range(300)]
    with postgres.running() as url:
        logs = [tmp_path / "a.log", tmp_path / "b.log"]
        with running(url, logs[0]) as (_, first), running(url, logs[1]) as (_, second):

            def deliver(port: int) -> list[str]:
                acknowledged: list[str] = []
                send(port, callbacks(task_ids), connections=4, acknowledged=acknowledged.append)
                return sorted(acknowledged)

            with ThreadPoolExecutor(2) as pool:
                assert list(pool.map(deliver, (first, second))) == [sorted(task_ids)] * 2
            with Inbox(url) as inbox:
                deadline = time.monotonic() + 30
                while inbox.counts() != {"done": 300}:
                    assert time.monotonic() < deadline, inbox.counts()
                    time.sleep(0.05)
    handled = Counter(key for log in logs for what, key in log_lines(log) if what == "end")
    assert handled == Counter(f"{task_id}:success" for task_id in task_ids)
