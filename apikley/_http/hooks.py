"""Calls the functions of an effect. Their exceptions reach the caller as they are."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

from apikley._flows.effects import SendRequest, StreamFile


@contextmanager
def calling(effect: SendRequest | StreamFile) -> Iterator[None]:
    """Note an exception of a function of the effect, which is no failure of the request."""
    try:
        yield
    except Exception as error:
        effect.raised = error
        raise


def begin(effect: SendRequest | StreamFile) -> None:
    """Call `before_send`; from now on a byte of the request may have been written."""
    if isinstance(effect, SendRequest) and effect.before_send is not None:
        with calling(effect):
            effect.before_send()
    effect.written = True


async def begin_async(effect: SendRequest | StreamFile) -> None:
    """Call `before_send` and await what it returns; from now on a byte of the request may have been written."""
    if isinstance(effect, SendRequest) and effect.before_send is not None:
        with calling(effect):
            result = effect.before_send()
            if inspect.isawaitable(result):
                await result
    effect.written = True
