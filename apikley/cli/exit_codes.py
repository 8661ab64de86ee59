"""What the exit codes mean, and which error ends in which of them."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from apikley import errors


class Exit(IntEnum):
    """The exit codes. They are stable: a script may branch on them."""

    def __new__(cls, code: int, meaning: str) -> Exit:
        """A code, and what it means."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning  # type: ignore[attr-defined]
        return member

    DONE = 0, "done"
    FAILED = 1, "something on this machine is in the way: a file cannot be written, an extra is not installed"
    INVALID = 2, "wrong usage, wrong settings, or a request that breaks the contract; nothing was sent"
    REFUSED = 3, "the service refused it"
    GENERATION_FAILED = 4, "the task ended without a result"
    UNFINISHED = 5, "time-out or interrupted; the task is kept, and the command that goes on is printed"
    UNKNOWN = 6, "outcome unknown: a task may exist and be paid"
    NETWORK = 7, "no usable answer came"
    INTERRUPTED = 130, "interrupted; nothing was under way that is paid"


class Stopped(Exception):
    """Ended by the user while a task is under way, which goes on."""


class Unsure(Exception):
    """Ended by the user while a create was on its way."""


class Unsuccessful(Exception):
    """The command has done what it was asked to, and it came to no good end.

    Args:
        exit_code: The exit code.
        reasons: What went wrong, one line each.
        task_ids: Which tasks it went wrong with, if it is about tasks.
    """

    def __init__(self, exit_code: Exit, reasons: Sequence[str], task_ids: Sequence[str] | None = None) -> None:
        super().__init__("\n  ".join(reasons))
        self.exit = exit_code
        self.task_ids = task_ids


@dataclass
class Failure:
    """How a command failed.

    Attributes:
        code: The exit code.
        message: One line.
        facts: More of it, for a reader that is a program.
        hints: What to do, one line each.
    """

    code: Exit
    message: str
    facts: dict[str, Any] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)


# The first that fits counts, so each class stands before those that it is derived from.
_CODES: list[tuple[type[BaseException], Exit]] = [
    (errors.RequestInvalid, Exit.INVALID),
    (errors.ConfigurationError, Exit.INVALID),
    (errors.GenerationError, Exit.REFUSED),
    (errors.GenerationFailed, Exit.GENERATION_FAILED),
    (errors.ApiError, Exit.REFUSED),
    (errors.CreateOutcomeUnknown, Exit.UNKNOWN),
    (errors.WaitTimeout, Exit.UNFINISHED),
    (Unsure, Exit.UNKNOWN),
    (Stopped, Exit.UNFINISHED),
    (errors.NoResult, Exit.REFUSED),
    (errors.TransportError, Exit.NETWORK),
    (errors.ApikleyError, Exit.FAILED),
    (OSError, Exit.FAILED),
    (ModuleNotFoundError, Exit.FAILED),
]
_UNKNOWN_HINT = (
    "a task may exist and be paid: look for it in your account before you run this again, which may pay twice"
)


def failure_of(error: BaseException) -> Failure | None:
    """What an error means for the one who called the command; None for a mistake of this program."""
    notes = list(getattr(error, "__notes__", ()))
    if isinstance(error, KeyboardInterrupt):
        # Impatience, while the first Ctrl-C was still being seen to, changes nothing of what it means.
        if isinstance(error.__context__, Stopped | Unsure):
            return failure_of(error.__context__)
        return Failure(Exit.INTERRUPTED, "interrupted", hints=notes)
    code = _code(error)
    if code is None:
        return None
    if isinstance(error, errors.CreateOutcomeUnknown):
        return Failure(code, f"outcome unknown: {error.reason}", _facts(error), [_UNKNOWN_HINT, *notes])
    if isinstance(error, Unsure):
        return Failure(code, str(error), hints=[_UNKNOWN_HINT])
    return Failure(code, _message(error), _facts(error), notes)


def _code(error: BaseException) -> Exit | None:
    if isinstance(error, Unsuccessful):
        return error.exit
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disc is full"
    if isinstance(error, errors.RequestInvalid):
        return "the request is invalid, and was not sent\n" + "\n".join(f"  {finding}" for finding in error.violations)
    return str(error)


def _facts(error: BaseException) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in ("code", "message", "status_code", "task_id", "task_ids", "fail_code", "request", "token"):
        value = getattr(error, name, None)
        if value is not None:
            facts[name] = value
    if isinstance(error, errors.CreateOutcomeUnknown):
        facts["sent_at"] = error.sent_at.isoformat()
    if isinstance(error, errors.RequestInvalid):
        facts["findings"] = [finding._asdict() for finding in error.violations]
    return facts
