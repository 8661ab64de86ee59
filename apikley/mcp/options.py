"""What the server lets an agent do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from apikley.errors import ConfigurationError

MAX_CREDITS = 50.0
WAIT = 45.0  # seconds; many clients give a tool call 60


@dataclass(frozen=True)
class Options:
    """What the server lets an agent do.

    Attributes:
        database: The ledger: a SQLite file, or the URL of a PostgreSQL database.
        root: The only folder that files are read from and saved in.
        read_only: Whether to offer no tool that creates, uploads or downloads.
        price: The price of one task in credits. By default the highest price that the service has stated.
        max_credits: The credits that this run of the server may spend.
        max_credits_per_day: The credits that may be spent in any 24 hours, over all runs.
        confirm_above: A person confirms each create that costs more credits than this; None asks nobody.
        wait: The seconds after which a tool that waits returns.
    """

    database: str
    root: Path = field(default_factory=Path.cwd)
    read_only: bool = False
    price: float | None = None
    max_credits: float = MAX_CREDITS
    max_credits_per_day: float | None = None
    confirm_above: float | None = None
    wait: float = WAIT


def default_database() -> Path:
    """Return the ledger in the user's data folder, which is made if it is missing.

    Raises:
        ConfigurationError: This user has no home folder.
    """
    try:
        return platformdirs.user_data_path("apikley", appauthor=False, ensure_exists=True) / "mcp.db"
    except (RuntimeError, OSError) as error:
        raise ConfigurationError(f"there is no data folder for the ledger ({error}); name a file for it") from error
