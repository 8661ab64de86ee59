"""Sends completion callbacks, and only to where it may."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

import httpx

import apikley_contract


class CallbackSender:
    """Sends signed callbacks over one pool of connections.

    Args:
        key: The webhook key; unsigned callbacks without one.
        allowed_hosts: Hosts beside the loopback ones that may be called.
    """

    def __init__(self, key: str | None, allowed_hosts: frozenset[str] = frozenset()) -> None:
        self.key = key
        self.allowed_hosts = allowed_hosts
        operation = apikley_contract.operation("createTask").description["callbacks"]["taskFinished"]
        (self._description,) = (item["post"] for item in operation.values())
        self._client: httpx.AsyncClient | None = None

    async def send(self, url: str, task_id: str, payload: dict[str, Any], now: float) -> tuple[int | None, str]:
        """POST one callback.

        Returns:
            The HTTP status answered, if any, and what went wrong, if anything.
        """
        if not self._may_call(url):
            return None, f"not sent: {urlsplit(url).hostname} is neither loopback nor allowed by name"
        if self._client is None:
            timeout = self._description["x-delivery"]["timeout"]
            self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False)
        content = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", **self._signature(task_id, now)}
        try:
            answer = await self._client.post(url, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return None, f"{type(error).__name__}: {error}"
        return answer.status_code, ""

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _may_call(self, url: str) -> bool:
        host = urlsplit(url).hostname or ""
        if host == "localhost" or host in self.allowed_hosts:
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def _signature(self, task_id: str, now: float) -> dict[str, str]:
        if not self.key:
            return {}
        stamp = str(int(now))
        digest = hmac.new(self.key.encode(), f"{task_id}.{stamp}".encode(), hashlib.sha256).digest()
        timestamp, signature = (parameter["name"] for parameter in self._description["parameters"])
        return {timestamp: stamp, signature: base64.b64encode(digest).decode()}
