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
        self._replaceable: set[Path] = set()

    @property
    def one_only(self) -> bool:
        """Whether there is room for one result only."""
        return self.given is not None and not self.given.is_dir() and _ID not in str(self.given)

    @property
    def words(self) -> list[str]:
        """The same for another command line."""
        return [] if self.given is None else ["-o", str(self.given)]

    def prepare(self, output: Output, *task_ids: str) -> None:
        """Find out before anything is paid or waited for whether the results can be put there; ask, if need be.

        Args:
            output: Who is asked.
            *task_ids: The tasks whose results they are, as far as they exist.

        Raises:
            ConfigurationError: A file is there, and is to stay.
            OSError: Nothing can be written there.
        """
        given = self.given or Path()
        _demand_writable(given if given.is_dir() else given.parent)
        for path in [given] if self.one_only else [self._named(task_id, _SUFFIX) for task_id in task_ids]:
            if not self._force and path.exists():
                _demand_leave(path, output)
                self._replaceable.add(path)

    def path(self, task_id: str, url: str) -> Path:
        """The file for one result.

        Raises:
            ConfigurationError: A file is there, and is to stay.
        """
        path = self._named(task_id, _suffix(url))
        if path.exists() and not self._force and path not in self._replaceable:
            raise ConfigurationError(f"{path} exists; say --force to replace it")
        return path

    def _named(self, task_id: str, suffix: str) -> Path:
        given = self.given or Path()
        # An id comes from outside: it must not lead out of the folder.
        safe = re.sub(r"[^\w.-]|^\.", "_", task_id)
        return given / f"{safe}{suffix}" if given.is_dir() else Path(str(given).replace(_ID, safe))


def _suffix(url: str) -> str:
    try:
        suffix = PurePosixPath(urlsplit(url).path).suffix
    except ValueError:  # an address that is none, which the download will say
        suffix = ""
    return suffix if re.fullmatch(r"\.\w{1,5}", suffix) else _SUFFIX


def _demand_leave(path: Path, output: Output) -> None:
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
