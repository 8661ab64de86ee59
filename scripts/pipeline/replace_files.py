"""Compares folders, and replaces the files that differ. Git is the undo for an interrupted replacement."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def files(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder and its subfolders by relative path; none if the folder does not exist."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(target: Path, fresh: Path) -> dict[Path, bytes | None]:
    """Return the files of `target` to write, or to remove (None), to make it equal to `fresh`."""
    old, new = files(target), files(fresh)
    changes: dict[Path, bytes | None] = {target / name: None for name in old if name not in new}
    changes |= {target / name: content for name, content in new.items() if old.get(name) != content}
    return changes


def replace(changes: dict[Path, bytes | None]) -> None:
    """Write each file's new content; None removes the file. An error says how to undo an incomplete replacement."""
    try:
        for path, content in changes.items():
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                continue
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the folder is not empty
                os.removedirs(path.parent)
    except OSError as error:
        reason = f"{error.strerror or error}; some files are replaced already, undo them with: git checkout -- ."
        raise OSError(error.errno, reason, error.filename) from error
