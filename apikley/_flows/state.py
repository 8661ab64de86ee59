"""Per-client state, and the retrying request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import apikley_contract
from apikley._flows.clock import Clock
from apikley._flows.effects import Envelope, Flow, NoResponse, Request, Response, SendRequest
from apikley._flows.rate_limit import RateLimiter
from apikley._flows.recent import RecentIds
from apikley._flows.responses import error_for, is_success, no_response
from apikley._flows.retry import Retry, is_transient
from apikley.errors import ApiError, TransportError

# How long the service may not know a new task, in seconds.
VISIBILITY_GRACE = 15.0


def _poll_limiter() -> RateLimiter:
    limit = apikley_contract.operation("getTaskDetails").description["x-rate-limit"]
    return RateLimiter(limit["requests"], limit["seconds"])


@dataclass
class ClientState:
    """State shared by one client's calls.

    Attributes:
        max_retries: The number of retries allowed in one call.
        clock: The clock of the client.
        key_source: Where the API key came from, for messages.
        polls: Limits the rate of polls.
        recently_created: The ids of tasks that the service may not know yet.
    """

    max_retries: int
    clock: Clock
    key_source: str = ""
    polls: RateLimiter = field(default_factory=_poll_limiter)
    recently_created: RecentIds = field(init=False)

    def __post_init__(self) -> None:
        self.recently_created = RecentIds(self.clock, VISIBILITY_GRACE)

    def error_for(self, response: Response, task_id: str | None = None) -> ApiError | TransportError:
        """Return the exception for an unsuccessful response."""
        return error_for(response, self.clock.now(), task_id=task_id, key_source=self.key_source)


def request_for(
    operation_id: str,
    *,
    params: dict[str, str] | None = None,
    content: bytes | None = None,
    files: list[tuple[str, object]] | None = None,
) -> Request:
    """Return the request of an operation of the contract."""
    operation = apikley_contract.operation(operation_id)
    return Request(operation.method, operation.path, params or {}, content, files)


def send_with_retries(
    state: ClientState,
    request: Request,
    *,
    task_id: str | None = None,
    max_retries: int | None = None,
    timeout: float | None = None,
    prepare: Callable[[], object] | None = None,
) -> Flow[Envelope]:
    """Send a request that costs nothing; retry it after any transient failure.

    Args:
        state: The client's state.
        request: The request.
        task_id: The task that it is about, for errors.
        max_retries: The number of retries; the client's by default.
        timeout: Seconds for one attempt, if less than the client allows.
        prepare: Called before each attempt.

    Raises:
        ApiError: The service answered with an error code.
        TransportError: No usable response arrived.
    """
    retry = Retry(state.max_retries if max_retries is None else max_retries, state.clock)
    while True:
        if prepare is not None:
            prepare()
        failure: ApiError | TransportError
        try:
            response: Response = yield SendRequest(request, timeout)
        except NoResponse as error:
            failure = no_response(error, str(error), task_id)
        else:
            if response.envelope is not None and is_success(response):
                return response.envelope
            failure = state.error_for(response, task_id)
        if not is_transient(failure):
            raise failure
        yield retry.pause(failure)
