"""On PostgreSQL, whose transactions run at the same time, one admission of an account or batch waits for another."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from apikley.batch.ledger import admission
from apikley.batch.ledger.admission import Intent
from apikley.batch.ledger.rows import Claim, Wait
from apikley.batch.ledger.store import Ledger
from apikley.testing import ManualClock
from contract_tests.batch.ledgers import ACCOUNT, NO_RESPONSE, Rows, limits

pytestmark = pytest.mark.parametrize("where", ["postgresql"], indirect=True)
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


@pytest.fixture
def admit_both(where: str, rows: Rows, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Admits two creates. The second begins when the first one is checked, and before it is noted."""

    def admit(first: Claim, second: Claim, account: str) -> list[Any]:
        price_of, later = admission.price_of, list[Future[Any]]()
        with Ledger(where, clock=clock) as other, Ledger(where) as observer, ThreadPoolExecutor(1) as pool:
            other.batches()  # connects
            observer.batches()

            def is_waiting() -> bool:
                with observer._database.begin() as connection:
                    return bool(connection.scalar(_WAITING))

            def begin_another(*arguments: Any) -> float | None:
                monkeypatch.setattr(admission, "price_of", price_of)
                later.append(pool.submit(other.admit, second, Intent(account, "second", 0.0)))
                while not later[0].done() and not is_waiting():
                    pass
                return price_of(*arguments)

            monkeypatch.setattr(admission, "price_of", begin_another)
            return [rows.ledger.admit(first, Intent(ACCOUNT, "first", 0.0)), later[0].result()]

    return admit


def test_two_accounts_do_not_spend_the_last_credits_of_a_batch_twice(rows: Rows, admit_both: Any) -> None:
    rows.configure(price=5.0, max_credits=5.0)
    rows.add("a", "b")
    assert admit_both(*rows.next(), account="another account") == [None, Wait(1, "budget")]


def test_two_batches_do_not_take_the_last_slot_of_an_account_twice(
    rows: Rows, clock: ManualClock, admit_both: Any
) -> None:
    other = Rows(rows.ledger, clock, "other")
    rows.add("a")
    other.add("a")
    rows.ledger.reserve_polls(ACCOUNT, 1)  # makes the account
    with limits(requests=1):
        assert admit_both(*rows.next(), *other.next(), account=ACCOUNT) == [None, Wait(NO_RESPONSE, "rate")]
