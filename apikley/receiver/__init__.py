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
    from apikley.receiver.events import Event
    from apikley.receiver.inbox.rows import Entry, Expected
    from apikley.receiver.inbox.store import Inbox
    from apikley.receiver.receiver import Receiver
    from apikley.receiver.work.processing import Retries

_HOMES = {
    "Entry": "inbox.rows",
    "Event": "events",
    "Expected": "inbox.rows",
    "Inbox": "inbox.store",
    "Receiver": "receiver",
    "Retries": "work.processing",
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
