"""The ledger's tables, the same on every database."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, MetaData, Table, Text, UniqueConstraint

VERSION = 1

metadata = MetaData()

# One row with the version of these tables.
versions = Table("apikley_ledger", metadata, Column("version", Integer, primary_key=True))

batches = Table(
    "apikley_batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("base_url", Text),
    Column("options", Text, nullable=False, default="{}"),  # what workers need to know, as JSON
    Column("price", Double),  # of one row, in credits
    Column("max_credits", Double),
    Column("max_running", Integer),
    Column("stop_after", Integer),  # equal failures in a row
    Column("paused", Text),  # the reason
    Column("paused_by_user", Integer, nullable=False, default=0),
)

# One row for each API key, locked while a create is admitted. Times are by the clock of leases.
accounts = Table(
    "apikley_accounts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("hold_until", Double, nullable=False, default=0.0),  # no create before this time
    Column("next_poll", Double, nullable=False, default=0.0),  # no poll before this time
)

# Times that end with `_at` are Unix seconds, except `leased_at`. That one and `due_at` are by the clock of leases.
rows = Table(
    "apikley_rows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch_id", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("source", Text, nullable=False),  # the table that the row is from
    Column("number", Integer, nullable=False),  # its number there
    Column("model", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("account", Text),
    Column("token", Text),  # the correlation token of the last create
    Column("task_id", Text),
    Column("task_state", Text),  # the final one
    Column("price", Double),  # reserved, then paid; null if it is not known
    Column("paid_before", Double, nullable=False, default=0.0),  # by creates before a retry
    Column("seconds", Double),  # from creation to completion
    Column("claim", Text),
    Column("worker", Text),
    Column("leased_at", Double),
    Column("lease", Double),
    Column("due_at", Double),
    Column("attempts", Integer, nullable=False, default=0),
    Column("sent_at", Double),
    Column("ended_at", Double),
    Column("settled_at", Double),
    Column("error_code", Text),
    Column("error", Text),
    Column("files", Text, nullable=False, default="[]"),
    UniqueConstraint("batch_id", "key"),
)
Index("apikley_rows_state", rows.c.batch_id, rows.c.state, rows.c.price, rows.c.paid_before)
Index("apikley_rows_next", rows.c.batch_id, rows.c.state, rows.c.id)
Index("apikley_rows_account", rows.c.account, rows.c.state, rows.c.model, rows.c.task_state)
Index("apikley_rows_ended", rows.c.batch_id, rows.c.task_state, rows.c.ended_at)
Index("apikley_rows_price", rows.c.batch_id, rows.c.model, rows.c.task_state, rows.c.price)
Index("apikley_rows_token", rows.c.token)
Index("apikley_rows_settled", rows.c.batch_id, rows.c.settled_at)

# The creates of the last seconds: each takes a slot of its account and one of its model, if that has a limit.
slots = Table(
    "apikley_slots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("scope", Text, nullable=False, index=True),
    Column("token", Text, nullable=False, index=True),
    Column("until", Double, nullable=False),  # by the clock of leases
)

# Files that were uploaded, so that each content is uploaded once while its link lives.
uploads = Table(
    "apikley_uploads",
    metadata,
    Column("account", Text, primary_key=True),
    Column("content_hash", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("uploaded_at", Double, nullable=False),
)
