"""Signs, verifies and reads completion callbacks. Standard library only.

The signature of this API family covers the task's id and a time, **not the body**: a verified
callback says that this task ended, and only a look at the task itself (`Apikley.task`) says how.

    callback = verify(request.headers, request.body, key)   # raises CallbackError, whatever came
    done = api.get_task(callback.task_id)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import apikley_contract
from apikley._model.fields import TaskFields, is_digits, is_number, parsed, text
from apikley.errors import BadPayload, BadSignature, ConfigurationError, StaleCallback

__all__ = ["SIGNATURE_HEADER", "TIMESTAMP_HEADER", "Callback", "event_key", "parse", "sign", "verify"]

TIMESTAMP_HEADER = "X-Webhook-Timestamp"
SIGNATURE_HEADER = "X-Webhook-Signature"

Key = str | bytes
Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
Body = bytes | bytearray | str


@dataclass(frozen=True, slots=True)
class Callback:
    """A completion callback.

    Attributes:
        task_id: The task that ended.
        state: The state that it ended in, as the service wrote it, for instance `success`.
        code: The envelope's code.
        msg: The envelope's text.
        task: The task's fields; empty where the callback carries none.
        raw: The body as it came.
    """

    task_id: str
    state: str
    code: int | None
    msg: str
    task: TaskFields
    raw: dict[str, Any]

    @property
    def key(self) -> str:
        """The same for every delivery of this ending; what is done under it once is done once."""
        return event_key(self.task_id, self.state)


def event_key(task_id: str, state: str) -> str:
    """What names the ending of a task in this state, however often it is delivered."""
    return f"{task_id}:{state}"


def sign(task_id: str, key: Key, timestamp: int | None = None) -> dict[str, str]:
    """The two headers that a callback about this task carries.

    Args:
        task_id: The task.
        key: The account's webhook key.
        timestamp: Unix time in seconds; now, if not given.

    Returns:
        The headers by name.

    Raises:
        ConfigurationError: Nothing can be signed with the key.
    """
    secret = signing_key(key)
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    return {TIMESTAMP_HEADER: stamp, SIGNATURE_HEADER: _signature(task_id, stamp, secret).decode("ascii")}


def verify(
    headers: Headers,
    body: Body,
    key: Key | Iterable[Key],
    *,
    tolerance: float = 300,
    now: float | None = None,
) -> Callback:
    """Read a callback and make sure that somebody with the key sent it, recently.

    Total: whatever the headers and the body hold, this returns or raises a `CallbackError`.

    Args:
        headers: The request's headers, in any case.
        body: The request's body.
        key: The account's webhook key, or several while one replaces another.
        tolerance: How far the callback's time may be from now, in seconds.
        now: Unix time in seconds; the system's, if not given.

    Raises:
        BadPayload: The body is not a callback.
        BadSignature: The signature is missing, malformed or wrong, or nothing can be signed with a key.
        StaleCallback: The signature is good, but too old or from the future.
        ConfigurationError: The tolerance is no number of seconds.
    """
    if not (is_number(tolerance) and tolerance >= 0):
        raise ConfigurationError(f"tolerance is {tolerance!r}, expected 0 or more seconds")
    try:
        keys = webhook_keys(key)
    except ConfigurationError as error:
        raise BadSignature(str(error)) from None
    stamp, given = _header(headers, TIMESTAMP_HEADER), _header(headers, SIGNATURE_HEADER)
    callback = parse(body)
    if not (is_digits(stamp) and len(stamp) <= 12):
        raise BadSignature(f"the header {TIMESTAMP_HEADER} is not a Unix time in seconds")
    presented = given.encode("utf-8", "surrogatepass")
    # Every key is tried, whichever fits, so that the time taken tells nothing.
    fits = [hmac.compare_digest(_signature(callback.task_id, stamp, each), presented) for each in keys]
    if not any(fits):
        raise BadSignature("the signature does not fit the task and the time")
    # Asked this way round, so that a time that is no number is refused as well.
    if not abs((time.time() if now is None else now) - int(stamp)) <= tolerance:
        raise StaleCallback(f"the callback's time is more than {tolerance:g} s from now")
    return callback


def parse(body: Body) -> Callback:
    """Read a callback in any of its published forms, without any word on who sent it.

    Raises:
        BadPayload: The body is not a callback.
    """
    if isinstance(body, bytearray):
        body = bytes(body)
    payload = parsed(body) if isinstance(body, bytes | str) else None
    if not isinstance(payload, dict):
        raise BadPayload("the body is not a JSON object")
    data = payload.get("data")
    record = data if isinstance(data, dict) else {}
    task_id = _task_id(record) or _task_id(payload)
    if task_id is None:
        raise BadPayload("the body names no task")
    code = payload.get("code")
    number = int(code) if is_number(code) and code % 1 == 0 else None
    state = text(record.get("state")) or state_of(number)
    if state is None:
        raise BadPayload("the body names no state")
    message = text(payload.get("msg")) or text(payload.get("message")) or ""
    return Callback(task_id, state, number, message, TaskFields(record), payload)


def webhook_keys(key: Key | Iterable[Key]) -> list[bytes]:
    """One key or several, as the bytes that callbacks are signed with.

    Raises:
        ConfigurationError: There is none, or no service can have signed with it.
    """
    # A bytearray would be taken for a list of numbers.
    several = isinstance(key, Iterable) and not isinstance(key, str | bytes | bytearray | memoryview)
    keys: list[Any] = list(key) if several else [key]
    for each in keys:
        # Said without the key itself: it is a secret even where it is malformed.
        if not isinstance(each, str | bytes | None):
            raise ConfigurationError(f"a webhook key is str or bytes, not {type(each).__name__}")
    if not keys or not all(keys):
        raise ConfigurationError("no webhook key; pass the one that your account signs callbacks with")
    try:
        return [each.encode() if isinstance(each, str) else each for each in keys]
    except UnicodeEncodeError:
        raise ConfigurationError("the webhook key is no text: it holds half a character") from None


def signing_key(key: Key | Iterable[Key]) -> bytes:
    """The one key that callbacks are signed with.

    Raises:
        ConfigurationError: There is none, or more than one, or nothing can be signed with it.
    """
    secret, *more = webhook_keys(key)
    if more:
        raise ConfigurationError("callbacks are verified with several webhook keys, but signed with one; pass that one")
    return secret


def _task_id(record: Mapping[str, Any]) -> str | None:
    for name in ("taskId", "task_id"):
        value = record.get(name)
        if isinstance(value, str) and value:
            # A lone surrogate cannot be signed, so no service can have sent it.
            return value if _encodable(value) else None
    return None


def _encodable(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def state_of(code: int | None) -> str | None:
    """The final state that an envelope's code stands for in a callback, if it stands for one."""
    codes = apikley_contract.codes()
    return {codes["SUCCESS"]: "success", codes["GENERATION_FAILED"]: "fail"}.get(code or 0)


def _header(headers: Headers, name: str) -> str:
    try:
        items = getattr(headers, "items", None)
        pairs: Any = items() if callable(items) else headers
        values = {_decoded(value) for key, value in pairs if (_decoded(key) or "").lower() == name.lower()}
    except Exception as error:  # whatever odd container came, it holds no signature
        raise BadSignature(f"the headers cannot be read: {type(error).__name__}") from error
    if len(values) != 1:
        raise BadSignature(f"the header {name} is {'given more than once' if values else 'missing'}")
    value = values.pop()
    if value is None:
        raise BadSignature(f"the header {name} is not text")
    return value


def _decoded(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


def _signature(task_id: str, timestamp: str, key: bytes) -> bytes:
    return base64.b64encode(hmac.new(key, f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest())
