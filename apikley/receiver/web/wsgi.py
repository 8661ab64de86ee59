"""The receiver as a WSGI application."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from apikley._model.fields import is_digits
from apikley.receiver.web import request_check
from apikley.receiver.web.request_check import RequestCheck, Response, Store

_CHUNK = 8 * 1024


def serve(
    check: RequestCheck, store: Store, environ: dict[str, Any], start_response: Callable[..., Any]
) -> list[bytes]:
    """Respond to one request, after storing its callback."""
    response = _respond(check, store, environ)
    headers = [(name.title(), value) for name, value in response.headers]
    start_response(f"{int(response.status)} {response.status.phrase}", headers)
    return [response.body]


def _respond(check: RequestCheck, store: Store, environ: dict[str, Any]) -> Response:
    headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    # CONTENT_TYPE and CONTENT_LENGTH have no prefix.
    others = {name.replace("_", "-"): environ.get(name, "") for name in ("CONTENT_TYPE", "CONTENT_LENGTH")}
    early = check.refuse_early(environ["REQUEST_METHOD"], lambda name: (headers | others).get(name.upper(), ""))
    body = early or _body(environ)
    if isinstance(body, Response):
        return body
    checked = check.check(headers, body, environ.get("QUERY_STRING", ""))
    if isinstance(checked, Response):
        return checked
    try:
        store(checked).result(request_check.STORE_TIMEOUT)
    except Exception as error:  # noqa: BLE001 - any error means that it is not stored
        return request_check.not_stored(checked, error)
    return request_check.ACCEPTED


def _body(environ: dict[str, Any]) -> bytes | Response:
    """Return the body, or the response to a body that does not end. How long one read takes is up to the server."""
    length = environ.get("CONTENT_LENGTH") or ""
    has_length = is_digits(length)
    if not has_length and not environ.get("wsgi.input_terminated"):
        return b""  # reading would wait for an end that never comes
    remaining = int(length) if has_length else request_check.MAX_BODY + 1
    source, deadline, body = environ["wsgi.input"], time.monotonic() + request_check.BODY_TIMEOUT, b""
    read = getattr(source, "read1", source.read)  # returns what has arrived
    try:
        while remaining and (chunk := read(min(remaining, _CHUNK))):
            body += chunk
            remaining -= len(chunk)
            if time.monotonic() > deadline:
                return request_check.TOO_SLOW
    except OSError:  # a timeout, or the sender has closed the connection
        return request_check.TOO_SLOW
    return request_check.TOO_SLOW if has_length and remaining else body
