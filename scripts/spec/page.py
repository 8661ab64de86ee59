"""Finds the OpenAPI block in a published documentation page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from scripts.spec.files import parse_yaml
from scripts.spec.problems import Problem, SpecError

# The line above the block: where the document is published, and the operation it shows.
_HEADER = re.compile(r"^(?P<path>\S+\.json)\s+(?P<method>[a-z]+)\s+(?P<url>/\S+)\s*$")
_START = re.compile(r"^openapi:\s*['\"]?3\.")
# What may stand unindented inside the block. Anything else unindented ends it: the pages go on with
# prose after it, and prose such as "… file at: https://…" would pass for one more YAML key.
_ROOT_KEY = re.compile(r"^(openapi|info|servers|paths|components|security|tags|externalDocs|x-[\w-]+):(\s|$)")


@dataclass(frozen=True)
class Page:
    """A published document and where it belongs."""

    path: PurePosixPath
    method: str
    url: str
    document: dict[str, Any]


def extract(text: str, where: str) -> Page:
    """Read the one OpenAPI block of a page.

    Args:
        text: The page as text.
        where: What to call it in an error.

    Raises:
        SpecError: There is no block, or more than one, or it is not what its header line announces.
    """
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _START.match(line)]
    if not starts:
        raise SpecError(Problem(where, "no OpenAPI block found", "expected a line that begins with 'openapi: 3.'"))
    if len(starts) > 1:
        places = ", ".join(str(number + 1) for number in starts)
        raise SpecError(Problem(where, f"{len(starts)} OpenAPI blocks, at lines {places}", "give one page at a time"))
    start = starts[0]
    above = next((line.strip() for line in reversed(lines[:start]) if line.strip(" `") and line != "```yaml"), "")
    header = _HEADER.match(above)
    if header is None:
        raise SpecError(
            Problem(
                f"{where}, line {start + 1}",
                "the line above the OpenAPI block does not name its document",
                "expected something like 'market/NAME.json post /api/v1/jobs/createTask'",
            )
        )
    path = PurePosixPath(header["path"].lstrip("/"))
    if ".." in path.parts:
        raise SpecError(Problem(f"{where}, line {start + 1}", f"the document path {path} leaves its folder"))
    document = parse_yaml("\n".join(lines[start : _end(lines, start)]) + "\n", where, first_line=start + 1)
    operations = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(operations, dict) or header["method"] not in (operations.get(header["url"]) or {}):
        raise SpecError(
            Problem(
                f"{where}, line {start + 1}",
                f"the block does not describe {header['method'].upper()} {header['url']}, which its header announces",
            )
        )
    return Page(path, header["method"], header["url"], document)


def _end(lines: list[str], start: int) -> int:
    for number in range(start, len(lines)):
        line = lines[number]
        if line and not line[0].isspace() and not _ROOT_KEY.match(line):
            return number
    return len(lines)
