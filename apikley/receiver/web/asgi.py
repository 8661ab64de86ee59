"""The receiver as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apikley.receiver.web import request_check
from apikley.receiver.web.request_check import RequestCheck, Response, Store

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def serve(check: RequestCheck, store: Store, scope: Message, receive: Receive, send: Send) -> None:
    """Respond to one request, after storing its callback."""
    response = await _respond(check, store, scope, receive)
    if response is not None:
        headers = [(name.encode(), value.encode()) for name, value in response.headers]
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        await send({"type": "http.response.body", "body": response.body})


async def lifespan(receive: Receive, send: Send, start: Callable[[], None], stop: Callable[[], None]) -> None:
    """Start and stop with the server."""
    for phase, action in (("startup", start), ("shutdown", stop)):
        await receive()
        try:
            await asyncio.to_thread(action)
        except Exception as error:  # noqa: BLE001 - the server logs it and exits
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            return
        await send({"type": f"lifespan.{phase}.complete"})


async def _respond(check: RequestCheck, store: Store, scope: Message, receive: Receive) -> Response | None:
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    values = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in reversed(headers)}
    early = check.refuse_early(scope["method"], lambda name: values.get(name, ""))
    body = early or await _body(receive)
    if not isinstance(body, bytes):
        return body
    checked = check.check(headers, body, scope.get("query_string", b"").decode("latin-1"))
    if isinstance(checked, Response):
        return checked
    try:
        await asyncio.wait_for(asyncio.wrap_future(store(checked)), request_check.STORE_TIMEOUT)
    except Exception as error:  # noqa: BLE001 - any error means that it is not stored
        return request_check.not_stored(checked, error)
    return request_check.ACCEPTED


async def _body(receive: Receive) -> bytes | Response | None:
    """Return the body, the response that refuses it, or None if the sender closed the connection."""
    body = bytearray()
    try:
        async with asyncio.timeout(request_check.BODY_TIMEOUT):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > request_check.MAX_BODY:
                    return request_check.TOO_LARGE
                more = message.get("more_body", False)
    except TimeoutError:
        return request_check.TOO_SLOW
    return bytes(body)
