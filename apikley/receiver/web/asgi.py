"""The receiver as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apikley.receiver.web import request_check as _gate
from apikley.receiver.web.request_check import Gate, Reply, Store

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _Gone(Exception):
    """The sender closed the connection before the body was complete."""


async def serve(gate: Gate, store: Store, scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request; what it delivers is stored first."""
    try:
        reply = await _reply(gate, store, scope, receive)
    except _Gone:
        return
    headers = [(name.encode(), value.encode()) for name, value in reply.headers]
    await send({"type": "http.response.start", "status": int(reply.status), "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def lifespan(receive: Receive, send: Send, start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Start and stop with the server."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await asyncio.to_thread(start)
            except Exception as error:  # noqa: BLE001 - the server says it and ends
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await asyncio.to_thread(stop)
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _reply(gate: Gate, store: Store, scope: Message, receive: Receive) -> Reply:
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    refusal = gate.refusal(scope["method"], *(_header(headers, name) for name in _gate.JUDGED))
    if refusal is not None:
        return refusal
    body = await _body(receive)
    if isinstance(body, Reply):
        return body
    judged = gate.judge(headers, body, scope.get("query_string", b"").decode("latin-1"))
    if isinstance(judged, Reply):
        return judged
    try:
        await asyncio.wait_for(asyncio.wrap_future(store(judged)), _gate.STORE_TIMEOUT)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is not stored
        return _gate.not_stored(judged, error)
    return _gate.ACCEPTED


async def _body(receive: Receive) -> bytes | Reply:
    body = bytearray()
    try:
        async with asyncio.timeout(_gate.BODY_TIMEOUT):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                body += message.get("body", b"")
                if len(body) > _gate.LARGEST:
                    return _gate.TOO_LARGE
                more = message.get("more_body", False)
    except TimeoutError:
        return _gate.TOO_SLOW
    return bytes(body)


def _header(headers: list[tuple[bytes, bytes]], name: str) -> str:
    return next((value.decode("latin-1") for each, value in headers if each.lower() == name.encode()), "")
