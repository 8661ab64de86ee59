"""Applies faults to responses: wrong codes, late, lost and broken responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apikley_mock.control.vocabulary import Fault
from apikley_mock.service import Service
from apikley_mock.web import responses
from apikley_mock.web.http import Receive, Response, Send, write
from apikley_mock.web.responses import CODES

_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"
)


class ConnectionLostError(ConnectionResetError):
    """The simulated connection broke, on a server that cannot break a real one (in-process)."""


def error(fault: Fault, operation: str, service: Service) -> Response:
    """Return the error response of a fault."""
    code = CODES["SERVER_ERROR"] if fault.code is None else fault.code
    style = fault.style or service.settings.error_style
    response = responses.error_of(operation, code, fault.message, style, service.shapes)
    if fault.retry_after is not None or fault.code == CODES["RATE_LIMITED"]:
        retry_after = 1 if fault.retry_after is None else fault.retry_after
        response.headers.append((b"retry-after", b"%d" % retry_after))
    response.fault = fault
    return response


def damaged(fault: Fault, response: Response) -> Response:
    """Return a response with damaged content; `write_damaged` damages the connection."""
    notes = [f"fault {fault.fault} {fault.stage} acceptance"]
    if fault.stage == "after" or fault.fault in ("error", "latency"):
        notes += [response.note] if response.note else []
    else:
        response.code = None  # the request was not validated
    if fault.fault == "html":
        response = Response(502, _PAGE, b"text/html", task_id=response.task_id, fault=fault)
    elif fault.fault == "broken-json":
        response.body = response.body[: len(response.body) // 2]
    response.note = ": ".join(notes)
    return response


async def write_damaged(fault: Fault, response: Response, state: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send a response over a connection that the fault may break.

    Args:
        fault: What goes wrong.
        response: The response.
        state: The ASGI scope's state; `reset` and `close` break the connection if the server can.
        receive: ASGI.
        send: ASGI.

    Raises:
        ConnectionLostError: The connection breaks, but the server cannot break it.
    """
    if fault.fault not in ("reset", "cut"):
        await write(response, send)
        return
    disconnect: Callable[[], None] | None = state.get("reset" if fault.fault == "reset" else "close")
    if disconnect is None:
        raise ConnectionLostError(f"simulated: {response.note}")
    if fault.fault == "cut":
        await send(response.start())
        half = response.body[: len(response.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
    disconnect()
    while (await receive())["type"] != "http.disconnect":
        pass
