"""Files served over HTTP: whole, or the range that is asked for."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from apikley_mock.web.http import Answer

_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")


@cache
def video() -> bytes:
    """The small video that every task results in."""
    return files("apikley_mock").joinpath("media/result.mp4").read_bytes()


@cache
def picture() -> bytes:
    """A picture of one pixel, in place of a file that may not be fetched."""
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360f8cf500f000383018050a5b2a30000000049454e44ae426082"
    )


def served(content: bytes, mime_type: str, range_header: bytes) -> Answer:
    """A file as an answer.

    Args:
        content: The file.
        mime_type: What it is.
        range_header: The header `Range`; one range is served, of anything else the whole file.
    """
    asked = _RANGE.fullmatch(range_header.strip())
    if asked is None or asked.groups() == (b"", b""):
        answer = Answer(200, content, mime_type.encode())
    else:
        first, last = asked.groups()
        size = len(content)
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            answer = Answer(416, b"", mime_type.encode())
            answer.headers.append((b"content-range", b"bytes */%d" % size))
        else:
            answer = Answer(206, content[start : end + 1], mime_type.encode())
            answer.headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end, size)))
    answer.headers.append((b"accept-ranges", b"bytes"))
    return answer
