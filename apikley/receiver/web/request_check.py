"""Judges a request: what it is answered, and what of it is to be stored. No I/O."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.correlation import PARAMETER, is_token
from apikley._model.fields import is_digits
from apikley._model.task import FINISHED
from apikley.callbacks import Callback, Headers, Key, state_of, verify
from apikley.errors import BadPayload, CallbackError
from apikley.receiver.inbox.rows import Delivery

logger = logging.getLogger("apikley.receiver")

# In bytes; published callbacks have less than a hundredth of it.
LARGEST = 1024 * 1024
# In seconds. The sender waits 15 s in all.
BODY_TIMEOUT, STORE_TIMEOUT = 5.0, 9.0
# The headers by which a request is refused before its body is read, in the order in which `refusal` takes them.
JUDGED = ("content-type", "content-encoding", "content-length")

Store = Callable[[Delivery], "Future[None]"]
_LONGEST_ID = 255


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered.

    Attributes:
        status: The HTTP status.
        body: A short envelope in JSON, the same for every request with this status.
        headers: The headers.
    """

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[str, str], ...]


def _reply(status: HTTPStatus, msg: str | None = None, *more: tuple[str, str]) -> Reply:
    body = json.dumps({"code": int(status), "msg": msg or status.phrase}, separators=(",", ":")).encode()
    headers = (("content-type", "application/json"), ("content-length", str(len(body))), *more)
    return Reply(status, body, headers)


ACCEPTED = _reply(HTTPStatus(apikley_contract.codes()["SUCCESS"]), "success")
BAD_SIGNATURE = _reply(HTTPStatus(apikley_contract.codes()["UNAUTHORIZED"]))
BAD_PAYLOAD = _reply(HTTPStatus.BAD_REQUEST)
NOT_POST = _reply(HTTPStatus.METHOD_NOT_ALLOWED, None, ("allow", "POST"))
NOT_JSON = _reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
TOO_LARGE = _reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Content Too Large")
TOO_SLOW = _reply(HTTPStatus.REQUEST_TIMEOUT)
NOT_STORED = _reply(HTTPStatus.SERVICE_UNAVAILABLE)


def not_stored(delivery: Delivery, error: Exception) -> Reply:
    """The answer to a callback that could not be stored: the sender will try again."""
    logger.error("the callback %s could not be stored: %s", delivery.key, error, exc_info=error)
    return NOT_STORED


class Gate:
    """What is let in.

    Args:
        keys: The account's webhook keys.
        tolerance: How far a callback's time may be from now, in seconds.
        clock: What tells the time.
    """

    def __init__(self, keys: Iterable[Key], tolerance: float, clock: Clock) -> None:
        self._keys = list(keys)
        self._tolerance = tolerance
        self._clock = clock

    def refusal(self, method: str, content_type: str, encoding: str, length: str) -> Reply | None:
        """What a request is answered of which only the headers have been read; None to read on."""
        if method != "POST":
            return NOT_POST
        media = content_type.partition(";")[0].strip().lower()
        if (media and media != "application/json" and not media.endswith("+json")) or encoding not in ("", "identity"):
            return NOT_JSON
        # Digits beyond any size are too many as well; whatever is no number is the server's to refuse.
        return TOO_LARGE if is_digits(length) and (len(length) > 12 or int(length) > LARGEST) else None

    def judge(self, headers: Headers, body: bytes, query: str) -> Delivery | Reply:
        """What of a request is to be stored, or what it is answered without storing anything."""
        if len(body) > LARGEST:
            return TOO_LARGE
        now = self._clock.now().timestamp()
        try:
            callback = verify(headers, body, self._keys, tolerance=self._tolerance, now=now)
        except BadPayload:
            return BAD_PAYLOAD
        except CallbackError:
            return BAD_SIGNATURE
        # Ids are opaque, but what cannot be printed or runs on for pages cannot be stored everywhere.
        if len(callback.task_id) > _LONGEST_ID or not callback.task_id.isprintable():
            return BAD_PAYLOAD
        state = _state(callback)
        if state not in FINISHED:
            return ACCEPTED  # news of a task that goes on: there is nothing to do
        return Delivery(callback.task_id, state, body, now, _token(query))


def _state(callback: Callback) -> str | None:
    """The contract's state that a callback means: the one that it names, in whatever case, or what its code says."""
    known = apikley_contract.openapi()["components"]["schemas"]["TaskState"]["enum"]
    if callback.state in known:
        return callback.state
    named = callback.state.casefold()
    state = named if named in known else state_of(callback.code)
    read = f"is read as {state}" if state else "and a code that says nothing either; it is not stored"
    logger.warning(
        "the callback of task %s has a state unknown to the contract, %.100r, %s",
        callback.task_id,
        callback.state,
        read,
    )
    return state


def _token(query: str) -> str | None:
    try:
        given = parse_qs(query, max_num_fields=50).get(PARAMETER, [])
    except ValueError:
        return None
    return given[0] if len(given) == 1 and is_token(given[0]) else None
