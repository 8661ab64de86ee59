"""The flow that reads the account's credits."""

from __future__ import annotations

from apikley._flows.effects import Flow
from apikley._flows.state import ClientState, request_for, send_with_retries
from apikley._model.fields import number
from apikley.errors import TransportError


def get_credits(state: ClientState) -> Flow[float | int]:
    """Return the credits that the account has left."""
    envelope = yield from send_with_retries(state, request_for("getCredits"))
    credits_left = number(envelope.data)
    if credits_left is None:
        raise TransportError("the response is a success, but holds no number of credits")
    return credits_left
