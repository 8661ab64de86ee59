"""The receiver as a WSGI application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apikley._model.fields import is_digits
from apikley.receiver.web import request_check as _gate
from apikley.receiver.web.request_check import Gate, Reply, Store


def serve(gate: Gate, store: Store, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer one request; what it delivers is stored first."""
    reply = _reply(gate, store, environ)
    start_response(f"{int(reply.status)} {reply.status.phrase}", [(n.title(), value) for n, value in reply.headers])
    return [reply.body]


def _reply(gate: Gate, store: Store, environ: dict[str, Any]) -> Reply:
    names = (name.upper().replace("-", "_") for name in _gate.JUDGED)
    judged_by = (environ.get(name, environ.get(f"HTTP_{name}", "")) for name in names)
    refusal = gate.refusal(environ["REQUEST_METHOD"], *judged_by)
    if refusal is not None:
        return refusal
    headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    judged = gate.judge(headers, _body(environ), environ.get("QUERY_STRING", ""))
    if isinstance(judged, Reply):
        return judged
    try:
        store(judged).result(_gate.STORE_TIMEOUT)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is not stored
        return _gate.not_stored(judged, error)
    return _gate.ACCEPTED


def _body(environ: dict[str, Any]) -> bytes:
    length = environ.get("CONTENT_LENGTH") or ""
    has_length = is_digits(length)
    if not has_length and not environ.get("wsgi.input_terminated"):
        return b""  # to read on would be to wait for an end that never comes
    body: bytes = environ["wsgi.input"].read(int(length) if has_length else _gate.LARGEST + 1)
    return body
