"""A batch in a ledger with a driven clock, and what tests do with its rows."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy

import apikley_contract
from apikley._model.task import TaskInfo
from apikley.batch.ledger.admission import Intent
from apikley.batch.ledger.rows import Added, Budget, Claim, NewRow, Row, SavedFile, Stop, Wait
from apikley.batch.ledger.schema import metadata
from apikley.batch.ledger.store import Ledger
from apikley.testing import ManualClock
from contract_tests.other_models import using
from contract_tests.simulator.simulators import MODEL

ACCOUNT = "account"
LEASE = 30.0
NO_RESPONSE = 60.0  # seconds after which a create without a response frees its slot
LIMITED = "acme/limited"  # a model with limits of its own in `limits()`
FILES = [SavedFile("a.mp4", "0" * 64, 1)]


def new_row(key: str, *, model: str = MODEL, content: str = "1") -> NewRow:
    """A row to add; its request is told from others by its content."""
    return NewRow(key, 1, model, f'{{"model":"{model}","input":{{"prompt":"{content}"}}}}', content)


def contract_limits() -> dict[str, Any]:
    """The limits of creates in the contract."""
    return {name: value for name, value in _create_task(apikley_contract.openapi()).items() if "limit" in name}


@contextmanager
def limits(*, requests: int, seconds: float = 10.0, tasks: int = 100, model: Any = None) -> Iterator[None]:
    """Let the contract state other limits: of an account, and of the model `LIMITED`."""
    document = copy.deepcopy(dict(apikley_contract.openapi()))
    operation = _create_task(document)
    operation["x-rate-limit"].update(requests=requests, seconds=seconds)
    operation["x-running-limit"]["tasks"] = tasks
    operation["x-model-limits"] = {LIMITED: model} if model else {}
    with using(document):
        yield


def _create_task(document: Any) -> dict[str, Any]:
    operations = (each for path in document["paths"].values() for each in path.values() if isinstance(each, dict))
    return next(each for each in operations if each.get("operationId") == "createTask")


def drop_tables(url: str) -> None:
    """Remove the ledger from a PostgreSQL database."""
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    engine.dispose()


def task(task_id: str, *, state: str = "success", credits: float | None = 5.0, **record: Any) -> TaskInfo:
    """An ended task as a poll gives it."""
    price = {} if credits is None else {"creditsConsumed": credits}
    return TaskInfo(task_id, {"taskId": task_id, "state": state, **price, **record})


class Rows:
    """The rows of one batch.

    Attributes:
        ledger: The ledger.
        clock: Its clock.
        id: The id of the batch.
        tokens: The correlation token of the last create of each row.
    """

    def __init__(self, ledger: Ledger, clock: ManualClock, name: str = "batch") -> None:
        self.ledger = ledger
        self.clock = clock
        self.name = name
        self.id = ledger.open_batch(name).id
        self.tokens: dict[str, str] = {}

    def add(self, *keys: str, model: str = MODEL, content: str = "1", source: str = "table") -> Added:
        return self.ledger.add(self.id, source, [new_row(key, model=model, content=content) for key in keys])

    def row(self, key: str) -> Row:
        row = self.ledger.row(self.id, key)
        assert row is not None
        return row

    def state(self, key: str) -> str:
        return self.row(key).state

    def states(self) -> dict[str, int]:
        return {str(state): count for state, count in self.ledger.status(self.name).rows.items()}

    def row_id(self, key: str) -> int:
        return next(row_id for row_id, row in self.ledger.page(self.id) if row.key == key)

    def claim(self, key: str, *, worker: str = "worker", lease: float = LEASE) -> Claim:
        claim = self.ledger.claim(self.row_id(key), worker, lease)
        assert isinstance(claim, Claim), claim
        return claim

    def next(self, limit: int = 100, *, state: Any = "planned", worker: str = "worker", **options: Any) -> list[Claim]:
        return self.ledger.claim_next(self.id, state, worker, LEASE, limit, **options)

    def admit(
        self, claim: Claim, *, account: str = ACCOUNT, budgets: Sequence[Budget] = (), token: str | None = None
    ) -> Wait | Stop | None:
        token = secrets.token_hex(8) if token is None else token
        intent = Intent(account, token, self.clock.now().timestamp(), budgets)
        outcome = self.ledger.admit(claim, intent)
        if outcome is None:
            self.tokens[claim.key] = token
        return outcome

    def try_send(self, key: str, *, model: str = MODEL, **options: Any) -> Wait | Stop | None:
        """Add a row if it is new, claim it and ask to send its create."""
        if self.ledger.row(self.id, key) is None:
            self.add(key, model=model)
        claim = self.claim(key)
        outcome = self.admit(claim, **options)
        if outcome is not None:
            self.ledger.release([claim])
        return outcome

    def send(self, *keys: str, **options: Any) -> None:
        """Send the creates of rows."""
        for key in keys:
            assert self.try_send(key, **options) is None

    def create(self, *keys: str, **options: Any) -> None:
        """Create the tasks of rows; the task of row `a` is `task_a`."""
        for key in keys:
            self.send(key, **options)
            self.ledger.created(self.row_id(key), self.tokens[key], f"task_{key}")

    def end(self, key: str, *, state: str = "success", credits: float | None = 5.0, **record: Any) -> None:
        """End the task of a row."""
        self.ledger.ended(self.row_id(key), task(f"task_{key}", state=state, credits=credits, **record))

    def finish(self, *keys: str, credits: float | None = 5.0) -> None:
        """Create the tasks of rows, let them succeed and save their files."""
        for key in keys:
            self.create(key)
            self.end(key, credits=credits)
            self.ledger.saved(self.row_id(key), FILES)

    def fail(self, *keys: str, code: str = "500", credits: float | None = 0.0) -> None:
        """Create the tasks of rows, and let them fail."""
        for key in keys:
            self.create(key)
            self.clock.advance(1)
            self.end(key, state="fail", credits=credits, failCode=code, failMsg="no")

    def lose(self, *keys: str, **options: Any) -> None:
        """Send the creates of rows, and lose their responses."""
        for key in keys:
            self.send(key, **options)
            self.ledger.unknown(self.row_id(key), self.tokens[key], "timed out")

    def bring(self, key: str, state: str) -> None:
        """Bring a new row into a state."""
        steps: dict[str, Callable[[str], object]] = {
            "planned": self.add,
            "sending": self.send,
            "running": self.create,
            "done": self.finish,
            "failed": self.fail,
            "unknown": self.lose,
        }
        steps[state](key)

    def configure(self, **values: Any) -> None:
        self.ledger.configure(self.id, values)
