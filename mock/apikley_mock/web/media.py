"""Serves files over HTTP, whole or a range."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from apikley_mock.web.http import Response

_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")


@cache
def video() -> bytes:
    """Return the small video that is the result of a video model."""
    return files("apikley_mock").joinpath("media/result.mp4").read_bytes()


@cache
def audio() -> bytes:
    """Return four silent frames of MPEG audio, the result of an audio model."""
    return (b"\xff\xfb\x90\x64" + bytes(413)) * 4


@cache
def picture() -> bytes:
    """Return a picture of one pixel, the result of an image model."""
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360f8cf500f000383018050a5b2a30000000049454e44ae426082"
    )


def of_suffix(suffix: str) -> tuple[bytes, str]:
    """Return content and media type of a result with this suffix of its name."""
    kinds = {"png": (picture, "image/png"), "mp3": (audio, "audio/mpeg")}
    content, media_type = kinds.get(suffix, (video, "video/mp4"))
    return content(), media_type


def serve(content: bytes, mime_type: str, range_header: bytes) -> Response:
    """Return a file as a response.

    Args:
        content: The file's content.
        mime_type: The media type.
        range_header: The header `Range`. One range is served; anything else gets the whole file.
    """
    requested = _RANGE.fullmatch(range_header.strip())
    if requested is None or requested.groups() == (b"", b""):
        status, part, described = 200, content, []
    else:
        first, last = requested.groups()
        size = len(content)
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            status, part, described = 416, b"", [(b"content-range", b"bytes */%d" % size)]
        else:
            part = content[start : end + 1]
            status, described = 206, [(b"content-range", b"bytes %d-%d/%d" % (start, end, size))]
    return Response(status, part, mime_type.encode(), [*described, (b"accept-ranges", b"bytes")])
