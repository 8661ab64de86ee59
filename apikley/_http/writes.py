"""Notices the first byte of a request, because a create of which no byte was written is certainly not paid."""

from __future__ import annotations

from typing import Any

import httpx2

from apikley._flows.effects import SendRequest, StreamFile
from apikley._http.streams import AnyClient, has_connections


def observe(effect: SendRequest | StreamFile, client: AnyClient, request: httpx2.Request) -> None:
    """Set `effect.written` when the first byte of a request is written; at once if it cannot be observed.

    Args:
        effect: The request.
        client: The client that will send it.
        request: The same as built by the client.
    """
    if not has_connections(client, request.url):
        effect.written = True
        return

    def trace(event: str, details: dict[str, Any]) -> None:
        # A proxy is asked with CONNECT before the request itself is sent.
        if event.endswith("send_request_headers.started") and details["request"].method != b"CONNECT":
            effect.written = True

    async def trace_async(event: str, details: dict[str, Any]) -> None:
        trace(event, details)

    request.extensions["trace"] = trace if isinstance(client, httpx2.Client) else trace_async
