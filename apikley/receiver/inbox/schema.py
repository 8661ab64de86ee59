"""The inbox's tables, the same on every database."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

# One row for each ending of a task. A claim moves `due_at` to the end of its lease, so that what a
# killed process leaves behind comes up again by itself. An attempt is counted in both columns when it is
# begun; its outcome clears `interrupted`, which so counts the attempts in a row that a process ended in.
callbacks = Table(
    "apikley_callbacks",
    metadata,
    Column("key", Text, primary_key=True),
    Column("task_id", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("source", Text, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("status", Text, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("interrupted", Integer, nullable=False, default=0),
    Column("claim", Text),
    Column("handled_by", Text, nullable=False, default=""),
    Column("error", Text),
)
Index("apikley_callbacks_due", callbacks.c.status, callbacks.c.due_at)

# Which task a correlation token turned out to name.
tokens = Table(
    "apikley_tokens",
    metadata,
    Column("token", Text, primary_key=True),
    Column("task_id", Text, nullable=False, index=True),
)

# Jobs whose callback is waited for: by their id, by their token, or by both.
expected = Table(
    "apikley_expected",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", Text, unique=True),
    Column("token", Text, unique=True),
    Column("due_at", Double, index=True),
    Column("attempts", Integer, nullable=False, default=0),
    Column("noted_at", Double, nullable=False),
)
