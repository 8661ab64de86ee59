"""Fetches published documents from files and http(s) addresses."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from scripts.pipeline.io import decode, read_bytes
from scripts.pipeline.issues import error

# A page has some ten kilobytes.
MAX_BYTES = 2_000_000
TIMEOUT = 30.0
_SUFFIXES = (".md", ".txt", ".yaml", ".yml", ".json")
_ACCEPT = "text/markdown, text/plain, application/json, application/yaml, */*;q=0.1"
_HEADERS = {"Accept": _ACCEPT, "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Source:
    """A fetched document.

    Attributes:
        where: Its name in errors: the path as given, or the address.
        recorded: Its name in `sources.json`: a file's name without its folder, or the address.
        content: The unchanged bytes.
    """

    where: str
    recorded: str
    content: bytes

    @property
    def text(self) -> str:
        """The content as text; HTML is refused."""
        text = decode(self.content, self.where)
        if text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
            raise error(self.where, "is HTML", "give the page's Markdown (often the same address with .md) or its text")
        return text


def is_url(source: str) -> bool:
    """Return whether a source is an address rather than a file."""
    return "://" in source


def expand(sources: Sequence[str]) -> list[str]:
    """Return sources with the pages in a folder instead of the folder, sorted by name."""
    found: list[str] = []
    for source in sources:
        folder = Path(source)
        if is_url(source) or not folder.is_dir():
            found.append(source)
            continue
        pages = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())
        if not pages:
            names = ", ".join(f"*{suffix}" for suffix in _SUFFIXES)
            raise error(source, "contains no page", f"expected files named {names}")
        found += map(str, pages)
    return found


def fetch(source: str, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT) -> Source:
    """Read a file, or fetch an http(s) address.

    Args:
        source: The file or address.
        max_bytes: The maximum size of a response.
        timeout: The maximum time for the whole response, in seconds.
    """
    if not is_url(source):
        return Source(source, Path(source).name, read_bytes(Path(source)))
    try:
        parts = urlsplit(source)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        _ = parts.port  # raises ValueError for a password with a slash, which looks like a port
    except ValueError:
        usable = False
    if not usable:
        redacted = re.sub(r"://.*@", "://…@", source, flags=re.DOTALL)
        raise error(redacted, "is not an http or https address without a password in it")
    try:
        return Source(source, source, asyncio.run(_download(source, max_bytes, timeout)))
    except (TimeoutError, httpx2.TimeoutException):
        raise error(source, f"timed out after {timeout:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError) as caught:
        raise error(source, f"cannot be fetched: {caught}") from None
    except (ValueError, TypeError, ImportError, OSError) as caught:
        raise error(source, f"cannot be fetched with the proxy and certificates of the environment: {caught}") from None


async def _download(url: str, max_bytes: int, timeout: float) -> bytes:
    content = b""
    async with (
        asyncio.timeout(timeout),  # for the whole response
        httpx2.AsyncClient(timeout=timeout, follow_redirects=True, headers=_HEADERS) as client,
        client.stream("GET", url) as response,
    ):
        if response.status_code != httpx2.codes.OK:
            raise error(url, f"returned HTTP {response.status_code}")
        # A small compressed response can be unpacked to gigabytes.
        if (encoding := response.headers.get("content-encoding", "identity")) != "identity":
            raise error(url, f"responded in the encoding {encoding!r}", "save the page and give the file")
        async for part in response.aiter_raw():
            content += part
            if len(content) > max_bytes:
                raise error(url, f"is larger than {max_bytes:,} bytes")
    return content
