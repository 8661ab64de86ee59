"""The exit codes, and the exit code and message of each error."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from apikley import errors
from apikley.cli import constants


class Exit(IntEnum):
    """The exit codes. They are stable, so that scripts can rely on them.

    Attributes:
        DONE: The command is done.
        FAILED: A local problem: a file cannot be written, or an extra is not installed.
        INVALID: Wrong usage or settings, a missing file, or a request that breaks the contract.
        REFUSED: The service refused the request.
        GENERATION_FAILED: The task ended without a result.
        UNFINISHED: Timeout or interrupted. The task is kept, and the command that resumes it is printed.
        OUTCOME_UNKNOWN: Outcome unknown: a task may exist and be paid.
        NETWORK: No usable response arrived from the service or from a database.
        CAP_REACHED: The credits of `batch run --max-credits` are spent.
        INTERRUPTED: Interrupted; no paid task was under way.
    """

    DONE = 0
    FAILED = 1
    INVALID = 2
    REFUSED = 3
    GENERATION_FAILED = 4
    UNFINISHED = 5
    OUTCOME_UNKNOWN = 6
    NETWORK = 7
    CAP_REACHED = 8
    INTERRUPTED = constants.INTERRUPTED


class Interrupted(Exception):
    """The user interrupted the command while a task exists.

    Args:
        command: The command line that resumes.
    """

    def __init__(self, command: str) -> None:
        super().__init__("interrupted; the task is kept")
        self.add_note(f"resume with: {command}")


class OutcomeUnknown(Exception):
    """The user interrupted a create that may have been sent."""


class CommandFailed(Exception):
    """The command completed, but its result is a failure: of some tasks, for instance."""

    def __init__(self, exit_code: Exit, reasons: Sequence[str], task_ids: Sequence[str] | None = None) -> None:
        super().__init__("\n  ".join(reasons))
        self.exit_code = exit_code
        self.task_ids = task_ids


class Failure(NamedTuple):
    """How a command failed; `facts` are for the JSON document, `hints` say what to do next."""

    code: Exit
    message: str
    facts: dict[str, Any]
    hints: list[str]


# The first match counts, so a class stands before its base classes.
_CODES: list[tuple[tuple[type[BaseException], ...], Exit]] = [
    ((errors.RequestInvalid, errors.ConfigurationError, FileNotFoundError), Exit.INVALID),
    ((errors.GenerationFailed,), Exit.GENERATION_FAILED),
    ((errors.ApiError, errors.NoResult), Exit.REFUSED),
    ((errors.CreateOutcomeUnknown, OutcomeUnknown), Exit.OUTCOME_UNKNOWN),
    ((errors.WaitTimeout, Interrupted), Exit.UNFINISHED),
    ((errors.TransportError, errors.InboxUnavailable, errors.LedgerUnavailable), Exit.NETWORK),
    ((errors.ApikleyError, OSError, ModuleNotFoundError), Exit.FAILED),
]
_FACTS = ("code", "message", "status_code", "task_id", "task_ids", "fail_code", "request", "token")
_PAID_HINT = "a task may exist and be paid: look for it in your account before you run this again, which may pay twice"


def failure_of(error: BaseException) -> Failure | None:
    """Return what an error means for the user; None if it is a bug in this program."""
    hints = list(getattr(error, "__notes__", ()))
    if isinstance(error, KeyboardInterrupt):
        # A second Ctrl-C during the report of the first one does not change its meaning.
        if isinstance(error.__context__, Interrupted | OutcomeUnknown):
            return failure_of(error.__context__)
        return Failure(Exit.INTERRUPTED, "interrupted", {}, hints)
    found = (code for classes, code in _CODES if isinstance(error, classes))
    code = error.exit_code if isinstance(error, CommandFailed) else next(found, None)
    if code is None:
        return None
    if code is Exit.OUTCOME_UNKNOWN and not isinstance(error, CommandFailed):  # a batch never creates a row again
        hints.insert(0, _PAID_HINT)
    return Failure(code, _message(error), _facts(error), hints)


def violation_line(violation: errors.Violation) -> str:
    """Return a violation as a line of text, with the option in place of the argument."""
    return str(violation).replace("allow_unknown_fields=True", "--allow-unknown-fields")


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full"
    if isinstance(error, errors.RequestInvalid):
        return "\n  ".join(["the request is invalid and was not sent", *map(violation_line, error.violations)])
    if isinstance(error, errors.CreateOutcomeUnknown):
        return f"outcome unknown: {error.reason}"
    message = str(error).replace("from api_key=", "from --api-key or the profile")
    return message.replace("from base_url=", "from --base-url or the profile")


def _facts(error: BaseException) -> dict[str, Any]:
    facts = {name: value for name in _FACTS if (value := getattr(error, name, None)) is not None}
    if isinstance(error, errors.CreateOutcomeUnknown):
        facts["sent_at"] = error.sent_at.isoformat()
    if isinstance(error, errors.RequestInvalid):
        facts["violations"] = [violation._asdict() for violation in error.violations]
    return facts
