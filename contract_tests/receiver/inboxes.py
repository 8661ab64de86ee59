"""Inboxes for tests: where they can be kept, and what is put into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy

from apikley.receiver import Inbox
from apikley.receiver.inbox.rows import Begun, Claimed, Delivery, Outcome
from apikley.receiver.inbox.schema import metadata

NOW = 1_000.0
LEASE = 60.0

PLACES = ["memory", "sqlite", "postgresql"]


def place_for(kind: str, folder: Path, postgresql: str) -> str:
    """Where an inbox of this kind can be kept; empty."""
    if kind == "memory":
        return ":memory:"
    if kind == "sqlite":
        return str(folder / "inbox.db")
    engine = sqlalchemy.create_engine(postgresql.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    engine.dispose()
    return postgresql


def delivery(task: str, state: str = "success", **more: Any) -> Delivery:
    return Delivery(task, state, b'{"x":"\\u0000"}\x00\xff', more.pop("at", NOW), **more)


def done(item: Claimed) -> Outcome:
    return Outcome(item, "done", NOW)


def begin(inbox: Inbox, now: float = NOW, limit: int = 1) -> list[Claimed]:
    """Claim endings and begin to handle them."""
    items = inbox.claim(now, LEASE, limit)
    inbox.write([Begun(item) for item in items])
    return items
