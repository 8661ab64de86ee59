"""Trouble on the way: wrong codes, late, lost and broken answers, before or after a request is accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from apikley_mock.web import responses as answers
from apikley_mock.web.http import Answer, Receive, Send, write

Kind = Literal["error", "latency", "reset", "cut", "broken-json", "html"]
Stage = Literal["before", "after"]

_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
    b"<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"
)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        fault: `error` answers a code; `latency` only takes its time; `reset` breaks the connection;
            `cut` ends it in the middle of the answer; `broken-json` cuts the answer's JSON; `html`
            answers a proxy's error page with HTTP 502.
        stage: `before` the request is accepted, or `after` it: then the task exists, and is paid.
        code: The code of an `error`.
        msg: The text of an `error`; the contract's for the code, if not given.
        retry_after: Seconds for the header `Retry-After`; with code 429, 1 if not given.
        latency: Real seconds that the request waits before it is accepted, or after it the answer.
    """

    fault: Kind
    stage: Stage = "before"
    code: int = answers.CODES["SERVER_ERROR"]
    msg: str | None = None
    retry_after: int | None = None
    latency: float = 0.0


class ConnectionLostError(ConnectionResetError):
    """The simulated connection broke, on a server that cannot break a real one (in-process)."""


def refused(fault: Fault, answer: Answer) -> Answer:
    """The error that a fault answers, with all that belongs to it."""
    if fault.retry_after is not None or fault.code == answers.CODES["RATE_LIMITED"]:
        answer.headers.append((b"retry-after", b"%d" % (1 if fault.retry_after is None else fault.retry_after)))
    answer.fault = fault
    return answer


def spoiled(fault: Fault, answer: Answer) -> Answer:
    """An answer with the fault's damage in its content; damage to the connection is done by `write_spoiled`."""
    words = [f"fault {fault.fault} {fault.stage} acceptance"]
    if fault.stage == "after" or fault.fault in ("error", "latency"):
        words += [answer.note] if answer.note else []
    else:
        answer.code = None  # nothing was judged
    if fault.fault == "html":
        task_id = answer.task_id
        answer = Answer(502, _PAGE, b"text/html")
        answer.task_id, answer.fault = task_id, fault
    elif fault.fault == "broken-json":
        answer.body = answer.body[: len(answer.body) // 2]
    answer.note = ": ".join(words)
    return answer


async def write_spoiled(fault: Fault, answer: Answer, state: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send an answer over a connection that the fault may break.

    Args:
        fault: What goes wrong.
        answer: What would be answered.
        state: The ASGI scope's state: `reset` and `close` break the connection, where the server has one.
        receive: ASGI.
        send: ASGI.

    Raises:
        ConnectionLostError: The connection breaks, and the server has none to break.
    """
    if fault.fault not in ("reset", "cut"):
        await write(answer, send)
        return
    breaks: Callable[[], None] | None = state.get("reset" if fault.fault == "reset" else "close")
    if breaks is None:
        raise ConnectionLostError(f"simulated: {answer.note}")
    if fault.fault == "cut":
        headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        half = answer.body[: len(answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
    breaks()
    while (await receive())["type"] != "http.disconnect":
        pass
