"""Which file a result goes to, and whether it may."""

from __future__ import annotations

import errno
import itertools
import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import typer

from apikley.cli.output import Output
from apikley.errors import ConfigurationError

# What a model makes, where its address does not say.
_SUFFIX = ".mp4"
_ID = "{id}"
_FOLDERS = ("", os.curdir, os.pardir)
# A device, say: to put a file in its place would take it from everybody.
_NO_FILE = "is no ordinary file, so nothing is put in its place"


class Target:
    """Where results go.

    Args:
        given: A file, a folder, or a name with `{id}` in it; the current folder, if None.
        force: Whether a file that is there may be replaced unasked.
        index: Which of a task's results it is for, from 0.
    """

    def __init__(self, given: str | None, *, force: bool, index: int = 0) -> None:
        self._given = given
        self._place = Path(given or "")
        self._force = force
        self._index = index
        self._replaceable: set[Path] = set()

    @property
    def one_only(self) -> bool:
        """Whether there is room for one result only."""
        return not self._place.is_dir() and _ID not in str(self._place)

    @property
    def words(self) -> list[str]:
        """The same for another command line, with leave to replace what may be replaced."""
        place = [] if self._given is None else ["-o", self._given]
        index = ["--index", str(self._index)] if self._index else []
        return [*place, *index, *(["--force"] if self._force or self._replaceable else [])]

    def next_words(self) -> list[str]:
        """For another command line: where the next result of the same task goes, under a name of its own."""
        # Leave to replace one file is no leave to replace another.
        return Target(self._next_given(), force=False, index=self._index + 1).words

    def prepare(self, output: Output, *task_ids: str) -> None:
        """Find out before anything is paid or waited for whether the results can be put there; ask, if need be.

        Args:
            output: Who is asked.
            *task_ids: The tasks whose results they are, as far as they exist.

        Raises:
            ConfigurationError: A file is there, and is to stay; or something that is no file.
            OSError: Nothing can be written there.
        """
        if self._given == "-":
            raise ConfigurationError("a result goes into a file, not to stdout: name one with -o")
        # What ends like a folder is meant as one.
        folder = self._place.is_dir() or os.path.basename(self._given or "") in _FOLDERS  # noqa: PTH119 - keeps the end
        _demand_writable(self._place if folder else self._place.parent)
        for path in [self._place] if self.one_only else [self._named(task_id, _SUFFIX) for task_id in task_ids]:
            if _taken(path) and not path.is_file():
                raise ConfigurationError(f"{path} {_NO_FILE}; name another with -o")
            if not self._force and _taken(path):
                _demand_leave(path, output)
                self._replaceable.add(path)

    def path(self, task_id: str, url: str) -> Path:
        """The file for one result.

        Raises:
            FileExistsError: Something is there by now, and is to stay. From then on this is for a name beside it.
        """
        path = self._named(task_id, _suffix(url))
        if not _taken(path) or (path.is_file() and (self._force or path in self._replaceable)):
            return path
        self._make_way(path)
        raise FileExistsError(errno.EEXIST, "exists, and stays as it is" if path.is_file() else _NO_FILE, str(path))

    def _make_way(self, path: Path) -> None:
        """Take a name that is free, so that to go on there needs no leave to replace anything."""
        place = self._place / f"{_ID}{path.suffix}" if self._place.is_dir() else self._place
        number = next(each for each in itertools.count(2) if not _taken(_numbered(path, each)))
        self._given = str(_numbered(place, number))
        self._place, self._force, self._replaceable = Path(self._given), False, set()

    def _next_given(self) -> str | None:
        if self._place.is_dir():
            return self._given
        return str(self._place.with_name(f"{self._place.stem}-{self._index + 1}{self._place.suffix}"))

    def _named(self, task_id: str, suffix: str) -> Path:
        # An id comes from outside: it must not lead out of the folder.
        safe = re.sub(r"[^\w.-]|^\.", "_", task_id)
        number = f"-{self._index}" if self._index else ""
        if self._place.is_dir():
            return self._place / f"{safe}{number}{suffix}"
        return Path(str(self._place).replace(_ID, safe))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def _taken(path: Path) -> bool:
    """Whether anything has this name, be it a link that leads nowhere."""
    return os.path.lexists(path)


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
