"""The flow of a download: whole, or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from apikley._flows import retry as _retry
from apikley._flows.clock import Clock
from apikley._flows.effects import Fetch, Flow, Lost, NotSent, Take
from apikley._flows.state import Core, kwargs, read
from apikley._http.envelope import retry_after
from apikley._http.partial_file import PartialFile, partial_file
from apikley._model.checks import COUNT, INDEX, SECONDS, demand, is_web_address
from apikley._model.fields import text
from apikley._model.task import TaskSnapshot
from apikley._model.validation import encode, validate
from apikley.errors import ApiError, NoResult, TransportError
from apikley_client.api.account import get_download_url
from apikley_client.models import DownloadUrlRequest

MAX_BYTES = 4 * 1024**3
TIMEOUT = 1800.0
# Called with the bytes that have come, and how many there are, if that is known.
OnBytes = Callable[[int, int | None], object]
_EXPIRED = (403, 404, 410)
# Refused for now: asked again, and what has come is kept. So is a server's own failure.
_PASSING = (408, 429, *range(500, 600))
_UNSATISFIABLE = 416  # what has come does not belong to the file any more
_NO_MEDIA = re.compile(r"text/|application/([\w.+-]+\+)?(json|xml)\b")
_MEDIA = ("video/", "image/", "audio/")
# How HTML, XML and JSON begin, after blanks and a byte order mark, and no media file does.
_BLANK, _TEXT = b" \t\r\n\xef\xbb\xbf", (b"<", b"{", b"[")


def download_url(core: Core, url: str) -> Flow[str]:
    """A fresh link for a file of the service."""
    body = DownloadUrlRequest(url=url)
    encode(body.to_dict())
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
    demand(INDEX, "index", index)
    demand(COUNT, "max_bytes", max_bytes)
    demand(SECONDS, "timeout", timeout)
    urls = task.result_urls
    if not -len(urls) <= index < len(urls):
        raise NoResult(f"task {task.id} has {len(urls)} results, no number {index}; state: {task.state}")
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"{os.strerror(errno.EISDIR)}; name the file itself", str(target))
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "a device, pipe or socket, which no file takes the place of", str(target))
    with partial_file(target) as part:
        deadline = core.clock.monotonic() + timeout
        transfer = _Transfer(part, task.id, max_bytes, core.clock, deadline, on_progress)
        yield from _fetched(core, transfer, urls[index])
    return target


def _fetched(core: Core, transfer: _Transfer, result: str) -> Flow[None]:
    """Fetch all of it: resumed where the connection broke, by a fresh link where the old one expired."""
    url, exchanged = result, False
    retry = _retry.Retry(core.retries, core.clock)
    while True:
        transfer.check(url)
        before, asked = transfer.part.size, None
        try:
            status: int = yield Fetch(url, transfer.headers(), transfer.begin, transfer.left())
        except (NotSent, Lost) as error:
            failure = TransportError(f"the download broke off: {error}", task_id=transfer.task_id)
            failure.__cause__ = error.__cause__
        else:
            if transfer.complete(status):
                return
            if status in _EXPIRED and not exchanged:
                url, exchanged = (yield from _exchanged(core, result, status, transfer.task_id)), True
                continue
            failure, asked = TransportError(transfer.refusal(status), task_id=transfer.task_id), transfer.asked_pause
            if status in range(300, 500) and status not in (*_PASSING, _UNSATISFIABLE):
                raise failure
        if transfer.part.size > before:
            retry = _retry.Retry(core.retries, core.clock)
        pause = retry.pause(failure, asked)
        if pause.seconds > transfer.left():
            raise failure
        yield pause


def _exchanged(core: Core, url: str, status: int, task_id: str) -> Flow[str]:
    try:
        return (yield from download_url(core, url))
    except (ApiError, TransportError) as error:
        message = f"the result's link has expired (HTTP {status}), and no fresh one can be had: {error}"
        raise TransportError(message, task_id=task_id) from error


class _Transfer:
    """How far a download has come, over all of its connections.

    Attributes:
        part: What has come.
        task_id: The task whose result it is, for errors.
        asked_pause: Seconds after which the server wants to be asked again, if its last answer said so.
    """

    def __init__(
        self,
        part: PartialFile,
        task_id: str,
        max_bytes: int,
        clock: Clock,
        deadline: float,
        on_progress: OnBytes | None,
    ) -> None:
        self.part = part
        self.task_id = task_id
        self._max_bytes = max_bytes
        self._clock = clock
        self._deadline = deadline
        self._on_progress = on_progress
        self._total: int | None = None
        self._version: str | None = None
        self._refusal: str | None = None
        self._unknown_kind = False
        self.asked_pause: float | None = None

    def left(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - self._clock.monotonic()

    def check(self, url: str) -> None:
        """Only web addresses are fetched."""
        if not is_web_address(url):
            raise TransportError("the result's address is not an http or https URL with a host", task_id=self.task_id)

    def headers(self) -> dict[str, str]:
        """Ask for the rest, if the server told what the first part belongs to."""
        if not self.part.size or self._version is None:
            return {}
        return {"Range": f"bytes={self.part.size}-", "If-Range": self._version}

    def begin(self, status: int, headers: Mapping[str, str]) -> Take | None:
        """Take note of what comes; returns what takes it, or None if it is not wanted."""
        self._refusal = None
        self.asked_pause = None
        if status in _PASSING:
            self.asked_pause = retry_after(headers.get("retry-after"), self._clock.now())
            return None
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
            raise self._no_media(kind.split(";")[0])
        self._unknown_kind = not kind.startswith(_MEDIA)
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
        if not self.part.size:
            self._refusal = "an empty file came"
            return False
        return True

    def refusal(self, status: int) -> str:
        """Why not."""
        return f"the result cannot be fetched: {self._refusal or f'HTTP {status}'}"

    def _write(self, chunk: bytes) -> Awaitable[object] | None:
        if self.part.size + len(chunk) > self._max_bytes:
            raise self._too_large()
        if self.left() < 0:
            raise TransportError("the download took too long", task_id=self.task_id)
        if self._unknown_kind and (start := chunk.lstrip(_BLANK)):
            self._unknown_kind = False
            if start.startswith(_TEXT):
                raise self._no_media("text")
        self.part.write(chunk)
        told = self._on_progress(self.part.size, self._total) if self._on_progress is not None else None
        return told if isinstance(told, Awaitable) else None

    def _start_over(self) -> None:
        self.part.clear()
        self._total = self._version = None

    def _no_media(self, kind: str) -> TransportError:
        return TransportError(f"the result is no media file, but {kind}", task_id=self.task_id)

    def _too_large(self) -> TransportError:
        return TransportError(f"the result is larger than {self._max_bytes:,} bytes", task_id=self.task_id)


def _content_range(value: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", value.strip(), flags=re.ASCII)
    return (int(found[1]), int(found[2])) if found else (None, None)
