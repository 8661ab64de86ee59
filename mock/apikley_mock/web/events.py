"""Server-sent events: one whenever something has changed, so that the page is never late."""

from __future__ import annotations

import asyncio
import json

from apikley_mock.service import Service
from apikley_mock.web.http import Receive, Request, Response, Send, write
from apikley_mock.world.clock import VirtualClock

_TICK, _QUIET = 0.5, 15.0  # seconds between two events while tasks move on, and otherwise
_MAX_STREAMS = 50


async def stream(service: Service, request: Request, receive: Receive, send: Send) -> None:
    """Send events until the client goes away or the server stops."""
    if request.method != "GET" or len(service.watchers) >= _MAX_STREAMS:
        await write(Response(405 if request.method != "GET" else 503, b"", b"text/plain"), send)
        return
    changed = asyncio.Event()
    service.watchers.append(changed.set)
    gone = asyncio.ensure_future(_gone(receive))
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        while not gone.done():
            changed.clear()
            state = {"last": service.journal.last, "resets": service.journal.era, "tasks": len(service.engine.tasks)}
            event = f"retry: 500\ndata: {json.dumps(state)}\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
            moves = not isinstance(service.clock, VirtualClock) and service.engine.next_completion() is not None
            waiting = asyncio.ensure_future(changed.wait())
            await asyncio.wait({waiting, gone}, timeout=_TICK if moves else _QUIET, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
    finally:
        service.watchers.remove(changed.set)
        gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
