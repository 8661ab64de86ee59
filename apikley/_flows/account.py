"""The flow that asks for the account's credits."""

from __future__ import annotations

from apikley._flows.effects import Flow
from apikley._flows.state import Core, kwargs, read
from apikley._model.fields import number
from apikley.errors import TransportError
from apikley_client.api.account import get_credits


def credits_left(core: Core) -> Flow[float | int]:
    """What the account has left."""
    envelope = yield from read(core, kwargs(get_credits))
    left = number(envelope.data)
    if left is None:
        raise TransportError("the answer is a success, but holds no number of credits")
    return left
