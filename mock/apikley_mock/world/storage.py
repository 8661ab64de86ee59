"""Uploaded files, in memory."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

_LIFE = 3 * 24 * 3600.0
_MOST_FILES = 10_000


@dataclass(frozen=True)
class StoredFile:
    """One file.

    Attributes:
        name: Its own name.
        path: The folder and the name.
        content: What is in it.
        mime_type: What it is.
        at: When it came, in Unix seconds.
    """

    name: str
    path: str
    content: bytes
    mime_type: str
    at: float


class StorageFullError(Exception):
    """The file does not fit beside those that are stored."""


class Storage:
    """Files by path; they live for three days, as documented.

    Args:
        capacity: Bytes that all of them may have together.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._files: dict[str, StoredFile] = {}

    def store(self, folder: str, name: str, content: bytes, now: float) -> StoredFile:
        """Store a file, in place of one of the same path.

        Raises:
            StorageFullError: It does not fit.
        """
        self._files = {path: file for path, file in self._files.items() if now < file.at + _LIFE}
        path = f"{folder}/{name}" if folder else name
        if len(self._files) >= _MOST_FILES and path not in self._files:
            raise StorageFullError(f"the simulator stores {_MOST_FILES:,} files at most")
        used = sum(len(file.content) for file in self._files.values() if file.path != path)
        if used + len(content) > self._capacity:
            raise StorageFullError(f"the simulator stores {self._capacity:,} bytes at most; {used:,} are in use")
        mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = self._files[path] = StoredFile(name, path, content, mime_type, now)
        return file

    def find(self, path: str, now: float) -> StoredFile | None:
        """The file of a path, while it lives."""
        file = self._files.get(path)
        return file if file is not None and now < file.at + _LIFE else None
