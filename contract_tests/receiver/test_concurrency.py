"""Many threads and processes work on one inbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apikley.errors import InboxUnavailable
from apikley.receiver import Inbox
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import Claim, Completion, Result
from contract_tests.receiver.inboxes import LEASE, NOW, completion
from contract_tests.receiver.receivers import HANG


def test_concurrent_claims_get_each_event_once(where: str) -> None:
    inboxes = [Inbox(where)] * 4 if where == ":memory:" else [Inbox(where) for _ in range(4)]
    inboxes[0].write([completion(f"task_{n:03}") for n in range(200)])
    claimed: list[str] = []

    def claim(inbox: Inbox) -> None:
        while claims := inbox.claim(NOW, LEASE, 7):
            claimed.extend(each.event_id for each in claims)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(claim, inboxes))
    assert sorted(claimed) == [f"task_{n:03}:success" for n in range(200)]
    for inbox in inboxes:
        inbox.close()


def test_renewals_and_results_in_any_order_do_not_deadlock(inbox: Inbox) -> None:
    inbox.write([completion(f"task_{n:02}") for n in range(60)])

    def renew(claims: list[Claim]) -> None:
        for _ in range(10):
            inbox.renew(claims)

    def settle(claims: list[Claim]) -> None:
        inbox.write([Result(claim, "failed", NOW) for claim in claims])

    with ThreadPoolExecutor(3) as pool:
        for _ in range(10):
            claims = inbox.claim(NOW, LEASE, 60)
            for job in [pool.submit(renew, claims), pool.submit(renew, claims[::-1]), pool.submit(settle, claims[::2])]:
                job.result(HANG)


class Held:
    """Holds the writes of an inbox until `go_on` is set; then writes, or raises an error."""

    def __init__(self, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self._write, self._error = inbox.write, error
        monkeypatch.setattr(inbox, "write", self.write)

    def write(self, operations: Any) -> None:
        self.sizes.append(len(operations))
        self.entered.set()
        assert self.go_on.wait(HANG)
        if self._error is not None:
            raise self._error
        self._write(operations)


@pytest.fixture
def commit(inbox: Inbox) -> Iterator[GroupCommit]:
    commit = GroupCommit(inbox)
    yield commit
    commit.close()


@pytest.mark.parametrize("error", [None, InboxUnavailable("the inbox cannot be opened")], ids=["stored", "unavailable"])
def test_concurrent_writes_share_a_transaction_and_its_error(
    inbox: Inbox, commit: GroupCommit, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    held = Held(inbox, monkeypatch, error)
    futures = [commit.submit(completion("task_0"))]
    assert held.entered.wait(HANG)
    futures += [commit.submit(completion(f"task_{n}")) for n in range(1, 50)]
    held.go_on.set()
    assert [future.exception(HANG) for future in futures] == [error] * 50
    assert held.sizes == [1, 49]
    assert inbox.counts() == ({} if error else {"pending": 50})


def test_a_cancelled_write_is_not_written(inbox: Inbox, commit: GroupCommit, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(inbox, monkeypatch)
    first = commit.submit(completion("task_1"))
    assert held.entered.wait(HANG)
    cancelled, other = commit.submit(completion("task_2")), commit.submit(completion("task_3"))
    assert not first.cancel(), "it is being written"
    assert cancelled.cancel()
    held.go_on.set()
    first.result(HANG)
    other.result(HANG)
    assert {row.task_id for row in inbox.rows()} == {"task_1", "task_3"}


def test_a_write_that_fails_does_not_fail_the_others(inbox: Inbox, commit: GroupCommit) -> None:
    invalid = Completion("task_invalid", "success", None, NOW)  # type: ignore[arg-type]
    futures = [commit.submit(each) for each in (completion("task_1"), invalid, completion("task_2"))]
    assert [future.exception(HANG) is None for future in futures] == [True, False, True]
    assert inbox.counts() == {"pending": 2}
