"""Many paid jobs from tables: no job is paid twice, and none is lost.

    from apikley.batch import Batch

    with Batch("autumn", out="videos", max_credits=500) as batch:
        batch.add_csv("products.csv")
        batch.run(on_progress=print)

What was sent and paid is in a ledger: run the same program again, and the batch goes on. Needs the extra `batch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apikley.batch.batch import Batch
    from apikley.batch.ledger.rows import Budget, Row, Status
    from apikley.batch.ledger.store import Ledger
    from apikley.batch.run.jobs import Jobs
else:  # on first use, because a table is checked without a database
    from apikley._model.lazy import lazy_names

    _MODULES = {
        "Batch": "batch",
        "Budget": "ledger.rows",
        "Jobs": "run.jobs",
        "Ledger": "ledger.store",
        "Row": "ledger.rows",
        "Status": "ledger.rows",
    }
    __getattr__ = lazy_names(__name__, _MODULES, "batch")


__all__ = ["Batch", "Budget", "Jobs", "Ledger", "Row", "Status"]
