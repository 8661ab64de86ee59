"""Replaces many files as one step: all of them, or none."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

# The temporary name of a file that is about to take its place.
_NEW = ".new"
_IGNORED = ("__pycache__",)


def files(folder: Path) -> dict[str, bytes]:
    """The files below a folder, by relative path; nothing for a folder that is not there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.parts).intersection(_IGNORED)
    }


def differences(target: Path, fresh: Path) -> dict[Path, bytes | None]:
    """What to write (or, for None, to remove) for `target` to become like `fresh`."""
    old, new = files(target), files(fresh)
    changes: dict[Path, bytes | None] = {target / name: None for name in old if name not in new}
    changes |= {target / name: content for name, content in new.items() if old.get(name) != content}
    return changes


def swap(changes: dict[Path, bytes | None]) -> None:
    """Carry out changes. Whatever goes wrong on the way, every file is then as it was.

    Args:
        changes: The new content of each file; None removes it.
    """
    before = {path: path.read_bytes() if path.exists() else None for path in changes}
    done: list[Path] = []
    with _undisturbed():
        try:
            for path, content in changes.items():
                done.append(path)
                _put(path, content)
        except BaseException:
            for path in reversed(done):
                _put(path, before[path])
            raise
    _prune({path.parent for path, content in changes.items() if content is None})


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C comes too late here: what takes milliseconds is carried out, and so is taking it back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + _NEW)
    try:
        new.write_bytes(content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _prune(folders: set[Path]) -> None:
    """Remove folders that were left empty."""
    for folder in folders:
        with contextlib.suppress(OSError):
            os.removedirs(folder)


def text_lines(content: bytes | None) -> Iterator[str]:
    """A file's lines for a diff; an empty file and a missing one differ too."""
    if content is not None:
        yield from content.decode(errors="backslashreplace").splitlines(keepends=True) or ["(empty file)\n"]
