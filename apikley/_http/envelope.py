"""Reads the envelope around every answer, in this one place.

The code in the body counts first and the HTTP status second, because errors of this API normally
arrive as HTTP 200. Success is HTTP 2xx and the success code in the body, nothing less.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import apikley_contract
from apikley._model.fields import parsed, text
from apikley.errors import ApiError, TransportError, error_class

_SHOWN = 80


class Answer(NamedTuple):
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Envelope(NamedTuple):
    """What the body says."""

    code: int
    msg: str
    data: Any
    raw: dict[str, Any]


def read(answer: Answer) -> Envelope | None:
    """The envelope, or None where the body holds none."""
    body = parsed(answer.body)
    if not isinstance(body, dict):
        return None
    code = _code(body.get("code"))
    if code is None:
        return None
    return Envelope(code, text(body.get("msg")) or text(body.get("message")) or "", body.get("data"), body)


def is_success(answer: Answer, envelope: Envelope) -> bool:
    """HTTP 2xx and the success code."""
    return answered_well(answer.status) and envelope.code == apikley_contract.codes()["SUCCESS"]


def answered_well(status: int) -> bool:
    """HTTP 2xx."""
    return 200 <= status < 300


def failure(
    answer: Answer, envelope: Envelope | None, now: datetime, *, task_id: str | None = None
) -> ApiError | TransportError:
    """The one exception for an answer that is no success."""
    if envelope and envelope.code != apikley_contract.codes()["SUCCESS"]:
        code, msg, raw = envelope.code, envelope.msg, envelope.raw
    elif not answered_well(answer.status):
        code = answer.status
        msg = (envelope.msg if envelope else "") or described(answer)
        raw = envelope.raw if envelope else parsed(answer.body)
    else:
        return TransportError(f"{described(answer)}; is the base URL right?", task_id=task_id)
    asked = retry_after(answer.headers.get("retry-after"), now)
    return error_class(code)(code, msg, status_code=answer.status, task_id=task_id, body=raw, retry_after=asked)


def described(answer: Answer) -> str:
    """An unreadable answer in a few words, without its content, which is not ours to trust."""
    kind = answer.headers.get("content-type", "").split(";")[0].strip()[:_SHOWN]
    if answer.status // 100 == 3:
        return f"HTTP {answer.status}, a redirect, which is not followed; is the base URL right?"
    if not answer.body:
        return f"HTTP {answer.status} with an empty body"
    return f"HTTP {answer.status} with {len(answer.body):,} bytes of {kind or 'no content type'} that are no envelope"


def retry_after(value: str | None, now: datetime) -> float | None:
    """A Retry-After header in seconds from now: a number, or an HTTP date; None for neither."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


def _code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return None
