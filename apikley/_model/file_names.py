"""Names of files for results, from text that may come from a stranger."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

DEFAULT_SUFFIX = ".mp4"


def safe_name(text: str) -> str:
    """Return a text as a name that leads out of no folder and names no hidden file."""
    return re.sub(r"[^\w.-]|^\.", "_", text)


def suffix_of(url: str) -> str:
    """Return the suffix of the file at a URL, such as `.mp4`."""
    try:
        suffix = PurePosixPath(urlsplit(url).path).suffix
    except ValueError:  # an invalid URL, which the download reports
        suffix = ""
    return suffix if re.fullmatch(r"\.\w{1,5}", suffix) else DEFAULT_SUFFIX
