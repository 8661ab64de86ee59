"""The three uploads, and the files that they lead to. Their errors are real HTTP statuses."""

from __future__ import annotations

import base64
import binascii
import logging
import mimetypes
import re
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from apikley_mock.service import Service
from apikley_mock.web import media
from apikley_mock.web import responses as answers
from apikley_mock.web import validation as judge
from apikley_mock.web.caller import NotAllowedError
from apikley_mock.web.http import Answer, Request, json_answer
from apikley_mock.world.accounts import Account
from apikley_mock.world.clock import LAST_MOMENT
from apikley_mock.world.storage import StorageFullError

FILES = "/files"
_FETCH_TIME = 30.0
_MULTIPART = "multipart/form-data"
_REFUSED = 400
_MOST_PARTS = 20


class Uploads:
    """Handlers of the uploads.

    Args:
        service: What they act on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def stream(self, request: Request, _: Account) -> Answer:
        """Take a file of a form."""
        try:
            value, content, sent_name = _form(request.headers.get(b"content-type", b""), request.body)
        except ValueError as error:
            return answers.upload_error(_REFUSED, f"The request body is not a form: {error}")
        wrong = judge.findings(judge.request_schema("uploadFileStream", _MULTIPART), value)
        if not wrong and sent_name is None:
            wrong = "file: it came without a filename, as a field of the form and not as a file"
        return self._stored(request, value, wrong, content, sent_name or "")

    async def base64(self, request: Request, _: Account) -> Answer:
        """Take a file as base64 text, plain or as a data URL."""
        value, wrong = judge.body_of(request.body)
        wrong = wrong or judge.findings(judge.request_schema("uploadFileBase64"), value)
        if wrong:
            return answers.upload_error(_REFUSED, wrong)
        text, mime_type = value["base64Data"], ""
        if match := re.match(r"data:([^;,]{0,100})[^,]{0,200},", text):
            text, mime_type = text[match.end() :], match[1]
        try:
            content = base64.b64decode(text.encode("ascii").translate(None, b" \t\r\n"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return answers.upload_error(_REFUSED, "base64Data: neither base64 text nor a data URL of it")
        return self._stored(request, value, None, content, f"upload{mimetypes.guess_extension(mime_type) or '.bin'}")

    async def url(self, request: Request, _: Account) -> Answer:
        """Fetch a file, if its host may be called; otherwise a small picture stands in for it."""
        value, wrong = judge.body_of(request.body)
        wrong = wrong or judge.findings(judge.request_schema("uploadFileUrl"), value)
        if wrong:
            return answers.upload_error(_REFUSED, wrong)
        service, note = self._service, ""
        try:
            patience = service.clock.patience(_FETCH_TIME)
            content = await service.caller.fetch(value["fileUrl"], patience, service.settings.largest_upload)
        except NotAllowedError as error:
            content, note = media.picture(), f"{error}; a small picture stands in for the file"
        except ValueError as error:
            return answers.upload_error(_REFUSED, f"fileUrl: {error}")
        name = _last_part(value["fileUrl"])
        answer = self._stored(request, value, None, content, name or "upload.png")
        answer.note = answer.note or note
        return answer

    async def file(self, request: Request) -> Answer:
        """Serve a stored file."""
        stored = self._service.storage.find(request.path.removeprefix(FILES + "/"), self._service.clock.now())
        if request.method not in ("GET", "HEAD") or stored is None:
            return Answer(404, b"no such file\n", b"text/plain")
        return media.served(stored.content, stored.mime_type, request.headers.get(b"range", b""))

    def _stored(self, request: Request, value: Any, wrong: str | None, content: bytes, name: str) -> Answer:
        if wrong:
            return answers.upload_error(_REFUSED, wrong)
        largest = self._service.settings.largest_upload
        if len(content) > largest:
            return answers.upload_error(_REFUSED, f"The file is larger than {largest:,} bytes")
        name = _plain(value.get("fileName") or "") or _plain(name) or "upload.bin"
        now = self._service.clock.now()
        try:
            stored = self._service.storage.store(_folder(value["uploadPath"]), name, content, now)
        except StorageFullError as error:
            full = answers.CODES["SERVER_ERROR"]
            return answers.upload_error(full, f"{answers.upload_text(full)}: {error}")
        data = {
            "fileName": stored.name,
            "filePath": stored.path,
            "downloadUrl": f"{request.base_url}{FILES}/{quote(stored.path, errors='replace')}",
            "fileSize": len(stored.content),
            "mimeType": stored.mime_type,
            "uploadedAt": _date(now),
        }
        answer = json_answer(200, {"success": True, "code": 200, "msg": "File uploaded successfully", "data": data})
        answer.code = 200
        return answer


def _form(content_type: bytes, body: bytes) -> tuple[dict[str, Any], bytes, str | None]:
    """The fields of a form, its file, and the name that was sent with it; None where it has no file.

    Raises:
        ValueError: It is no form, or has too many parts.
    """
    from python_multipart.multipart import FormParser, parse_options_header  # noqa: PLC0415 - for forms only

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # what is wrong is said in the answer
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != _MULTIPART.encode() or not boundary:
        raise ValueError(f"expected the content type {_MULTIPART} with a boundary")
    fields: dict[str, Any] = {}
    files: list[Any] = []
    parts = count(1)

    def on_part() -> None:
        # While they are read: hundreds of thousands of empty ones would keep everybody waiting.
        if next(parts) > _MOST_PARTS:
            raise ValueError(f"it has more than {_MOST_PARTS} parts")

    def on_field(field: Any) -> None:
        on_part()
        fields[_text(field.field_name)] = _text(field.value)

    def on_file(file: Any) -> None:
        on_part()
        files.append(file)

    parser = FormParser(
        _MULTIPART,
        on_field,
        on_file,
        boundary=boundary,
        config={"MAX_MEMORY_FILE_SIZE": len(body) + 1},
    )
    parser.write(body)
    parser.finalize()
    content, name = b"", None
    for file in files:
        if _text(file.field_name) == "file":
            file.file_object.seek(0)
            content, name = file.file_object.read(), _text(file.file_name)
            fields["file"] = name
        file.close()
    return fields, content, name


def _date(moment: float) -> str:
    # A clock that runs fast enough gets beyond the last year that can be written.
    date = datetime.fromtimestamp(min(moment, LAST_MOMENT), UTC)
    return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", errors="replace")


def _last_part(url: str) -> str:
    try:
        return unquote(urlsplit(url).path).rsplit("/", 1)[-1]
    except ValueError:
        return ""


def _folder(path: str) -> str:
    """A folder as an address leads to it: clients take out `.` and `..` before they send one."""
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def _plain(name: str) -> str:
    """A file's name without folders; empty where nothing is left."""
    last = re.split(r"[/\\]", name)[-1].strip()[:200]
    return "" if last in (".", "..") else last
