"""Says what has failed and what to do next, in words for an agent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from apikley import errors

_MAX_TEXT = 500  # characters of a text from the service


class ToolError(Exception):
    """A tool cannot do what was asked; the message says why and what to do next."""


def service_text(text: str | None) -> str | None:
    """Return a text from the service at a length that leaves room for others."""
    return None if text is None else text[:_MAX_TEXT] + ("…" if len(text) > _MAX_TEXT else "")


def violation_text(violation: errors.Violation) -> str:
    """Return a violation in words, with a tool in place of the library's class or argument."""
    text = re.sub(
        r"; did you mean LocalFile\(.*", "; upload_file uploads a local file and returns its URL", str(violation)
    )
    return text.replace("; allow_unknown_fields=True sends it", "; list_models shows the fields")


def failure_text(error: Exception) -> str | None:
    """Return what an error means for an agent; None if it is a bug in this program."""
    return next((text(error) for kind, text in _TEXTS if isinstance(error, kind)), None)


def _invalid(error: errors.RequestInvalid) -> str:
    lines = [f"- {violation_text(each)}" for each in error.violations]
    return "\n".join(["The request is invalid and was not sent. Correct it and try again:", *lines])


def _outcome_unknown(error: errors.CreateOutcomeUnknown) -> str:
    return (
        f"OUTCOME UNKNOWN: the create was sent at {error.sent_at:%Y-%m-%d %H:%M:%S} UTC, but its response was lost, so "
        "a task may exist and be paid. Do not create it again with another idempotency_key or a changed request: that "
        "may pay twice. The same idempotency_key sends nothing and returns this text. Ask the user to look for the "
        "task in the account; with its id, get_task, wait_for_task and download_result work."
    )


def _no_response(error: errors.TransportError) -> str:
    about = f" about task {error.task_id}" if error.task_id else ""
    return f"No usable response{about} arrived. Try again in a moment. Reason: {_quoted(str(error))}"


def _file_error(error: OSError) -> str:
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror or error}. Choose another file, or tell the user."


def _not_admitted(error: errors.CreateNotAdmitted) -> str:
    if error.kind == "cap":
        return (
            f"The budget does not allow this create; nothing was sent and nothing is charged: {error.reason}. Do not "
            "try again; tell the user, who can restart the server with another --max-credits or --max-credits-per-day, "
            "and with --price: as long as no price is known, one task reserves the whole budget."
        )
    if error.kind == "paused":
        return f"Creates are paused, so nothing was sent: {_quoted(error.reason)}. Tell the user."
    return (
        f"The create was not sent and nothing is charged: {error.reason}. Wait for running tasks with wait_for_task, "
        "then call create_video again with the same idempotency_key."
    )


def _api_error(error: errors.ApiError) -> str:
    advice = {
        errors.Unauthorized: "The API key is not accepted. Tell the user to check it.",
        errors.InsufficientCredits: "The account has too few credits. Tell the user.",
        errors.SubKeyLimitExceeded: "The limit of this API key is reached. Tell the user.",
        errors.NotFound: "The service does not know this task or file. list_tasks shows the tasks of this server.",
        errors.ValidationFailed: "The service refused the content of the request. Change the request.",
        errors.RateLimited: "Too many requests. Try again in a minute.",
        errors.Maintenance: "The service is down for maintenance. Try again later.",
    }
    text = advice.get(type(error), "The service refused the request.")
    return f"{text} Code {error.code}; text_from_service: {_quoted(error.message)}"


def _quoted(text: str) -> str:
    """Return a text as a JSON string, so that it cannot be read as a part of the message."""
    return json.dumps(service_text(text), ensure_ascii=False)


# The first match counts.
_TEXTS: list[tuple[type[Exception], Callable[[Any], str]]] = [
    (ToolError, str),
    (errors.RequestInvalid, _invalid),
    (errors.ConfigurationError, str),
    (errors.CreateOutcomeUnknown, _outcome_unknown),
    (errors.CreateNotAdmitted, _not_admitted),
    (errors.ApiError, _api_error),
    (errors.NoResult, lambda _: "The task has no such result. get_task shows its state and its results."),
    (errors.TransportError, _no_response),
    (errors.LedgerUnavailable, lambda error: f"The ledger of this server cannot be used: {error}. Tell the user."),
    (OSError, _file_error),
]
