"""A file that appears only when it is complete."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class PartialFile:
    """A file being written, under a name of its own beside its target.

    Attributes:
        size: How many bytes it holds.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Add a piece."""
        self._file.write(chunk)
        self.size += len(chunk)

    def clear(self) -> None:
        """Begin again."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0


@contextmanager
def partial_file(target: Path, *, overwrite: bool) -> Iterator[PartialFile]:
    """Write beside the target; put in its place at the end, or leave no trace if anything is raised.

    Raises:
        FileExistsError: The target exists, and `overwrite` is false.
    """
    # Not named after the target, whose name may be as long as the file system allows; and opened as any
    # other new file is, so that it is as readable.
    path = target.with_name(f".apikley-{secrets.token_hex(8)}.part")
    file = path.open("xb")
    try:
        with file:
            yield PartialFile(file)
        if not overwrite:
            _reserve(target)
        path.replace(target)
    finally:
        path.unlink(missing_ok=True)


def require_absent(target: Path) -> None:
    """Raise FileExistsError if there is anything at a path, even a link to nothing."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "exists and is not replaced", str(target))


def _reserve(target: Path) -> None:
    """Create an empty file, so that another one that appeared meanwhile is not replaced."""
    try:
        target.open("xb").close()
    except FileExistsError:
        require_absent(target)
        raise
