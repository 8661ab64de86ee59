"""Where published documents are taken from: files and http(s) addresses."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from scripts.pipeline.io import decode, read_bytes
from scripts.pipeline.issues import Issue, SpecError

# A page has some ten kilobytes. What is larger, or comes slower, is something else.
LARGEST = 2_000_000
SECONDS = 30.0


@dataclass(frozen=True)
class Source:
    """What was fetched.

    Attributes:
        where: What to call it in an error: the path as it was given, or the address.
        recorded: What is written down of it: a file's name without its folder, or the address.
        content: The bytes, as they came.
    """

    where: str
    recorded: str
    content: bytes

    @property
    def text(self) -> str:
        """The content as text.

        Raises:
            SpecError: It is no text, or still HTML.
        """
        text = decode(self.content, self.where)
        if text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
            raise SpecError(
                Issue(self.where, "is HTML", "give the page's Markdown (often the same address with .md) or its text")
            )
        return text


def is_url(source: str) -> bool:
    """Whether a source is an address rather than a file."""
    return "://" in source


def fetch(source: str, *, largest: int = LARGEST, seconds: float = SECONDS) -> Source:
    """Read one source.

    Args:
        source: A file, or an http(s) address.
        largest: The most bytes to take.
        seconds: The longest time to wait for all of it.

    Raises:
        SpecError: It cannot be had.
    """
    if not is_url(source):
        return Source(source, Path(source).name, read_bytes(Path(source)))
    try:
        parts = urlsplit(source)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        _ = parts.port  # a password with a slash in it looks like one that is no number
    except ValueError:
        usable = False
    if not usable:
        hidden = re.sub(r"://.*@", "://…@", source, flags=re.DOTALL)
        raise SpecError(Issue(hidden, "is not an http or https address without a password in it"))
    try:
        return Source(source, source, _download(source, largest, time.monotonic() + seconds, seconds))
    except httpx2.TimeoutException:
        raise SpecError(Issue(source, f"did not answer within {seconds:g} s")) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise SpecError(Issue(source, f"cannot be fetched: {error}")) from None


def _download(url: str, largest: int, deadline: float, seconds: float) -> bytes:
    content = b""
    headers = {"Accept": "text/markdown, text/plain, application/json, application/yaml, */*;q=0.1"}
    with httpx2.stream("GET", url, timeout=seconds, follow_redirects=True, headers=headers) as answer:
        if answer.status_code != httpx2.codes.OK:
            raise SpecError(Issue(url, f"answers HTTP {answer.status_code}"))
        for part in answer.iter_bytes():
            content += part
            if len(content) > largest:
                raise SpecError(Issue(url, f"is larger than {largest:,} bytes"))
            if time.monotonic() > deadline:
                raise SpecError(Issue(url, f"did not answer within {seconds:g} s"))
    return content
