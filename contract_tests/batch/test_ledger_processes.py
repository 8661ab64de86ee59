"""Worker processes on one ledger, at full speed and killed between an admission and its outcome."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator

from apikley.batch.ledger.limits import create_limit
from apikley.batch.ledger.store import Ledger
from apikley.testing import ManualClock
from contract_tests.batch.admitting import BATCH, LEASE, read_line, rest, running
from contract_tests.batch.ledgers import new_row

PROCESSES = 8
REQUESTS, _ = create_limit()
ACCOUNTS = [f"account {number}" for number in range(PROCESSES)]


def prepare(where: str, count: int, max_credits: float | None) -> None:
    """Make a ledger with rows that cost one credit each."""
    with Ledger(where) as ledger:
        batch_id = ledger.open_batch(BATCH).id
        ledger.configure(batch_id, {"price": 1.0, "max_credits": max_credits})
        ledger.add(batch_id, "table", [new_row(f"row {number}") for number in range(count)])


def states(where: str) -> dict[str, int]:
    with Ledger(where) as ledger:
        return {str(state): count for state, count in ledger.status(BATCH).rows.items()}


def test_processes_at_full_speed_spend_exactly_the_cap(where: str) -> None:
    cap = 4 * REQUESTS
    prepare(where, 2 * cap, cap)
    with running(where, ACCOUNTS) as processes:
        admitted = Counter(key for process in processes for key in rest(process))
    assert set(admitted.values()) == {1}
    assert admitted.total() == cap
    assert states(where) == {"running": cap, "planned": cap}


def test_processes_of_one_account_share_its_rate(where: str) -> None:
    prepare(where, 3 * REQUESTS, None)
    with running(where, ACCOUNTS[:1] * 4) as processes:
        admitted = [key for process in processes for key in rest(process)]
    assert len(admitted) == len({*admitted}) == REQUESTS


def test_exactly_the_creates_of_killed_processes_become_unknown(where: str) -> None:
    each = 2
    prepare(where, 4 * PROCESSES * each, 3 * PROCESSES * each)
    with running(where, ACCOUNTS, leave=each) as processes:
        in_flight = {key for process in processes for key in until_waiting(process)}
        for process in processes:
            process.kill()
    assert len(in_flight) == PROCESSES * each
    assert keys(where, "sending") == in_flight
    expire_leases(where)
    assert keys(where, "unknown") == in_flight
    with running(where, ACCOUNTS) as processes:
        later = [key for process in processes for key in rest(process)]
    assert in_flight.isdisjoint(later)
    assert len(later) == len({*later}) == 2 * PROCESSES * each
    assert keys(where, "unknown") == in_flight


def until_waiting(process: subprocess.Popen[str]) -> Iterator[str]:
    """The keys that a process prints before it waits."""
    return iter(lambda: read_line(process), "waiting")


def keys(where: str, state: str) -> set[str]:
    with Ledger(where) as ledger:
        (batch,) = ledger.batches()
        return {row.key for row in ledger.rows(batch.id, [state])}  # type: ignore[list-item]


def expire_leases(where: str) -> None:
    """Look for lost creates when the last lease has ended."""
    clock = ManualClock()
    with Ledger(where, clock=clock) as ledger:
        (batch,) = ledger.batches()
        assert ledger.sweep(batch.id) == 0
        clock.advance(LEASE)
        ledger.sweep(batch.id)
