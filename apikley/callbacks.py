"""Sign, verify and parse callbacks. Standard library only.

The signature covers the task id and the time, **not the body**. A verified callback proves that the task
ended; call `Apikley.get_task` to learn how.

    callback = verify(request.headers, request.body, webhook_key)  # raises CallbackError
    task = api.get_task(callback.task_id)
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
from apikley._model.fields import is_digits, is_number, parse_json, text
from apikley._model.secrets import SecretBytes, hidden
from apikley._model.task import TaskInfo, known_state
from apikley.errors import BadPayload, BadSignature, ConfigurationError, StaleCallback

__all__ = ["SIGNATURE_HEADER", "TIMESTAMP_HEADER", "Callback", "event_id", "parse", "sign", "verify"]

TIMESTAMP_HEADER = "X-Webhook-Timestamp"
SIGNATURE_HEADER = "X-Webhook-Signature"

Key = str | bytes
Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
Body = bytes | bytearray | str


@dataclass(frozen=True, slots=True)
class Callback:
    """A parsed callback.

    Attributes:
        task_id: The task that ended.
        state: The final state, for instance `success`. Without one in the body, it follows from the envelope's code
            (200 or 501); otherwise it is None: call `get_task` to learn it.
        code: The envelope's code.
        message: The envelope's text.
        task: What the callback says of the task.
        raw: The body as it arrived.
    """

    task_id: str
    state: str | None
    code: int | None
    message: str
    task: TaskInfo
    raw: dict[str, Any]

    @property
    def event_id(self) -> str:
        """The same text for every delivery of this completion. Use it to handle a completion once."""
        return event_id(self.task_id, self.state)


def event_id(task_id: str, state: str | None) -> str:
    """Return the id of a completion, the same for every delivery of it."""
    return f"{task_id}:{state or 'ended'}"


def sign(task_id: str, key: Key, timestamp: int | None = None) -> dict[str, str]:
    """Return the two signature headers of a callback about this task.

    Args:
        task_id: The task.
        key: The account's webhook key.
        timestamp: Unix time in seconds; now by default.

    Raises:
        ConfigurationError: The key is missing or cannot sign.
    """
    key = hidden(key)  # first, so that no frame shows it
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
    """Parse a callback and check its signature and its age.

    Any headers and any body either verify or raise a `CallbackError`.

    Args:
        headers: The request's headers, in any case.
        body: The request's body.
        key: The account's webhook key, or several keys during a rotation.
        tolerance: How far the callback's time may be from now, in seconds.
        now: Unix time in seconds; the system's time by default.

    Raises:
        BadPayload: The body is not a callback.
        BadSignature: The signature is missing, malformed or wrong.
        StaleCallback: The signature is valid, but too old or from the future.
        ConfigurationError: The webhook key or the tolerance is missing or invalid.

    Example:
        try:
            callback = verify(request.headers, request.body, "your-webhook-key")
        except CallbackError:
            return Response(status=401)
    """
    key = hidden(key)  # first, so that no frame shows it
    if not (is_number(tolerance) and tolerance >= 0):
        raise ConfigurationError(f"tolerance is {tolerance!r}, expected 0 or more seconds")
    keys = webhook_keys(key)
    stamp, given = _header(headers, TIMESTAMP_HEADER), _header(headers, SIGNATURE_HEADER)
    callback = parse(body)
    if not (is_digits(stamp) and len(stamp) <= 12):
        raise BadSignature(f"the header {TIMESTAMP_HEADER} is not a Unix time in seconds")
    presented = given.encode("utf-8", "surrogatepass")
    # Try every key, so that the time taken does not reveal which one matches.
    matches = [hmac.compare_digest(_signature(callback.task_id, stamp, each), presented) for each in keys]
    if not any(matches):
        raise BadSignature("the signature does not match the task id and the time")
    # Written as a negation, so that NaN is refused as well.
    age = (time.time() if now is None else now) - int(stamp)
    if not abs(age) <= tolerance:
        when = f"{age:.0f} s ago" if age > 0 else f"{-age:.0f} s in the future"
        raise StaleCallback(f"the callback was signed {when}, at most {tolerance:g} s are allowed")
    return callback


def parse(body: Body) -> Callback:
    """Parse a callback in any of its published forms. This does not check who sent it.

    Raises:
        BadPayload: The body is not a callback.
    """
    if isinstance(body, bytearray):
        body = bytes(body)
    payload = parse_json(body) if isinstance(body, bytes | str) else None
    if not isinstance(payload, dict):
        raise BadPayload("the body is not a JSON object")
    data = payload.get("data")
    record = data if isinstance(data, dict) else {}
    task_ids = {*_task_ids(record), *_task_ids(payload)}
    if len(task_ids) != 1:
        # The signature covers one id only.
        raise BadPayload("the body names two different tasks" if task_ids else "the body names no task")
    (task_id,) = task_ids
    code = payload.get("code")
    number = int(code) if is_number(code) and code % 1 == 0 else None
    state = known_state(text(record.get("state"))) or state_of(number)
    message = text(payload.get("msg")) or text(payload.get("message")) or ""
    return Callback(task_id, state, number, message, TaskInfo(task_id, record), payload)


def webhook_keys(key: Key | Iterable[Key]) -> list[bytes]:
    """Return one webhook key or several as bytes.

    Raises:
        ConfigurationError: A key is missing, or is neither text nor bytes.
    """
    key = hidden(key)
    keys: list[Any] = key if isinstance(key, list) else [key]
    for each in keys:
        # The message does not quote the key: even a malformed key is a secret.
        if not isinstance(each, str | bytes | None):
            raise ConfigurationError(f"a webhook key is str or bytes, not {type(each).__name__}")
    if not keys or not all(keys):
        raise ConfigurationError("no webhook key; pass the one that your account signs callbacks with")
    try:
        encoded: list[bytes] = [SecretBytes(each.encode() if isinstance(each, str) else each) for each in keys]
    except UnicodeEncodeError:
        raise ConfigurationError("the webhook key contains a lone surrogate, which UTF-8 cannot encode") from None
    if any(each.split() != [each] for each in encoded):
        raise ConfigurationError("the webhook key contains white space, such as a line break at its end; copy it again")
    return encoded


def signing_key(key: Key | Iterable[Key]) -> bytes:
    """Return the one key to sign with.

    Raises:
        ConfigurationError: There is no key, or more than one.
    """
    key = hidden(key)
    secret, *more = webhook_keys(key)
    if more:
        raise ConfigurationError("several webhook keys can verify, but only one can sign; pass one")
    return secret


def _task_ids(record: Mapping[str, Any]) -> set[str]:
    values = (record.get(name) for name in ("taskId", "task_id"))
    # A lone surrogate cannot be signed, so the service did not send it.
    return {value for value in values if isinstance(value, str) and value and _encodable(value)}


def _encodable(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def state_of(code: int | None) -> str | None:
    """Return the final state that a callback's envelope code implies, or None."""
    codes = apikley_contract.codes()
    return {codes["SUCCESS"]: "success", codes["GENERATION_FAILED"]: "fail"}.get(code or 0)


def _header(headers: Headers, name: str) -> str:
    try:
        items = getattr(headers, "items", None)
        pairs: Any = items() if callable(items) else headers
        values = {_decoded(value) for key, value in pairs if (_decoded(key) or "").lower() == name.lower()}
    except Exception as error:  # any unreadable container carries no signature
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
