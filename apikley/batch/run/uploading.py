"""Uploads the local files of rows: each content once, as long as its link lives."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

from apikley._model.local_files import find_local_files, with_urls
from apikley.batch.run.context import Context
from apikley.errors import RequestInvalid

# The service keeps uploads for three days, and a task may wait before it fetches one.
_LINK_LIFE = 2 * 24 * 3600.0
_MAX_UPLOADING = 4


class Uploader:
    """Replaces local files by the links of their uploads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._uploading = asyncio.Semaphore(_MAX_UPLOADING)
        self._hashes: dict[tuple[Path, int, int], str] = {}

    async def with_links(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a request body without local files.

        Raises:
            RequestInvalid: A file is missing or not accepted.
            ApiError: The service refused a file.
            TransportError: A file could not be uploaded.
        """
        _, files, violations = await asyncio.to_thread(find_local_files, body)
        if violations:
            raise RequestInvalid(violations)
        if not files:
            return body
        links = {path: await self._link(path) for path in dict.fromkeys(files.values())}
        return {**body, "input": with_urls(body["input"], {place: links[path] for place, path in files.items()})}

    async def _link(self, path: Path) -> str:
        context = self._context
        content_hash = await asyncio.to_thread(self._hash, path)
        async with self._locks[content_hash], self._uploading:
            since = context.clock.now().timestamp() - _LINK_LIFE
            known = await context.write(context.ledger.upload_of, context.account, content_hash, since)
            if known is not None:
                return known
            url = await context.api.upload(path)
            await context.write(context.ledger.uploaded, context.account, content_hash, url)
            return url

    def _hash(self, path: Path) -> str:
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size)
        if key not in self._hashes:
            with path.open("rb") as file:
                self._hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashes[key]
