"""The flow of a download: a complete file, or none."""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from apikley._flows.clock import Clock
from apikley._flows.effects import ChunkWriter, Flow, NoResponse, StreamFile
from apikley._flows.responses import no_response, retry_after
from apikley._flows.retry import Retry
from apikley._flows.state import ClientState, request_for, send_with_retries
from apikley._flows.wait import get_task
from apikley._model.checks import COUNT, INDEX, SECONDS, is_http_url, require
from apikley._model.fields import text
from apikley._model.gzip_stream import GzipStream, gzip_stream
from apikley._model.partial_file import PartialFile, partial_file, require_absent
from apikley._model.task import TaskInfo
from apikley._model.validation import encode, validate
from apikley.errors import ApiError, NoResult, TransportError

MAX_BYTES = 4 * 1024**3
TIMEOUT = 1800.0
# Called with the number of bytes received and the total, if known.
OnBytes = Callable[[int, int | None], object]
_EXPIRED = (403, 404, 410)
# Retried, keeping what was received.
_TRANSIENT = (408, 429, *range(500, 600))
_SAME_FILE = ("etag", "last-modified", "content-type")  # a part must not state another one
_UNSATISFIABLE = 416  # the received part does not belong to the file any more
_TEXT_TYPES = re.compile(r"text/|application/([\w.+-]+\+)?(json|xml)\b")
_MEDIA = ("video/", "image/", "audio/")
# HTML, XML and JSON begin like this, after blanks and a byte order mark. Media files do not.
_BLANK, _TEXT = b" \t\r\n\xef\xbb\xbf", (b"<", b"{", b"[")


def get_download_url(state: ClientState, url: str) -> Flow[str]:
    """Return a new link for a file of the service."""
    body = {"url": url}
    validate(body, "DownloadUrlRequest")
    envelope = yield from send_with_retries(state, request_for("getDownloadUrl", content=encode(body)))
    link = text(envelope.data)
    if link is None:
        raise TransportError("the response is a success, but holds no link")
    return link


def download(
    state: ClientState,
    task: TaskInfo,
    target: Path,
    *,
    index: int,
    max_bytes: int,
    timeout: float,
    on_progress: OnBytes | None,
    overwrite: bool,
) -> Flow[Path]:
    """Stream one result into a temporary file, then rename it. Poll first if the task was never polled."""
    require(INDEX, "index", index)
    require(COUNT, "max_bytes", max_bytes)
    require(SECONDS, "timeout", timeout)
    _check_target(target, overwrite=overwrite)
    if task.state is None:
        yield from get_task(state, task)
    urls = task.result_urls
    if not -len(urls) <= index < len(urls):
        raise NoResult(f"task {task.id} has {len(urls)} results, index {index} is out of range; state: {task.state}")
    with partial_file(target, overwrite=overwrite) as part:
        deadline = state.clock.monotonic() + timeout
        transfer = _Transfer(part, task.id, max_bytes, state.clock, deadline, on_progress)
        yield from _fetch(state, transfer, urls[index])
    return target


def _check_target(target: Path, *, overwrite: bool) -> None:
    if "\0" in str(target):
        raise OSError(errno.EINVAL, "the file name contains a NUL", str(target))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"{os.strerror(errno.EISDIR)}; name the file itself", str(target))
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "a device, pipe or socket cannot be replaced by a file", str(target))
    if not overwrite:
        require_absent(target)


def _fetch(state: ClientState, transfer: _Transfer, result: str) -> Flow[None]:
    """Fetch the file. Resume a broken connection; replace an expired link once."""
    url, exchanged = result, False
    retry = Retry(state.max_retries, state.clock)
    while True:
        transfer.check(url)
        before, asked = transfer.part.size, None
        try:
            status: int = yield StreamFile(url, transfer.headers(), transfer.begin, transfer.remaining())
        except NoResponse as error:
            failure = no_response(error, f"the download broke off: {error}", transfer.task_id)
            if not failure.is_transient:
                raise failure from error.__cause__
        else:
            if transfer.complete(status):
                return
            if status in _EXPIRED and not exchanged:
                url, exchanged = (yield from _new_link(state, result, status, transfer.task_id)), True
                continue
            failure = TransportError(transfer.refusal(status), task_id=transfer.task_id)
            asked = transfer.pause_asked
            if status in range(300, 500) and status not in (*_TRANSIENT, _UNSATISFIABLE):
                raise failure
        if transfer.part.size > before:
            retry = Retry(state.max_retries, state.clock)
        pause = retry.pause(failure, asked)
        if pause.seconds > transfer.remaining():
            raise failure
        yield pause


def _new_link(state: ClientState, url: str, status: int, task_id: str) -> Flow[str]:
    try:
        return (yield from get_download_url(state, url))
    except (ApiError, TransportError) as error:
        message = f"the result's link has expired (HTTP {status}), and the service gave no new one: {error}"
        raise TransportError(message, task_id=task_id) from error


