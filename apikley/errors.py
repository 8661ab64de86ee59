"""Everything that can go wrong, as one tree.

```
ApikleyError
├── ConfigurationError      the client cannot be made: no key, a bad base URL
├── RequestInvalid          refused here by the contract; nothing was sent
├── ApiError                the service answered with a code other than success
│   ├── Unauthorized
│   ├── InsufficientCredits
│   ├── NotFound
│   ├── ValidationFailed
│   ├── RateLimited
│   ├── Maintenance
│   ├── ServerError
│   ├── GenerationFailed    also raised by wait() for a task that ended in state fail
│   ├── FeatureDisabled
│   └── UnknownCode         any code that the contract does not list
├── CreateOutcomeUnknown    a task may exist and be paid; do not send it again blindly
├── WaitTimeout             the task goes on; it can be waited for again by its id
├── NoResult                there is nothing to download
├── TransportError          no usable answer came
└── CallbackError
    ├── BadSignature
    ├── StaleCallback
    ├── BadPayload
    └── CallbackContradicted    it says something else of its task than the service does
```

Which number belongs to which class is the contract's to say: the name that the contract gives a code
(`INSUFFICIENT_CREDITS`) names the class (`InsufficientCredits`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import apikley_contract

if TYPE_CHECKING:
    from apikley._model.task import TaskSnapshot


class ApikleyError(Exception):
    """The base of every error that this package raises on purpose.

    All of them can be copied, and pickled to another process, with their attributes and notes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Python's own way calls the class with `args`, which few of these classes could be made from.
        return _restored, (type(self), self.args), self.__dict__


class ConfigurationError(ApikleyError, ValueError):
    """The client cannot be made from what it was given."""


class Violation(NamedTuple):
    """One place where a request breaks the contract.

    Attributes:
        pointer: JSON pointer to the value, for instance `/input/prompt`.
        rule: The JSON Schema keyword that it breaks, for instance `maxLength`.
        limit: What the rule allows, for instance `1500`.
        message: The violation in words.
    """

    pointer: str
    rule: str
    limit: object
    message: str

    def __str__(self) -> str:
        """The violation as one line, for instance `input.prompt: 1,812 characters, at most 1,500`."""
        place = self.pointer.lstrip("/").replace("/", ".") or "request"
        return f"{place}: {self.message}"


class RequestInvalid(ApikleyError, ValueError):
    """The request breaks the contract and was not sent.

    Attributes:
        violations: Every violation, in the order of the request.
    """

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("; ".join(map(str, violations)))
        self.violations = tuple(violations)


class ApiError(ApikleyError):
    """The service answered with an error code.

    Attributes:
        code: The code in the body or, where the body has none, the HTTP status.
        message: The text of the response.
        status_code: The HTTP status of the answer.
        task_id: The task that was asked about, if any.
        body: The parsed JSON body of the response, or None.
        retry_after: Seconds after which the service wants to be asked again, if it said so.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status_code: int | None = None,
        task_id: str | None = None,
        body: object = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status_code = status_code
        self.task_id = task_id
        self.body = body
        self.retry_after = retry_after

    def __str__(self) -> str:
        about = f" (task {self.task_id})" if self.task_id else ""
        return f"{self.code}: {self.message or 'no message'}{about}"


class Unauthorized(ApiError):
    """The key is missing or not accepted."""


class InsufficientCredits(ApiError):
    """The account has too few credits for this task."""


class NotFound(ApiError):
    """The service does not know what was asked for."""


class ValidationFailed(ApiError):
    """The service refused the request's content."""


class RateLimited(ApiError):
    """Too many requests; this one was certainly refused."""


class Maintenance(ApiError):
    """The service is down for maintenance; the request was certainly refused."""


class ServerError(ApiError):
    """The service reports an error of its own; from createTask often a request that it dislikes."""


class GenerationFailed(ApiError):
    """The task ended without a result.

    Attributes:
        fail_code: The service's reason, a number or a word as text, if it gave one.
        task: The failed task, where this was raised by waiting for it.
    """

    fail_code: str | None = None
    task: TaskSnapshot | None = None


class FeatureDisabled(ApiError):
    """The service has switched this feature off."""


