"""Map a response to success or to one exception.

The code in the body counts first and the HTTP status second, because errors of this API normally arrive as
HTTP 200. Success is HTTP 2xx with the success code in the body.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import apikley_contract
from apikley._flows.effects import NoResponse, Response
from apikley._model.fields import parse_json
from apikley.errors import ApiError, TransportError, error_class

KEYS_URL = "https://app.apikley.ru/keys"
_MAX_CONTENT_TYPE = 80
_MAX_DIGITS = 9


def is_success(response: Response) -> bool:
    """Whether the status is 2xx and the body has the success code."""
    envelope = response.envelope
    return _is_2xx(response) and envelope is not None and envelope.code == apikley_contract.codes()["SUCCESS"]


def error_for(
    response: Response, now: datetime, *, task_id: str | None = None, key_source: str = ""
) -> ApiError | TransportError:
    """Return the exception for an unsuccessful response.

    Args:
        response: The response.
        now: The time, for a Retry-After date.
        task_id: The task that the request was about, if any.
        key_source: Where the API key came from, for the message of a 401.
    """
    envelope = response.envelope
    if envelope and envelope.code != apikley_contract.codes()["SUCCESS"]:
        code, message, body = envelope.code, envelope.message, envelope.raw
    elif not _is_2xx(response):
        code = response.status
        message = (envelope.message if envelope else "") or describe(response)
        body = envelope.raw if envelope else parse_json(response.body)
    else:
        text = f"this is not the Apikley API ({describe(response)}); is the base URL right?"
        return TransportError(text, task_id=task_id)
    if key_source and code == apikley_contract.codes()["UNAUTHORIZED"]:
        message = f"{message or 'Unauthorized'} (the key is from {key_source}; make keys at {KEYS_URL})"
    pause = retry_after(response.headers.get("retry-after"), now)
    return error_class(code)(code, message, status_code=response.status, task_id=task_id, body=body, retry_after=pause)


def no_response(error: NoResponse, text: str, task_id: str | None = None) -> TransportError:
    """Return the exception for a request without a response, with the same cause."""
    failure = TransportError(text, task_id=task_id, is_transient=error.is_transient)
    failure.__cause__ = error.__cause__
    return failure


def describe(response: Response) -> str:
    """Describe an unreadable response in a few words, without its untrusted content."""
    content_type = response.headers.get("content-type", "").split(";")[0].strip()[:_MAX_CONTENT_TYPE]
    if response.status // 100 == 3:
        return f"HTTP {response.status}, a redirect, which is not followed; is the base URL right?"
    if not response.body:
        return f"HTTP {response.status} with an empty body"
    kind = f"{len(response.body):,} bytes of {content_type or 'unknown type'}"
    encoding = response.headers.get("content-encoding", "")[:_MAX_CONTENT_TYPE]
    encoded = f" in the encoding {encoding!r}" if encoding else ""
    return f"HTTP {response.status} with {kind}{encoded}, no envelope"


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return a Retry-After header, a number or an HTTP date, in seconds from now, else None."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:_MAX_DIGITS])
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


def _is_2xx(response: Response) -> bool:
    return 200 <= response.status < 300
