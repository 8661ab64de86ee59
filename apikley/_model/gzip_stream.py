"""Unpacks one layer of gzip in pieces of bounded size."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE = 64 * 1024
_WITH_GZIP_HEADER = 31


class GzipStream:
    """Unpacks a gzip stream in chunks. Methods raise `zlib.error` if it is damaged, cut, or followed by more."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=_WITH_GZIP_HEADER)

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk adds, in pieces of at most 64 KiB."""
        piece = self._stream.decompress(chunk, _PIECE)
        while piece:
            yield piece
            piece = self._stream.decompress(self._stream.unconsumed_tail, _PIECE)
        if self._stream.unused_data:
            raise zlib.error("more follows the gzip stream")

    def end(self) -> None:
        """Check that the stream is complete."""
        if not self._stream.eof:
            raise zlib.error("the gzip stream is cut")


def gzip_stream(encoding: str) -> GzipStream | None:
    """Return what unpacks a Content-Encoding, or None if it stays as it is."""
    return GzipStream() if encoding.strip().lower() in ("gzip", "x-gzip") else None
