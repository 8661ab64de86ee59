"""What is wrong with a table."""

from __future__ import annotations

from typing import NamedTuple


class RowViolation(NamedTuple):
    """One broken rule in a table.

    Attributes:
        row: The number of the row; None for the whole table.
        column: The column, if it is about one.
        key: The key of the row, if it has one.
        message: The violation in words.
    """

    row: int | None
    column: str | None
    key: str | None
    message: str

    def __str__(self) -> str:
        """Return one line, for instance `row 7, column prompt: 1,812 characters, at most 1,500`."""
        row = None if self.row is None else f"row {self.row}"
        row = f"{row} ({self.key})" if row and self.key else row
        column = None if self.column is None else f"column {self.column}"
        place = ", ".join(filter(None, (row, column)))
        return f"{place}: {self.message}" if place else self.message
