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
    from apikley._model.lazy import lazy_names

    _MODULES = {
        "Event": "events",
        "Inbox": "inbox.store",
        "InboxRow": "inbox.rows",
        "PendingCallback": "inbox.rows",
        "Receiver": "receiver",
        "RetryPolicy": "work.retry_policy",
    }
    __getattr__ = lazy_names(__name__, _MODULES, "receiver")


__all__ = ["Event", "Inbox", "InboxRow", "PendingCallback", "Receiver", "RetryPolicy"]