class _Transfer:
    """The state of a download, over all of its connections.

    Attributes:
        part: The received part.
        task_id: The task, for errors.
        pause_asked: The pause that the server asked for in its last response, in seconds.
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
        self._first: Mapping[str, str] = {}
        self._gzip: GzipStream | None = None
        self._refusal: str | None = None
        self._unknown_kind = False
        self.pause_asked: float | None = None

    def remaining(self) -> float:
        """Return the seconds until the deadline."""
        return self._deadline - self._clock.monotonic()

    def check(self, url: str) -> None:
        """Refuse a URL that is not http or https."""
        if not is_http_url(url):
            raise TransportError("the result's URL is not an http or https URL with a host", task_id=self.task_id)

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for the rest, if the server gave the file a version."""
        if not self.part.size or self._version is None:
            return {}
        return {"Range": f"bytes={self.part.size}-", "If-Range": self._version}

    def begin(self, status: int, headers: Mapping[str, str]) -> ChunkWriter | None:
        """Inspect status and headers; return the chunk writer, or None to discard the body."""
        self._refusal = None
        self.pause_asked = None
        if status in _TRANSIENT:
            self.pause_asked = retry_after(headers.get("retry-after"), self._clock.now())
            return None
        if status == 206:
            if not self._continues(headers):
                self._start_over()
                self._refusal = "the server sent another part than the requested one"
                return None
            return self._write
        self._start_over()
        kind = headers.get("content-type", "").lower()
        if status != 200:
            return None
        if _TEXT_TYPES.match(kind):
            raise self._not_media(kind.split(";")[0])
        if "content-range" in headers:
            self._refusal = "the server sent a part as if it were the whole file"
            return None
        self._unknown_kind = not kind.startswith(_MEDIA)
        encoding = headers.get("content-encoding") or "identity"
        plain = encoding.lower() == "identity"
        self._gzip = gzip_stream(encoding)
        if not plain and self._gzip is None:
            raise TransportError(f"the result has the encoding {encoding!r}, not identity", task_id=self.task_id)
        self._first = headers
        length = headers.get("content-length", "")
        self._total = int(length) if plain and length.isascii() and length.isdigit() else None
        version = headers.get("etag") or headers.get("last-modified")
        self._version = version if plain and version and not version.startswith("W/") else None
        if self._total is not None and self._total > self._max_bytes:
            raise self._too_large()
        return self._write

    def complete(self, status: int) -> bool:
        """Whether the file is complete."""
        if status not in (200, 206) or self._refusal is not None:
            return False
        try:
            if self._gzip is not None:
                self._gzip.end()
        except zlib.error as error:
            self._refusal = str(error)
            return False
        if self._total is not None and self.part.size != self._total:
            self._refusal = f"{self.part.size:,} of {self._total:,} bytes arrived"
            return False
        if not self.part.size:
            self._refusal = "the file is empty"
            return False
        return True

    def refusal(self, status: int) -> str:
        """Return why the download failed."""
        return f"the result cannot be downloaded: {self._refusal or f'HTTP {status}'}"

    def _continues(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers of a part show that it belongs to the received file and follows what is there."""
        start, total = _content_range(headers.get("content-range", ""))
        if start != self.part.size or total != self._total or headers.get("content-encoding", "identity") != "identity":
            return False
        # A strong ETag must be repeated. The other headers may be left out.
        etag = self._first.get("etag", "")
        if etag and not etag.startswith("W/") and headers.get("etag") != etag:
            return False
        return all(headers.get(name, self._first.get(name)) == self._first.get(name) for name in _SAME_FILE)

    def _write(self, chunk: bytes) -> Awaitable[object] | None:
        if self._gzip is None:
            self._add(chunk)
        else:
            try:
                for piece in self._gzip.unpack(chunk):
                    self._add(piece)
            except zlib.error as error:
                raise TransportError(
                    f"the result is not compressed as it says: {error}", task_id=self.task_id
                ) from error
        told = self._on_progress(self.part.size, self._total) if self._on_progress is not None else None
        return told if isinstance(told, Awaitable) else None

    def _add(self, chunk: bytes) -> None:
        if self.part.size + len(chunk) > self._max_bytes:
            raise self._too_large()
        if self.remaining() < 0:
            raise TransportError("the download took too long", task_id=self.task_id)
        if self._unknown_kind and (start := chunk.lstrip(_BLANK)):
            self._unknown_kind = False
            if start.startswith(_TEXT):
                raise self._not_media("text")
        self.part.write(chunk)

    def _start_over(self) -> None:
        self.part.clear()
        self._total = self._version = self._gzip = None

    def _not_media(self, kind: str) -> TransportError:
        return TransportError(f"the result is {kind}, not a media file", task_id=self.task_id)

    def _too_large(self) -> TransportError:
        return TransportError(f"the result is larger than {self._max_bytes:,} bytes", task_id=self.task_id)


def _content_range(value: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", value.strip(), flags=re.ASCII)
    return (int(found[1]), int(found[2])) if found else (None, None)
