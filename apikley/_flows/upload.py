"""The flow of an upload."""

from __future__ import annotations

import base64
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from apikley._flows.effects import Flow
from apikley._flows.state import ClientState, request_for, send_with_retries
from apikley._model.fields import text
from apikley._model.local_files import HEAD_SIZE, any_file_rule, file_violations, media_type_of, open_regular
from apikley._model.task import record_of
from apikley._model.validation import encode, validate
from apikley.errors import RequestInvalid, TransportError

DEFAULT_FOLDER = "apikley"
# What a multipart body adds to a file. Base64 adds a third; the smaller form is sent.
_MULTIPART_OVERHEAD = 600
# An unseekable source is read into memory, up to this size.
_MAX_UNSEEKABLE = 100 * 1024 * 1024

Uploadable = str | os.PathLike[str] | bytes | BinaryIO


class Source(NamedTuple):
    """Something to upload.

    Attributes:
        name: The file name.
        media_type: The media type.
        size: The size in bytes.
        file: Open for reading, at its start.
    """

    name: str
    media_type: str
    size: int
    file: BinaryIO


def upload(
    state: ClientState,
    uploadable: Uploadable,
    *,
    name: str | None = None,
    folder: str = DEFAULT_FOLDER,
    validate_file: bool = True,
) -> Flow[str]:
    """Upload one file into a folder of its own, and return its URL.

    The service stores a named file at a fixed path: a second one of that name in the same folder would replace it.
    """
    with opened(uploadable, name) as source:
        if validate_file:
            violations = file_violations(source.media_type, source.size, any_file_rule(), "/file", source.name)
            if violations:
                raise RequestInvalid(violations)
        validate({"file": "", "uploadPath": folder, "fileName": source.name}, "FileStreamUpload")
        fields = {"uploadPath": f"{folder}/{secrets.token_hex(16)}", "fileName": source.name}
        if source.size / 3 < _MULTIPART_OVERHEAD:
            data = f"data:{source.media_type};base64,{base64.b64encode(source.file.read()).decode()}"
            request = request_for("uploadFileBase64", content=encode({"base64Data": data, **fields}))
            envelope = yield from send_with_retries(state, request)
        else:
            parts: list[tuple[str, Any]] = [("file", (source.name, source.file, source.media_type))]
            parts += [(field, (None, value.encode(), "text/plain")) for field, value in fields.items()]
            request = request_for("uploadFileStream", files=parts)
            envelope = yield from send_with_retries(state, request, prepare=lambda: source.file.seek(0))
    url = text(record_of(envelope.data).get("downloadUrl"))
    if url is None or envelope.raw.get("success") is False:
        raise TransportError("the response to the upload names no file")
    return url


@contextmanager
def opened(uploadable: Uploadable, name: str | None) -> Iterator[Source]:
    """Open a path, bytes or a file as a source.

    Raises:
        TypeError: It cannot be uploaded.
        OSError: It cannot be read.
    """
    if isinstance(uploadable, str | os.PathLike):
        path = Path(uploadable)
        with open_regular(path) as file:
            yield _source(file, name or path.name)
    elif isinstance(uploadable, bytes | bytearray | memoryview):
        yield _source(io.BytesIO(uploadable), name)
    elif hasattr(uploadable, "read"):
        yield _source(_seekable(uploadable), name or _name_of(uploadable))
    else:
        raise TypeError(f"{type(uploadable).__name__} is not a path, bytes, or a file open for reading")


def _source(file: BinaryIO, name: str | None) -> Source:
    if file.tell():
        # Upload from the current position on.
        file = io.BytesIO(file.read())
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    media_type = media_type_of(file.read(HEAD_SIZE), name or "")
    file.seek(0)
    return Source(name or f"upload.{media_type.rpartition('/')[2].removeprefix('x-')}", media_type, size, file)


def _seekable(file: BinaryIO) -> BinaryIO:
    given: object = file
    if isinstance(given, io.TextIOBase):
        raise TypeError("the file is open as text; open it in binary mode, with 'rb'")
    if file.seekable():
        return file
    content = file.read(_MAX_UNSEEKABLE + 1)
    if len(content) > _MAX_UNSEEKABLE:
        raise ValueError(f"the file is not seekable and larger than {_MAX_UNSEEKABLE:,} bytes; pass a path")
    return io.BytesIO(content)


def _name_of(file: object) -> str | None:
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else None
