"""Uploaded files, in memory."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

_LIFETIME = 3 * 24 * 3600.0
_MAX_FILES = 10_000


@dataclass(frozen=True)
class StoredFile:
    """One file.

    Attributes:
        name: The file name.
        path: The folder and the name.
        content: The content.
        mime_type: The media type.
        stored_at: Unix seconds.
    """

    name: str
    path: str
    content: bytes
    mime_type: str
    stored_at: float


class StorageFullError(Exception):
    """The file does not fit."""


class Storage:
    """Files by path, kept for three days as documented.

    Args:
        capacity: Bytes of all files together.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._files: dict[str, StoredFile] = {}

    def store(self, folder: str, name: str, content: bytes, now: float) -> StoredFile:
        """Store a file, replacing one with the same path.

        Raises:
            StorageFullError: It does not fit.
        """
        self._files = {path: file for path, file in self._files.items() if now < file.stored_at + _LIFETIME}
        path = f"{folder}/{name}" if folder else name
        if len(self._files) >= _MAX_FILES and path not in self._files:
            raise StorageFullError(f"the simulator stores at most {_MAX_FILES:,} files")
        used = sum(len(file.content) for file in self._files.values() if file.path != path)
        if used + len(content) > self._capacity:
            raise StorageFullError(f"the simulator stores at most {self._capacity:,} bytes; {used:,} are in use")
        mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = self._files[path] = StoredFile(name, path, content, mime_type, now)
        return file

    def find(self, path: str, now: float) -> StoredFile | None:
        """Return the file at a path, if it has not expired."""
        file = self._files.get(path)
        return file if file is not None and now < file.stored_at + _LIFETIME else None
