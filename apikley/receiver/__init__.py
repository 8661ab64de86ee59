"""Receives completion callbacks: verified, stored before they are acknowledged, handled once.

    from apikley import Apikley
    from apikley.receiver import Event, Receiver

    receiver = Receiver("your-webhook-key", client=Apikley())

    @receiver.on_success
    def save(event: Event) -> None:
        print(event.task.result_urls)

`Receiver` and `Inbox` need the extra `receiver`. How to mount one, and what it promises, is in the
README beside this file. `apikley.receiver.listen` brings callbacks to a machine that has no public
address.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apikley.receiver._events import Event
    from apikley.receiver._handling import Retries
    from apikley.receiver._inbox import Inbox
    from apikley.receiver._receiver import Receiver
    from apikley.receiver._records import Entry, Expected

_HOMES = {
    "Entry": "_records",
    "Event": "_events",
    "Expected": "_records",
    "Inbox": "_inbox",
    "Receiver": "_receiver",
    "Retries": "_handling",
}

__all__ = ["Entry", "Event", "Expected", "Inbox", "Receiver", "Retries"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        message = "sqlalchemy is not installed; run: pip install 'apikley[receiver]'"
        raise ModuleNotFoundError(message, name=error.name) from None
    globals()[name] = value
    return value
