"""What the flows of one client share: its limits, its clock, and the one way to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import apikley_contract
from apikley._flows import retry as _retry
from apikley._flows.clock import Clock
from apikley._flows.effects import Flow, Lost, NotSent, Send
from apikley._flows.rate_limit import Limiter
from apikley._flows.recent import Recent
from apikley._http import envelope as envelopes
from apikley._http.envelope import Answer, Envelope
from apikley.errors import ApiError, TransportError


class Core:
    """One client's share.

    Args:
        retries: The number of resends allowed in one call.
        clock: What tells the time.
    """

    def __init__(self, retries: int, clock: Clock) -> None:
        self.retries = retries
        self.clock = clock
        limit = apikley_contract.operation("getTaskDetails").description["x-rate-limit"]
        self.looks = Limiter(limit["requests"], limit["seconds"])
        self.created = Recent(clock)


def kwargs(endpoint: Any, **arguments: Any) -> dict[str, Any]:
    """The generated client's request, before it is sent."""
    request: dict[str, Any] = endpoint._get_kwargs(**arguments)  # noqa: SLF001 - the seam under its send functions
    return request


def read(
    core: Core,
    request: Mapping[str, Any],
    *,
    task_id: str | None = None,
    resends: int | None = None,
    timeout: float | None = None,
    prepare: Callable[[], object] | None = None,
) -> Flow[Envelope]:
    """A call that costs nothing, and so may be sent again after any passing failure.

    Args:
        core: The client's share.
        request: The generated client's request.
        task_id: The task that it is about, for errors.
        resends: How many are allowed; the client's number, if not given.
        timeout: Seconds for one try, where that is less than the client allows.
        prepare: Called before each try.

    Raises:
        ApiError: The service answered with an error.
        TransportError: No usable answer came.
    """
    retry = _retry.Retry(core.retries if resends is None else resends, core.clock)
    while True:
        if prepare is not None:
            prepare()
        failure: ApiError | TransportError
        try:
            answer: Answer = yield Send(request, timeout)
        except (NotSent, Lost) as error:
            failure = TransportError(str(error), task_id=task_id)
            failure.__cause__ = error.__cause__
        else:
            envelope = envelopes.read(answer)
            if envelope and envelopes.is_success(answer, envelope):
                return envelope
            failure = envelopes.failure(answer, envelope, core.clock.now(), task_id=task_id)
        if not _retry.passing(failure):
            raise failure
        yield retry.pause(failure)
