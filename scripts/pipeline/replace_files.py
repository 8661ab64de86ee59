"""Compares folders, and replaces the files that differ.

Everything is built in a temporary folder first, so replacing takes milliseconds. Git is the undo for a
replacement that is interrupted.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def files(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by relative path; nothing if the folder does not exist."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(target: Path, fresh: Path) -> dict[Path, bytes | None]:
    """Return what to write, or to remove (None), so that `target` becomes like `fresh`."""
    old, new = files(target), files(fresh)
    changes: dict[Path, bytes | None] = {target / name: None for name in old if name not in new}
    changes |= {target / name: content for name, content in new.items() if old.get(name) != content}
    return changes


def replace(changes: dict[Path, bytes | None]) -> None:
    """Write each file's new content; None removes the file.

    A write that fails leaves the files before it replaced; a note on the error says how to undo them.
    """
    try:
        for path, content in changes.items():
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                continue
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty
                os.removedirs(path.parent)
    except OSError as error:
        reason = f"{error.strerror or error}; some files are replaced already, undo them with: git checkout -- ."
        raise OSError(error.errno, reason, error.filename) from error
