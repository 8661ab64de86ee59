"""The flow of an upload."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from apikley._flows.effects import Flow
from apikley._flows.state import Core, kwargs, read
from apikley._model.fields import text
from apikley._model.local_files import Source, any_rule, broken, media_type_of
from apikley._model.task import record_of
from apikley._model.validation import encode, validate
from apikley.errors import RequestInvalid, TransportError
from apikley_client.api.files import upload_file_base_64, upload_file_stream
from apikley_client.models import FileBase64Upload, FileStreamUpload
from apikley_client.types import File

FOLDER = "apikley"
# What a multipart body adds to a file; base64 adds a third. The smaller body is sent.
_MULTIPART_OVERHEAD = 600
# A source that cannot be measured is read into memory, up to this.
_LARGEST_UNMEASURED = 100 * 1024 * 1024

Uploadable = str | os.PathLike[str] | bytes | BinaryIO


def upload(
    core: Core, what: Uploadable, *, name: str | None = None, folder: str = FOLDER, checked: bool = True
) -> Flow[str]:
    """Upload one file; the URL under which a model finds it.

    Args:
        core: The client's share.
        what: A path, the bytes themselves, or a file open for reading in binary mode.
        name: The file name to give it; the path's own, if not given.
        folder: The folder to put it in.
        checked: Whether it has to be what the contract's models take.
    """
    with opened(what, name) as source:
        if checked:
            findings = broken(source.media_type, source.size, any_rule(), "/file", source.name)
            if findings:
                raise RequestInvalid(findings)
        form = {"file": "", "uploadPath": folder, "fileName": source.name}
        encode(form)
        validate(form, "FileStreamUpload")
        if source.size / 3 < _MULTIPART_OVERHEAD:
            data = f"data:{source.media_type};base64,{base64.b64encode(source.file.read()).decode()}"
            small = FileBase64Upload(base_64_data=data, upload_path=folder, file_name=source.name)
            envelope = yield from read(core, kwargs(upload_file_base_64, body=small))
        else:
            file = File(source.file, source.name, source.media_type)
            large = FileStreamUpload(file=file, upload_path=folder, file_name=source.name)
            request = kwargs(upload_file_stream, body=large)
            envelope = yield from read(core, request, prepare=lambda: source.file.seek(0))
    url = text(record_of(envelope.data).get("downloadUrl"))
    if url is None or envelope.raw.get("success") is False:
        raise TransportError("the answer to the upload names no file")
    return url


@contextmanager
def opened(what: Uploadable, name: str | None) -> Iterator[Source]:
    """Whatever was given, as one kind of source.

    Raises:
        TypeError: It is nothing that can be uploaded.
        OSError: It cannot be read.
    """
    if isinstance(what, str | os.PathLike):
        path = Path(what)
        with path.open("rb") as file:
            yield _source(file, name or path.name)
    elif isinstance(what, bytes | bytearray | memoryview):
        yield _source(io.BytesIO(what), name)
    elif hasattr(what, "read"):
        yield _source(_seekable(what), name or _name_of(what))
    else:
        raise TypeError(f"{type(what).__name__} is neither a path nor bytes nor a file open for reading")


def _source(file: BinaryIO, name: str | None) -> Source:
    start = file.tell()
    if start:
        # Only from here on: the bytes before were somebody else's to read.
        file = io.BytesIO(file.read())
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    media_type = media_type_of(file.read(16))
    file.seek(0)
    return Source(name or f"upload.{media_type.rpartition('/')[2]}", media_type, size, file)


def _seekable(file: BinaryIO) -> BinaryIO:
    given: object = file
    if isinstance(given, io.TextIOBase):
        raise TypeError("the file is open as text; open it in binary mode, with 'rb'")
    if file.seekable():
        return file
    content = file.read(_LARGEST_UNMEASURED + 1)
    if len(content) > _LARGEST_UNMEASURED:
        raise ValueError(f"the file cannot be measured and is larger than {_LARGEST_UNMEASURED:,} bytes; give a path")
    return io.BytesIO(content)


def _name_of(file: object) -> str | None:
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else None
