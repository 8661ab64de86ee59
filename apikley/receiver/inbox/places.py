"""Where the inbox is."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from apikley.errors import ConfigurationError


def default_inbox() -> Path:
    """Return the inbox of a receiver that names none: `inbox.db` in this user's data folder.

    It is not in the working folder, which depends on how a program is started, and which a deployment may replace.

    Raises:
        ConfigurationError: This user has no home folder.
    """
    try:
        return platformdirs.user_data_path("apikley", appauthor=False) / "inbox.db"
    except RuntimeError as error:
        raise ConfigurationError("this user has no home folder to keep the inbox in; name a file for it") from error
