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

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415

        modules = {
            "Batch": "batch",
            "Budget": "ledger.rows",
            "Jobs": "run.jobs",
            "Ledger": "ledger.store",
            "Row": "ledger.rows",
            "Status": "ledger.rows",
        }
        if name not in modules:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            return getattr(import_module(f"{__name__}.{modules[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name not in ("sqlalchemy", "platformdirs"):
                raise
            message = f"{error.name} is not installed; run: pip install 'apikley[batch]'"
            raise ModuleNotFoundError(message, name=error.name) from None


__all__ = ["Batch", "Budget", "Jobs", "Ledger", "Row", "Status"]
