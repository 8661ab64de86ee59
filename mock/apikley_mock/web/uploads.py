"""The three uploads, and the download of uploaded files. Their errors have real HTTP statuses."""

from __future__ import annotations

import base64
import binascii
import logging
import mimetypes
import re
import string
from datetime import UTC, datetime
from itertools import count
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import apikley_contract
from apikley_mock.service import Service
from apikley_mock.web import media, responses, validation
from apikley_mock.web.http import Request, Response, json_response
from apikley_mock.world.accounts import Account
from apikley_mock.world.caller import NotAllowedError
from apikley_mock.world.clock import LAST_MOMENT
from apikley_mock.world.storage import StorageFullError

FILES = "/files"
_FETCH_TIMEOUT = 30.0
_MULTIPART = "multipart/form-data"
_BAD_REQUEST = 400
_MAX_PARTS = 20
_LETTERS = string.ascii_lowercase + string.digits


class Uploads:
    """The handlers of the uploads."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def stream(self, request: Request, account: Account) -> Response:
        """Store a file of a form."""
        try:
            value, content, sent_name = _form(request.headers.get(b"content-type", b""), request.body)
        except ValueError as error:
            return responses.upload_error(_BAD_REQUEST, f"The request body is not a form: {error}")
        violation = _violation(validation.request_schema("uploadFileStream", _MULTIPART), value)
        if not violation and sent_name is None:
            violation = "file: has no filename, so it is a field of the form and not a file"
        return self._stored(request, account, value, violation, content, sent_name or "")

    async def base64(self, request: Request, account: Account) -> Response:
        """Store a file given as base64 text or as a data URL."""
        value, violation = validation.parse_body(request.body)
        violation = violation or _violation(validation.request_schema("uploadFileBase64"), value)
        if violation:
            return responses.upload_error(_BAD_REQUEST, violation)
        text, mime_type = value["base64Data"], ""
        if match := re.match(r"data:([^;,]{0,100})[^,]{0,200},", text):
            text, mime_type = text[match.end() :], match[1]
        try:
            content = base64.b64decode(text.encode("ascii").translate(None, b" \t\r\n"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return responses.upload_error(_BAD_REQUEST, "Base64 decoding failed: Invalid Base64 format")
        name = f"upload{mimetypes.guess_extension(mime_type) or '.bin'}"
        return self._stored(request, account, value, None, content, name)

    async def url(self, request: Request, account: Account) -> Response:
        """Fetch and store a file. If its host may not be called, store a small picture instead."""
        value, violation = validation.parse_body(request.body)
        violation = violation or _violation(validation.request_schema("uploadFileUrl"), value)
        if violation:
            return responses.upload_error(_BAD_REQUEST, violation)
        service, note = self._service, ""
        try:
            timeout = service.clock.real_timeout(_FETCH_TIMEOUT)
            content = await service.caller.fetch(value["fileUrl"], timeout, service.settings.max_upload)
        except NotAllowedError as error:
            content, note = media.picture(), f"{error}; a small picture is stored instead"
        except ValueError as error:
            return responses.upload_error(_BAD_REQUEST, f"fileUrl: {error}")
        name = _last_part(value["fileUrl"])
        response = self._stored(request, account, value, None, content, name or "upload.png")
        response.note = response.note or note
        return response

    async def file(self, request: Request) -> Response:
        """Serve a stored file."""
        stored = self._service.storage.find(request.path.removeprefix(FILES + "/"), self._service.clock.now())
        if request.method not in ("GET", "HEAD") or stored is None:
            return Response(404, b"no such file\n", b"text/plain")
        response = media.serve(stored.content, stored.mime_type, request.headers.get(b"range", b""))
        # An uploaded page must not act in the simulator's name.
        response.headers += [(b"content-security-policy", b"sandbox"), (b"x-content-type-options", b"nosniff")]
        return response

    def _stored(
        self, request: Request, account: Account, value: Any, violation: str | None, content: bytes, name: str
    ) -> Response:
        if violation:
            return responses.upload_error(_BAD_REQUEST, violation)
        max_upload = self._service.settings.max_upload
        if len(content) > max_upload:
            return responses.upload_error(_BAD_REQUEST, f"The file is larger than {max_upload:,} bytes")
        now, recorded = self._service.clock.now(), self._service.shapes == "recorded"
        given, sent = _plain(value.get("fileName") or ""), _plain(name) or "upload.bin"
        name = given or (self._unique_name(sent, now) if recorded else sent)
        folder = _folder(value["uploadPath"])
        try:
            stored = self._service.storage.store(
                f"{account.name}/{folder}".rstrip("/") if recorded else folder, name, content, now
            )
        except StorageFullError as error:
            full = responses.CODES["SERVER_ERROR"]
            return responses.upload_error(full, f"{responses.upload_text(full)}: {error}")
        data = {
            **({"success": True} if recorded else {}),
            "fileName": stored.name,
            "filePath": stored.path,
            "downloadUrl": f"{request.base_url}{FILES}/{quote(stored.path, errors='replace')}",
            "fileSize": len(stored.content),
            "mimeType": stored.mime_type,
            "uploadedAt": _date(now),
        }
        value = {"success": True, "code": 200, "msg": "File uploaded successfully", "data": data}
        return json_response(200, value, 200)

    def _unique_name(self, name: str, now: float) -> str:
        letters = "".join(self._service.random.choices(_LETTERS, k=11))
        return f"{round(now * 1000)}-{letters}{PurePosixPath(name).suffix}"


def _violation(schema: str, value: Any) -> str | None:
    """Return why an upload's request is invalid, in the documented words if a field is missing."""
    required = apikley_contract.openapi()["components"]["schemas"][schema]["required"]
    missing = [name for name in required if name not in value] if isinstance(value, dict) else []
    return f"Missing required parameter: {missing[0]}" if missing else validation.violations(schema, value)


def _form(content_type: bytes, body: bytes) -> tuple[dict[str, Any], bytes, str | None]:
    """Return the fields of a form, its file, and the file's name; None without a file.

    Raises:
        ValueError: It is not a form, or has too many parts.
    """
    from python_multipart.multipart import FormParser, parse_options_header  # noqa: PLC0415 - only for forms

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # the response describes the error
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != _MULTIPART.encode() or not boundary:
        raise ValueError(f"expected the content type {_MULTIPART} with a boundary")
    fields: dict[str, Any] = {}
    files: list[Any] = []
    parts = count(1)

    def on_part() -> None:
        # While parsing, because hundreds of thousands of empty parts would block the server.
        if next(parts) > _MAX_PARTS:
            raise ValueError(f"it has more than {_MAX_PARTS} parts")

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
    # A fast clock can pass the last year that can be written.
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
    """Return a folder without `.` and `..`, which clients remove from URLs."""
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            del steps[-1:]
        elif step != ".":
            steps.append(step)
    return "/".join(steps)


def _plain(name: str) -> str:
    """Return a file name without folders; empty if nothing is left."""
    last = re.split(r"[/\\]", name)[-1].strip()[:200]
    return "" if last in (".", "..") else last
