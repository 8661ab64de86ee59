"""Which `Host` a request may name.

A page on the web can give its own name the address 127.0.0.1 (DNS rebinding). A browser then lets it read whatever the
simulator sends, unless the simulator refuses that name.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

from apikley_mock.web.http import Response

_MAX_SHOWN = 100


def refusal(header: bytes, allowed: Collection[str]) -> Response | None:
    """Return the refusal of a request whose `Host` is another name than an address, localhost or an allowed one."""
    name, is_local = _read(header)
    if is_local or name in allowed:
        return None
    shown = name.encode("ascii", "backslashreplace").decode()[:_MAX_SHOWN]
    text = f"the simulator does not respond to requests for the host {shown}; start it with --allow-host {shown}\n"
    return Response(403, text.encode(), b"text/plain")


@lru_cache(maxsize=64)
def _read(header: bytes) -> tuple[str, bool]:
    """Return the name in a Host header, and whether it is an address, localhost or missing."""
    name = _name(header.decode("latin-1").strip().lower())
    return name, not name or name == "localhost" or name.endswith(".localhost") or _is_address(name)


def _name(host: str) -> str:
    """Return a Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
