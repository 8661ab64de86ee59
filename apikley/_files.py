"""A file that appears only when it is complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
def partial_file(target: Path) -> Iterator[PartialFile]:
    """Write beside the target; put in its place at the end, or leave no trace where anything was raised."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield PartialFile(file)
        # mkstemp makes private files; a download is as readable as any other new file.
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
