"""Which file a result is saved to, and whether it may replace another."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import click

from apikley._model.file_names import DEFAULT_SUFFIX, safe_name, suffix_of
from apikley.cli.output import Output
from apikley.errors import ConfigurationError

_ID = "{id}"
# To replace a device, for instance, would take it from every program.
_NOT_A_FILE = "is not a regular file and is never replaced"


class Target:
    """Where results are saved: a file, a folder, a name with `{id}` in it, or None for the current folder."""

    def __init__(self, given: str | None, *, force: bool, index: int = 0) -> None:
        self._given = given
        self._place = Path(given or "")
        self._force = force
        self._index = index
        self._replaceable: set[Path] = set()

    @property
    def single(self) -> bool:
        """Whether this is one file."""
        return not self._place.is_dir() and _ID not in str(self._place)

    @property
    def arguments(self) -> list[str]:
        """The same target as arguments of another command, with --force if a file may be replaced."""
        place = [] if self._given is None else ["-o", self._given]
        index = ["--index", str(self._index)] if self._index else []
        return [*place, *index, *(["--force"] if self._force or self._replaceable else [])]

    def next_arguments(self) -> list[str]:
        """Return the arguments for the task's next result, which gets a name of its own."""
        given = self._given
        if not self._place.is_dir():
            given = str(self._place.with_name(f"{self._place.stem}-{self._index + 1}{self._place.suffix}"))
        # Permission to replace one file is no permission to replace another.
        return Target(given, force=False, index=self._index + 1).arguments

    def prepare(self, output: Output, *task_ids: str) -> None:
        """Check that the results can be saved, before a task is paid or waited for. Ask before files are replaced.

        Raises:
            ConfigurationError: A file exists and may not be replaced, or is not a regular file.
            OSError: The folder does not exist or is not writable.
        """
        if self._given == "-":
            raise ConfigurationError("a result cannot be written to stdout; name a file with -o")
        # A name that ends like a folder is one.
        last = os.path.basename(self._given or "")  # noqa: PTH119 - keeps a trailing slash
        folder = self._place.is_dir() or last in ("", os.curdir, os.pardir)
        _require_writable(self._place if folder else self._place.parent)
        for path in [self._place] if self.single else [self._named(task_id, DEFAULT_SUFFIX) for task_id in task_ids]:
            if not os.path.lexists(path):
                continue
            if not path.is_file():
                raise ConfigurationError(f"{path} {_NOT_A_FILE}; name another file with -o")
            if not self._force:
                _ask_to_replace(path, output)
                self._replaceable.add(path)

    def path(self, task_id: str, url: str) -> Path:
        """Return the file for one result."""
        return self._named(task_id, suffix_of(url))

    def may_replace(self, path: Path) -> bool:
        """Whether an existing file may be replaced."""
        return self._force or path in self._replaceable

    def ask_again(self) -> None:
        """Let the command that resumes ask again: a file that may not be replaced has appeared."""
        self._force, self._replaceable = False, set()

    def _named(self, task_id: str, suffix: str) -> Path:
        # A task id comes from the service: it must not lead out of the folder.
        safe = safe_name(task_id)
        number = f"-{self._index}" if self._index else ""
        if self._place.is_dir():
            return self._place / f"{safe}{number}{suffix}"
        return Path(str(self._place).replace(_ID, safe))


def _ask_to_replace(path: Path, output: Output) -> None:
    if not output.can_ask:
        raise ConfigurationError(f"{path} exists; --force replaces it")
    try:
        replace = click.confirm(f"{path} exists; replace it?", err=True)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    if not replace:
        raise ConfigurationError(f"{path} exists and is not replaced")


def _require_writable(folder: Path) -> None:
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(folder))
    try:
        # The only sure way: permissions say nothing about read-only file systems and quotas.
        with tempfile.TemporaryFile(dir=folder, prefix=".apikley-"):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
