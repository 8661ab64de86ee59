"""The inbox's tables, the same on every database."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

# One row for each event. A claim is renewed while its process runs: `leased_at` is the last time, by the clock of
# leases, and `lease` is how long the claim holds without another one. Then other processes take the event over.
events = Table(
    "apikley_events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("task_id", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("claim_id", Text),
    Column("leased_at", Double),
    Column("lease", Double),
    Column("handled_by", Text, nullable=False, default=""),
    Column("error", Text),
)
Index("apikley_events_due", events.c.status, events.c.due_at)

# The task that a callback named for a correlation token.
tokens = Table(
    "apikley_tokens",
    metadata,
    Column("token", Text, primary_key=True),
    Column("task_id", Text, nullable=False, index=True),
)

# Tasks whose callback is expected, by id, by token, or by both.
pending_callbacks = Table(
    "apikley_pending_callbacks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", Text, unique=True),
    Column("token", Text, unique=True),
    Column("due_at", Double, index=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("noted_at", Double, nullable=False),
)
