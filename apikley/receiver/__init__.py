"""Receives callbacks: verified, stored before they are acknowledged, handled once.

    from apikley import Apikley
    from apikley.receiver import Event, Receiver

    receiver = Receiver("your-webhook-key", client=Apikley())

    @receiver.on_success
    def save(event: Event) -> None:
        event.download(f"{event.task_id}.mp4")

Needs the extra `receiver`. `apikley.receiver.listen` brings callbacks to a machine without a public address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apikley.receiver.events import Event
    from apikley.receiver.inbox.rows import InboxRow, PendingCallback
    from apikley.receiver.inbox.store import Inbox
    from apikley.receiver.receiver import Receiver
    from apikley.receiver.work.retry_policy import RetryPolicy
else:  # on first use, because `apikley.receiver.listen` needs no database

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415

        modules = {
            "Event": "events",
            "Inbox": "inbox.store",
            "InboxRow": "inbox.rows",
            "PendingCallback": "inbox.rows",
            "Receiver": "receiver",
            "RetryPolicy": "work.retry_policy",
        }
        if name not in modules:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            return getattr(import_module(f"{__name__}.{modules[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name not in ("sqlalchemy", "platformdirs"):
                raise
            message = f"{error.name} is not installed; run: pip install 'apikley[receiver]'"
            raise ModuleNotFoundError(message, name=error.name) from None


__all__ = ["Event", "Inbox", "InboxRow", "PendingCallback", "Receiver", "RetryPolicy"]
