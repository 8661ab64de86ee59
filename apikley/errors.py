"""Every exception of this package, as one tree.

```
ApikleyError
├── ConfigurationError      a key, URL or option is missing or invalid
├── RequestInvalid          the request breaks the contract; nothing was sent
├── ApiError                the service answered with an error code
│   ├── BadRequest
│   ├── Unauthorized
│   ├── InsufficientCredits
│   ├── NotFound
│   ├── ProviderTimeout
│   ├── ValidationFailed
│   ├── RateLimited
│   ├── SubKeyLimitExceeded
│   ├── Maintenance
│   ├── ServerError
│   ├── GenerationError
│   ├── FeatureDisabled
│   └── UnknownCode         a code that the contract does not list
├── GenerationFailed        the task ended in state fail
├── CreateNotAdmitted       a budget is spent or a batch is paused; nothing was sent
├── CreateOutcomeUnknown    a task may exist and be paid; do not create it again blindly
├── WaitTimeout             the task goes on; wait for it again by its id
├── NoResult                the task has no result to download
├── TransportError          no usable response arrived
├── InboxUnavailable        the receiver's database cannot be reached
├── LedgerUnavailable       the batch's database cannot be reached
└── CallbackError
    ├── BadSignature
    ├── StaleCallback
    ├── BadPayload
    └── CallbackContradicted    the service says something else of the task
```

The contract's name of a code (`INSUFFICIENT_CREDITS`) decides its class (`InsufficientCredits`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import apikley_contract

if TYPE_CHECKING:
    from apikley._model.task import TaskInfo


class ApikleyError(Exception):
    """The base class of every exception that this package raises on purpose.

    All of them can be copied and pickled with their attributes and notes.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args`, which does not fit these constructors.
        return _restored, (type(self), self.args), self.__dict__


class ConfigurationError(ApikleyError, ValueError):
    """A key, a URL or an option is missing or invalid."""


class Violation(NamedTuple):
    """One broken rule of the contract.

    Attributes:
        pointer: JSON pointer to the value, for instance `/input/prompt`.
        rule: The JSON Schema keyword, for instance `maxLength`.
        limit: What the rule allows, for instance `1500`.
        message: The violation in words.
    """

    pointer: str
    rule: str
    limit: object
    message: str

    def __str__(self) -> str:
        """Return one line, for instance `input.prompt: 1,812 characters, at most 1,500`."""
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
        code: The code in the body or, if the body has none, the HTTP status.
        message: The text of the response.
        status_code: The HTTP status.
        task_id: The task that the request was about, if any.
        body: The parsed JSON body, or None.
        retry_after: The pause that the service asked for, in seconds, if it did.
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
        task = f" (task {self.task_id})" if self.task_id else ""
        return f"{self.code}: {self.message or 'no message'}{task}"


class BadRequest(ApiError):
    """The service cannot read the request."""


class Unauthorized(ApiError):
    """The API key is missing or not accepted."""


class InsufficientCredits(ApiError):
    """The account has too few credits for this task."""


class NotFound(ApiError):
    """The service does not know the task or file."""


class ProviderTimeout(ApiError):
    """The provider of the model gave no result for ten minutes."""


class ValidationFailed(ApiError):
    """The service refused the content of the request."""


class RateLimited(ApiError):
    """Too many requests. The service refused this one."""


class SubKeyLimitExceeded(ApiError):
    """The usage limit of this sub-key is reached."""


class Maintenance(ApiError):
    """The service is down for maintenance. It refused the request."""


class ServerError(ApiError):
    """The service reports an internal error. For createTask it is often a validation error."""


class GenerationError(ApiError):
    """The service answered with the code for a failed generation."""


class FeatureDisabled(ApiError):
    """The service has switched this feature off."""


class UnknownCode(ApiError):
    """The service answered with a code that the contract does not list."""


class GenerationFailed(ApikleyError):
    """The task ended in state `fail`.

    Attributes:
        task: The failed task.
        task_id: Its id.
        fail_code: The service's reason: a number or a word as text, or None.
        fail_message: The reason in words, or None.
    """

    def __init__(self, task: TaskInfo) -> None:
        super().__init__(task.id)
        self.task = task
        self.task_id = task.id
        self.fail_code = task.fail_code
        self.fail_message = task.fail_message

    def __str__(self) -> str:
        code = f" with code {self.fail_code}" if self.fail_code else ""
        return f"task {self.task_id} failed{code}: {self.fail_message or 'the service gave no reason'}"


class CreateOutcomeUnknown(ApikleyError):
    """The create was sent, but its outcome is unknown: a task may exist and be paid.

    A second create may be a second paid task. Check the account's task list, or wait for the callback, first.

    Attributes:
        request: The request body as it was sent.
        sent_at: When it was sent (aware, UTC).
        reason: What happened instead of a readable response.
        token: The correlation token in the callback URL, if there was one. The callback carries it.
        raw: The first bytes of the unreadable response, if there was one.
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


class CreateNotAdmitted(ApikleyError):
    """The ledger of a batch does not let a create be sent. Nothing was sent.

    Attributes:
        kind: `cap` if a budget is spent, `paused` if the batch is paused, `rate` if its model is at its own limit.
        reason: The reason in words.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return f"the create was not sent: {self.reason}"


class WaitTimeout(ApikleyError, TimeoutError):
    """The task had not ended at the deadline. It goes on; wait for it again by its id.

    Attributes:
        task_id: The task; the first of several.
        task_ids: Every task that had not ended.
        timeout: The timeout in seconds.
        task: The last known state of the first task.
        failure: Why the last poll of the first task failed, if it did.
    """

    def __init__(
        self,
        task_ids: Sequence[str],
        timeout: float,
        task: TaskInfo,
        failure: ApiError | TransportError | None = None,
    ) -> None:
        super().__init__(task_ids, timeout)
        self.task_ids = tuple(task_ids)
        self.task_id = self.task_ids[0]
        self.timeout = timeout
        self.task = task
        self.failure = failure

    def __str__(self) -> str:
        state = f", last seen {self.task.state}" if self.task.state else ""
        more = f" and {len(self.task_ids) - 1} more" if len(self.task_ids) > 1 else ""
        failure = f"; the last poll failed: {self.failure}" if self.failure else ""
        return (
            f"task {self.task_id}{more} had not ended after {self.timeout:g} s{state}{failure}; "
            "wait for it again by its id"
        )


class NoResult(ApikleyError):
    """The task has no result to download."""


class TransportError(ApikleyError):
    """No usable response arrived: the connection failed, or the response is not the API's.

    Attributes:
        task_id: The task that the request was about, if any.
        is_transient: Whether the same request may succeed in a moment.
    """

    def __init__(self, message: str, *, task_id: str | None = None, is_transient: bool = True) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.is_transient = is_transient


class InboxUnavailable(ApikleyError):
    """The receiver's database cannot be reached, or an operation on it failed."""


class LedgerUnavailable(ApikleyError):
    """The database of a batch cannot be reached, or an operation on it failed."""


class CallbackError(ApikleyError):
    """A callback was refused."""


class BadSignature(CallbackError):
    """The signature is missing, malformed, or not made with any of the given keys."""


class StaleCallback(CallbackError):
    """The signature is valid, but its time is too far from now."""


class BadPayload(CallbackError):
    """The body is not a callback."""


class CallbackContradicted(CallbackError):
    """The service says something else of the task than the callback does.

    Attributes:
        task_id: The task.
        field: The field that differs, for instance `state`.
        claimed: Its value in the callback.
        confirmed: Its value in recordInfo.
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
    named["GenerationFailed"] = GenerationError  # a failed task is no HTTP error, so that name is taken
    classes = {}
    for name, code in apikley_contract.codes().items():
        cls = named.get("".join(word.title() for word in name.split("_")))
        if cls is not None:
            classes[code] = cls
    return classes


def error_class(code: int) -> type[ApiError]:
    """Return the exception class of a code; `UnknownCode` if the contract does not list the code."""
    return _classes().get(code, UnknownCode)
