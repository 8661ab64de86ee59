"""Which file a result goes to, and whether it may."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import typer

from apikley.cli._output import Output
from apikley.errors import ConfigurationError

# What a model makes, where its address does not say.
_SUFFIX = ".mp4"
_ID = "{id}"


class Target:
    """Where results go.

    Args:
        given: A file, a folder, or a name with `{id}` in it; the current folder, if None.
        force: Whether a file that is there may be replaced unasked.
    """

    def __init__(self, given: Path | None, *, force: bool) -> None:
        self.given = given
        self._force = force

    @property
    def one_only(self) -> bool:
        """Whether there is room for one result only."""
        return self.given is not None and not self.given.is_dir() and _ID not in str(self.given)

    @property
    def words(self) -> list[str]:
        """The same for another command line."""
        return [] if self.given is None else ["-o", str(self.given)]

    def prepare(self, output: Output) -> None:
        """Find out before anything is paid whether a result can be put there.

        Raises:
            ConfigurationError: A file is there, and is to stay.
            OSError: Nothing can be written there.
        """
        if self.given is not None:
            _demand_writable(self.given if self.given.is_dir() else self.given.parent)
            if self.one_only:
                self._demand_free(self.given, output)
                # Answered: what stands there now is to be replaced.
                self._force = True
        else:
            _demand_writable(Path())

    def path(self, task_id: str, url: str, output: Output) -> Path:
        """The file for one result.

        Raises:
            ConfigurationError: A file is there, and is to stay.
        """
        safe = re.sub(r"[^\w.-]|^\.", "_", task_id)
        suffix = PurePosixPath(urlsplit(url).path).suffix
        name = safe + (suffix if re.fullmatch(r"\.\w{1,5}", suffix) else _SUFFIX)
        given = self.given or Path()
        path = given / name if given.is_dir() else Path(str(given).replace(_ID, safe))
        self._demand_free(path, output)
        return path

    def _demand_free(self, path: Path, output: Output) -> None:
        if self._force or not path.exists():
            return
        if not output.asks:
            raise ConfigurationError(f"{path} exists; say --force to replace it")
        try:
            replace = typer.confirm(f"{path} exists; replace it?", err=True)
        except typer.Abort as error:
            raise KeyboardInterrupt from error
        if not replace:
            raise ConfigurationError(f"{path} exists, and stays as it is")


def _demand_writable(folder: Path) -> None:
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
