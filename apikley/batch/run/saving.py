"""Saves results: in a local folder, or at a URL that fsspec can write to."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from apikley._model.file_names import safe_name, suffix_of
from apikley._model.task import TaskInfo
from apikley.batch.ledger.rows import Claim, SavedFile
from apikley.batch.run.context import Context
from apikley.errors import ConfigurationError, NoResult

_MAX_NAME = 150  # characters of a row's key in a file name
FIELDS = ("id", "number", "task", "model", "index", "suffix")
DEFAULT_TEMPLATE = "{id}{suffix}"


def check_template(template: str) -> None:
    """Check the template of file names.

    Raises:
        ConfigurationError: It has an unknown field, or names one file for several rows.
    """
    try:
        names = {template.format(**_fields(key, 1, f"task-{key}", "model", 0, ".mp4")) for key in ("a", "b")}
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise ConfigurationError(
            f"the name template {template!r} is invalid ({error}); its fields are {known}"
        ) from None
    if len(names) == 1:
        raise ConfigurationError(f"the name template {template!r} names one file for all rows; put {{id}} into it")


def file_name(template: str, claim: Claim, task: TaskInfo, index: int) -> str:
    """Return the name of a result below the output folder."""
    fields = _fields(claim.key, claim.number, task.id, claim.model, index, suffix_of(task.result_urls[index]))
    name = template.format(**fields)
    if index and "{index}" not in template:
        path = PurePosixPath(name)
        name = str(path.with_name(f"{path.stem}-{index + 1}{path.suffix}"))
    return name


def _fields(key: str, number: int, task_id: str, model: str, index: int, suffix: str) -> dict[str, Any]:
    # Keys come from a table and ids from the service: neither may lead out of the folder.
    safe = {"id": _safe(key), "task": _safe(task_id), "model": _safe(model)}
    return {**safe, "number": number, "index": index + 1, "suffix": suffix}


def _safe(text: str) -> str:
    safe = safe_name(text)
    if safe == text and len(text) <= _MAX_NAME:
        return text
    # Two different keys must not share a name.
    return f"{safe[:_MAX_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


class Output:
    """Where results and the manifest are saved.

    Args:
        place: A folder, or a URL such as `s3://bucket/folder`.

    Raises:
        ConfigurationError: The folder cannot be made, or fsspec or its driver is missing.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._remote: Any = None
        self._root = place.rstrip("/")
        if "://" in place:
            self._remote, self._root = _remote(place)
            return
        try:
            Path(place).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"the output folder {place} cannot be made: {error.strerror}") from error

    @property
    def is_local(self) -> bool:
        """Whether this is a local folder."""
        return self._remote is None

    def local_path(self, name: str) -> Path:
        """Return the path of a file in a local folder, in a folder that exists."""
        path = Path(self.place, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, file: Path, name: str) -> None:
        """Copy a local file to the URL."""
        target = f"{self._root}/{name}"
        self._remote.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._remote.put_file(str(file), target)

    def write(self, name: str, lines: Iterable[str]) -> None:
        """Write a text file so that no reader sees half of it."""
        with tempfile.TemporaryDirectory(dir=self.place if self.is_local else None, prefix=".apikley-") as folder:
            file = Path(folder, name)
            with file.open("w", encoding="utf-8", newline="") as opened:
                opened.writelines(lines)
            if self.is_local:
                file.replace(self.local_path(name))
            else:
                self.put(file, name)


async def save(context: Context, output: Output, template: str, claim: Claim, task: TaskInfo) -> list[SavedFile]:
    """Download all results of a successful task.

    Raises:
        NoResult: The task has no result.
        TransportError: A file could not be fetched.
        OSError: A file could not be written.
    """
    if not task.result_urls:
        raise NoResult(f"task {task.id} succeeded, but has no result")
    saved = []
    for index in range(len(task.result_urls)):
        name = file_name(template, claim, task, index)
        if output.is_local:
            path = await context.api.download(task, output.local_path(name), index=index)
            saved.append(await asyncio.to_thread(_describe, path, name))
            continue
        with tempfile.TemporaryDirectory(prefix="apikley-") as folder:
            path = await context.api.download(task, Path(folder, "result"), index=index)
            saved.append(await asyncio.to_thread(_describe, path, name))
            await asyncio.to_thread(output.put, path, name)
    return saved


def _describe(path: Path, name: str) -> SavedFile:
    with path.open("rb") as file:
        return SavedFile(name, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def _remote(place: str) -> tuple[Any, str]:
    try:
        url_to_fs = import_module("fsspec.core").url_to_fs
    except ModuleNotFoundError:
        message = f"output to {place} needs fsspec; run: pip install fsspec, and the package for this kind of URL"
        raise ConfigurationError(message) from None
    try:
        found: tuple[Any, str] = url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"fsspec cannot write to {place}: {error}") from None
    return found
