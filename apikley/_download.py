"""The flow of a download: whole, or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from apikley import _retry
from apikley._core import Core, kwargs, read
from apikley._effects import Fetch, Flow, Lost, NotSent
from apikley._fields import text
from apikley._files import PartialFile, partial_file
from apikley._task import TaskSnapshot
from apikley._validation import validate
from apikley.errors import ApiError, NoResult, TransportError
from apikley_client.api.account import get_download_url
from apikley_client.models import DownloadUrlRequest

MAX_BYTES = 4 * 1024**3
TIMEOUT = 1800.0
# Called with the bytes that have come, and how many there are, if that is known.
OnBytes = Callable[[int, int | None], object]
_EXPIRED = (403, 404, 410)
_NO_MEDIA = re.compile(r"text/|application/([\w.+-]+\+)?(json|xml)\b")


def download_url(core: Core, url: str) -> Flow[str]:
    """A fresh link for a file of the service."""
    body = DownloadUrlRequest(url=url)
    validate(body.to_dict(), "DownloadUrlRequest")
    envelope = yield from read(core, kwargs(get_download_url, body=body))
    link = text(envelope.data)
    if link is None:
        raise TransportError("the answer is a success, but holds no link")
    return link


def download(
    core: Core,
    task: TaskSnapshot,
    target: Path,
    *,
    index: int,
    max_bytes: int,
    timeout: float,
    on_progress: OnBytes | None,
) -> Flow[Path]:
    """Stream one result beside the target, then put it in place."""
    urls = task.result_urls
    if not -len(urls) <= index < len(urls):
        raise NoResult(f"task {task.id} has {len(urls)} results, no number {index}; state: {task.state}")
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"{os.strerror(errno.EISDIR)}; name the file itself", str(target))
    with partial_file(target) as part:
        deadline = core.clock.monotonic() + timeout
        transfer = _Transfer(part, task.id, max_bytes, core.clock.monotonic, deadline, on_progress)
        yield from _fetched(core, transfer, urls[index])
    return target


def _fetched(core: Core, transfer: _Transfer, result: str) -> Flow[None]:
    """Fetch all of it: resumed where the connection broke, by a fresh link where the old one expired."""
    url, exchanged = result, False
    retry = _retry.Retry(core.retries, core.clock)
    while True:
        transfer.check(url)
        before = transfer.part.size
        try:
            status: int = yield Fetch(url, transfer.headers(), transfer.begin)
        except (NotSent, Lost) as error:
            failure = TransportError(f"the download broke off: {error}", task_id=transfer.task_id)
            failure.__cause__ = error.__cause__
        else:
            if transfer.complete(status):
                return
            if status in _EXPIRED and not exchanged:
                url, exchanged = (yield from _exchanged(core, result, status, transfer.task_id)), True
                continue
            failure = TransportError(transfer.refusal(status), task_id=transfer.task_id)
            if status in range(300, 500) and status != 416:
                raise failure
        if transfer.part.size > before:
            retry = _retry.Retry(core.retries, core.clock)
        yield retry.pause(failure)


def _exchanged(core: Core, url: str, status: int, task_id: str) -> Flow[str]:
    try:
        return (yield from download_url(core, url))
    except (ApiError, TransportError) as error:
        message = f"the result's link has expired (HTTP {status}), and no fresh one can be had: {error}"
        raise TransportError(message, task_id=task_id) from error


class _Transfer:
    """How far a download has come, over all of its connections."""

    def __init__(
        self,
        part: PartialFile,
        task_id: str,
        max_bytes: int,
        now: Callable[[], float],
        deadline: float,
        on_progress: OnBytes | None,
    ) -> None:
        self.part = part
        self.task_id = task_id
        self._max_bytes = max_bytes
        self._now = now
        self._deadline = deadline
        self._on_progress = on_progress
        self._total: int | None = None
        self._version: str | None = None
        self._refusal: str | None = None

    def check(self, url: str) -> None:
        """Only web addresses are fetched."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise TransportError("the result's address is not an http or https URL", task_id=self.task_id)

    def headers(self) -> dict[str, str]:
        """Ask for the rest, if the server told what the first part belongs to."""
        if not self.part.size or self._version is None:
            return {}
        return {"Range": f"bytes={self.part.size}-", "If-Range": self._version}

    def begin(self, status: int, headers: Mapping[str, str]) -> Callable[[bytes], None] | None:
        """Take note of what comes; returns what takes it, or None if it is not wanted."""
        self._refusal = None
        if status == 206:
            start, total = _content_range(headers.get("content-range", ""))
            if start != self.part.size or total != self._total:
                self._start_over()
                self._refusal = "the server sent another part than was asked for"
                return None
            return self._write
        self._start_over()
        kind = headers.get("content-type", "").lower()
        if status != 200:
            return None
        if _NO_MEDIA.match(kind):
            raise TransportError(f"the result is no media file, but {kind.split(';')[0]}", task_id=self.task_id)
        plain = headers.get("content-encoding", "identity").lower() == "identity"
        length = headers.get("content-length", "")
        self._total = int(length) if plain and length.isascii() and length.isdigit() else None
        version = headers.get("etag") or headers.get("last-modified")
        self._version = version if plain and version and not version.startswith("W/") else None
        if self._total is not None and self._total > self._max_bytes:
            raise self._too_large()
        return self._write

    def complete(self, status: int) -> bool:
        """Whether all of it has come."""
        if status not in (200, 206) or self._refusal is not None:
            return False
        if self._total is not None and self.part.size != self._total:
            self._refusal = f"{self.part.size:,} of {self._total:,} bytes came"
            return False
        return True

    def refusal(self, status: int) -> str:
        """Why not."""
        return f"the result cannot be fetched: {self._refusal or f'HTTP {status}'}"

    def _write(self, chunk: bytes) -> None:
        if self.part.size + len(chunk) > self._max_bytes:
            raise self._too_large()
        if self._now() > self._deadline:
            raise TransportError("the download took too long", task_id=self.task_id)
        self.part.write(chunk)
        if self._on_progress is not None:
            self._on_progress(self.part.size, self._total)

    def _start_over(self) -> None:
        self.part.clear()
        self._total = self._version = None

    def _too_large(self) -> TransportError:
        return TransportError(f"the result is larger than {self._max_bytes:,} bytes", task_id=self.task_id)


def _content_range(value: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", value.strip(), flags=re.ASCII)
    return (int(found[1]), int(found[2])) if found else (None, None)