class UnknownCode(ApiError):
    """A code that the contract does not list."""


class CreateOutcomeUnknown(ApikleyError):
    """The create was sent, and what became of it is not known: a task may exist and be paid.

    Sending it again may pay twice. Look at the account's task list, or wait for the callback, first.

    Attributes:
        request: The request body as it was sent.
        sent_at: When it was sent (aware, UTC).
        reason: What came instead of an answer.
        token: The token in the callback URL, by which a callback can still name this create, if one
            was asked for.
        raw: The unreadable answer's first bytes, if one came.
    """

    def __init__(
        self,
        reason: str,
        *,
        request: Mapping[str, Any],
        sent_at: datetime,
        token: str | None = None,
        raw: bytes | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.request = dict(request)
        self.sent_at = sent_at
        self.token = token
        self.raw = raw

    def __str__(self) -> str:
        return (
            f"a task may have been created and paid at {self.sent_at:%Y-%m-%d %H:%M:%S} UTC: {self.reason}; "
            "look for it in your account before you create it again"
        )


class WaitTimeout(ApikleyError, TimeoutError):
    """The task had not ended when the time was up. It goes on, and can be waited for again.

    Attributes:
        task_id: The task; the first of several.
        task_ids: All of the tasks that had not ended.
        timeout: How long was waited, in seconds.
        task: What was last seen of the first.
        failure: Why the last look at the first brought no news, if it brought none.
    """

    def __init__(
        self,
        task_ids: Sequence[str],
        timeout: float,
        task: TaskSnapshot,
        failure: ApiError | TransportError | None = None,
    ) -> None:
        super().__init__(task_ids, timeout)
        self.task_ids = tuple(task_ids)
        self.task_id = self.task_ids[0]
        self.timeout = timeout
        self.task = task
        self.failure = failure

    def __str__(self) -> str:
        seen = f", last seen {self.task.state}" if self.task.state else ""
        more = f" and {len(self.task_ids) - 1} more" if len(self.task_ids) > 1 else ""
        why = f"; the last look failed: {self.failure}" if self.failure else ""
        return (
            f"task {self.task_id}{more} had not ended after {self.timeout:g} s{seen}{why}; wait for it again by its id"
        )


class NoResult(ApikleyError):
    """The task has no result to download."""


class TransportError(ApikleyError):
    """No usable answer came: the connection failed, or what came is not the API's.

    Attributes:
        task_id: The task that was asked about, if any.
    """

    def __init__(self, message: str, *, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id


class CallbackError(ApikleyError):
    """A callback was refused."""


class BadSignature(CallbackError):
    """The signature is missing, malformed, or not made with one of the given keys."""


class StaleCallback(CallbackError):
    """The signature is good, but its time is too far from now."""


class BadPayload(CallbackError):
    """The body is not a callback."""


class CallbackContradicted(CallbackError):
    """A callback says something else of its task than the service itself does when asked.

    Attributes:
        task_id: The task.
        field: What they differ in, for instance `state`.
        claimed: What the callback says.
        confirmed: What the service says.
    """

    def __init__(self, task_id: str, field: str, claimed: object, confirmed: object) -> None:
        super().__init__(task_id, field, claimed, confirmed)
        self.task_id = task_id
        self.field = field
        self.claimed = claimed
        self.confirmed = confirmed

    def __str__(self) -> str:
        return (
            f"{self.field} of task {self.task_id}: the callback says {self.claimed!r}, the service {self.confirmed!r}"
        )


def _restored(cls: type[ApikleyError], args: tuple[object, ...]) -> ApikleyError:
    error = cls.__new__(cls)
    error.args = args
    return error


@cache
def _classes() -> dict[int, type[ApiError]]:
    named = {cls.__name__: cls for cls in ApiError.__subclasses__()}
    classes = {}
    for name, code in apikley_contract.codes().items():
        cls = named.get("".join(word.title() for word in name.split("_")))
        if cls is not None:
            classes[code] = cls
    return classes


def error_class(code: int) -> type[ApiError]:
    """The exception class of a code; `UnknownCode` for one that the contract does not list."""
    return _classes().get(code, UnknownCode)
