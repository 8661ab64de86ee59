"""Many threads and processes work on one inbox, and none is in another's way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apikley.receiver import Inbox
from apikley.receiver.inbox.group_commit import GroupCommit
from apikley.receiver.inbox.rows import Begun, Claimed, Delivery, Outcome
from contract_tests.receiver.inboxes import LEASE, NOW, delivery


def test_many_claim_at_once_and_each_ending_is_claimed_once(where: str) -> None:
    inboxes = [Inbox(where)] * 4 if where == ":memory:" else [Inbox(where) for _ in range(4)]
    inboxes[0].write([delivery(f"task_{n:03}") for n in range(200)])
    claimed: list[str] = []

    def claim(inbox: Inbox) -> None:
        while items := inbox.claim(NOW, LEASE, 7):
            claimed.extend(item.key for item in items)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(claim, inboxes))
    assert sorted(claimed) == [f"task_{n:03}:success" for n in range(200)]
    for inbox in inboxes:
        inbox.close()


def test_those_who_change_the_same_endings_in_any_order_never_wait_for_each_other(inbox: Inbox) -> None:
    inbox.write([delivery(f"task_{n:02}") for n in range(60)])
    items = inbox.claim(NOW, LEASE, 60)

    def renew(items: list[Claimed]) -> None:
        for _ in range(30):
            inbox.renew(items, NOW + LEASE)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(renew, [items, items[::-1]]))


def test_those_who_begin_and_settle_together_never_wait_for_those_who_renew(inbox: Inbox) -> None:
    inbox.write([delivery(f"task_{n:02}") for n in range(60)])

    def settle(items: list[Claimed]) -> None:
        inbox.write([*map(Begun, items[30:]), *(Outcome(item, "pending", NOW) for item in items[:30])])

    def renew(items: list[Claimed]) -> None:
        for _ in range(3):
            inbox.renew(items, NOW)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            items = sorted(inbox.claim(NOW, LEASE, 60), key=lambda item: item.key)
            for job in [pool.submit(renew, items), pool.submit(settle, items)]:
                job.result()
            inbox.release(items, NOW)


def test_what_is_handed_in_together_is_written_together(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write, entered, go_on = inbox.write, threading.Event(), threading.Event()

    def held(operations: Any) -> None:
        sizes.append(len(operations))
        entered.set()
        assert go_on.wait(10)
        write(operations)

    monkeypatch.setattr(inbox, "write", held)
    commit = GroupCommit(inbox)
    first = commit.submit(delivery("task_0"))
    assert entered.wait(10)
    others = [commit.submit(delivery(f"task_{n}")) for n in range(1, 50)]
    go_on.set()
    for future in [first, *others]:
        future.result(10)
    commit.close()
    assert sizes == [1, 49]
    assert inbox.counts() == {"pending": 50}


def test_who_gave_up_waiting_is_not_written_and_holds_up_nobody(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    write, entered, go_on = inbox.write, threading.Event(), threading.Event()

    def held(operations: Any) -> None:
        entered.set()
        assert go_on.wait(10)
        write(operations)

    monkeypatch.setattr(inbox, "write", held)
    commit = GroupCommit(inbox)
    first = commit.submit(delivery("task_1"))
    assert entered.wait(10)
    given_up, other = commit.submit(delivery("task_2")), commit.submit(delivery("task_3"))
    assert not first.cancel(), "it is being written"
    assert given_up.cancel()
    go_on.set()
    first.result(10)
    other.result(10)
    commit.close()
    assert {entry.task_id for entry in inbox.entries()} == {"task_1", "task_3"}


def test_one_that_cannot_be_written_does_not_take_the_others_with_it(inbox: Inbox) -> None:
    commit = GroupCommit(inbox)
    wrong = Delivery("task_wrong", "success", None, NOW)  # type: ignore[arg-type]
    futures = [commit.submit(each) for each in (delivery("task_1"), wrong, delivery("task_2"))]
    commit.close()
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert inbox.counts() == {"pending": 2}
