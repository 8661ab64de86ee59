"""Notices the first byte of a request, because a create of which no byte was written is certainly not paid."""

from __future__ import annotations

from typing import Any

import httpx2

from apikley._flows.effects import SendRequest, StreamFile
from apikley._http.hooks import begin, begin_async
from apikley._http.streams import AnyClient, has_connections


def observe(effect: SendRequest | StreamFile, client: AnyClient, request: httpx2.Request) -> bool:
    """Let the client begin a request when its first byte is written; returns whether that can be observed.

    Args:
        effect: The request.
        client: The client that will send it.
        request: The same as built by the client.
    """
    if not has_connections(client, request.url):
        return False

    def trace(event: str, details: dict[str, Any]) -> None:
        if _is_first_byte(event, details):
            begin(effect)

    async def trace_async(event: str, details: dict[str, Any]) -> None:
        if _is_first_byte(event, details):
            await begin_async(effect)

    request.extensions["trace"] = trace if isinstance(client, httpx2.Client) else trace_async
    return True


def _is_first_byte(event: str, details: dict[str, Any]) -> bool:
    # A proxy is asked with CONNECT before the request itself is sent.
    return event.endswith("send_request_headers.started") and details["request"].method != b"CONNECT"
