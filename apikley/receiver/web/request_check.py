"""Decides the response to a callback request and what to store. No I/O."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs

import apikley_contract
from apikley._flows.correlation import PARAMETER, is_token
from apikley._model.fields import is_digits
from apikley._model.task import FINISHED
from apikley.callbacks import Callback, Headers, Key, verify
from apikley.errors import BadPayload, CallbackError
from apikley.receiver.inbox.rows import NO_STATE, Completion

logger = logging.getLogger("apikley.receiver")

MAX_BODY = 64 * 1024  # bytes; published callbacks have less than a tenth of it
# Seconds. The sender waits 15 in all.
BODY_TIMEOUT, STORE_TIMEOUT = 5.0, 9.0
_LOG_INTERVAL = 10.0

Store = Callable[[Completion], "Future[None]"]
_MAX_TASK_ID = 255


class Response(NamedTuple):
    """A response with a short JSON envelope, the same for every request that gets this status."""

    status: HTTPStatus
    body: bytes
    headers: list[tuple[str, str]]


def _response(status: int, message: str | None = None, *headers: tuple[str, str]) -> Response:
    message = message or HTTPStatus(status).phrase
    body = json.dumps({"code": int(status), "msg": message}, separators=(",", ":")).encode()
    content = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return Response(HTTPStatus(status), body, [*content, *headers])


ACCEPTED = _response(apikley_contract.codes()["SUCCESS"], "success")
BAD_SIGNATURE = _response(apikley_contract.codes()["UNAUTHORIZED"])
BAD_PAYLOAD = _response(HTTPStatus.BAD_REQUEST)
NOT_POST = _response(HTTPStatus.METHOD_NOT_ALLOWED, None, ("allow", "POST"))
NOT_JSON = _response(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
TOO_LARGE = _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Content Too Large")
TOO_SLOW = _response(HTTPStatus.REQUEST_TIMEOUT)
NOT_STORED = _response(HTTPStatus.SERVICE_UNAVAILABLE)


def not_stored(completion: Completion, error: Exception) -> Response:
    """Log that a callback could not be stored, and return the response that makes the sender try again."""
    logger.error("cannot store the callback %s: %s", completion.event_id, error, exc_info=error)
    return NOT_STORED


class RefusalLog:
    """Logs why callbacks are refused, at most once in ten seconds, so that nobody can fill the log."""

    def __init__(self) -> None:
        self._next = 0.0
        self._silent = 0

    def log(self, status: int, reason: str) -> None:
        """Log a refusal, or count it."""
        now = time.monotonic()
        if now < self._next:
            self._silent += 1
            return
        more = f" ({self._silent:,} more since the last message)" if self._silent else ""
        logger.warning("callback refused with %d: %s%s", status, reason, more)
        self._next, self._silent = now + _LOG_INTERVAL, 0


@dataclass(frozen=True, eq=False, repr=False)
class RequestCheck:
    """Checks callback requests."""

    webhook_keys: Iterable[Key]
    tolerance: float  # seconds that a callback's time may be from now
    now: Callable[[], float]  # Unix time in seconds
    refusals: RefusalLog = field(default_factory=RefusalLog)

    def _refused(self, response: Response, reason: str) -> Response:
        self.refusals.log(response.status, reason)
        return response

    def refuse_early(self, method: str, header: Callable[[str], str]) -> Response | None:
        """Return the response to a request that its method and headers rule out; None to read the body."""
        if method != "POST":
            return NOT_POST
        media, length = header("content-type").partition(";")[0].strip().lower(), header("content-length")
        if media and media != "application/json" and not media.endswith("+json"):
            return NOT_JSON
        if header("content-encoding") not in ("", "identity"):
            return NOT_JSON
        # The server refuses a length that is not a number.
        return TOO_LARGE if is_digits(length) and (len(length) > 12 or int(length) > MAX_BODY) else None

    def check(self, headers: Headers, body: bytes, query: str) -> Completion | Response:
        """Return the completion to store, or the response to a request that stores nothing."""
        if len(body) > MAX_BODY:
            return TOO_LARGE
        now = self.now()
        try:
            callback = verify(headers, body, self.webhook_keys, tolerance=self.tolerance, now=now)
        except BadPayload as error:
            return self._refused(BAD_PAYLOAD, str(error))
        except CallbackError as error:
            return self._refused(BAD_SIGNATURE, str(error))
        # Some databases cannot store longer ids or control characters.
        if len(callback.task_id) > _MAX_TASK_ID or not callback.task_id.isprintable():
            return self._refused(BAD_PAYLOAD, "the task id is too long, or has control characters")
        state = _final_state(callback)
        if state not in (*FINISHED, NO_STATE):
            return ACCEPTED  # the task goes on: nothing to do
        return Completion(callback.task_id, state, body, now, _token(query))


def _final_state(callback: Callback) -> str:
    """Return the contract's state that a callback means, or NO_STATE: then only recordInfo says how the task ended."""
    states = apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"]
    if callback.state is None or callback.state in states:
        return callback.state or NO_STATE
    logger.warning("callback of task %s has an unknown state %.100r", callback.task_id, callback.state)
    return NO_STATE


def _token(query: str) -> str | None:
    try:
        tokens = parse_qs(query, max_num_fields=50).get(PARAMETER, [])
    except ValueError:
        return None
    return tokens[0] if len(tokens) == 1 and is_token(tokens[0]) else None
