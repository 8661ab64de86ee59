"""Finds the published document in what was fetched: a documentation page, bare YAML or bare JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from scripts.pipeline.io import parse_json, parse_yaml
from scripts.pipeline.issues import Issue, SpecError
from scripts.pipeline.page_shape import check_form

# The line above the block, or the block's own fence, as in "````yaml market/NAME.json post /api/…":
# the published path of the document, and the operation it describes.
_HEADER = re.compile(
    r"^\s*(?:`{3,}\s*\w*\s+|~{3,}\s*\w*\s+)?(?P<path>\S+\.json)\s+(?P<method>[a-z]+)\s+(?P<url>/\S+)\s*$"
)
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*\w*\s*$")
_START = re.compile(r"^openapi:\s*['\"]?3\.")
# Unindented lines inside the block. Any other unindented line ends it: prose follows the block, and prose
# such as "… file at: https://…" parses as one more YAML key.
_ROOT_KEY = re.compile(r"^(#|(openapi|info|servers|paths|components|security|tags|externalDocs|x-[\w-]+):(\s|$))")
# The published path of a bare document may be part of its file name or address.
_ROOT = "market"
# File systems allow 255 bytes for a name.
_LONGEST = 120
# Names of files in `openapi/vendored/`, so no folder may end like this.
_OURS = (".json", ".published.txt")


@dataclass(frozen=True)
class Page:
    """A published document and its published path."""

    path: PurePosixPath
    document: dict[str, Any]


def extract(text: str, where: str, path: str | None = None) -> Page:
    """Read the one published document.

    Args:
        text: A documentation page with one OpenAPI block, or an OpenAPI document as YAML or JSON.
        where: Its name in errors, which may also contain the path of a bare document.
        path: The published path, such as `market/NAME.json`, if the document does not contain it.

    Raises:
        SpecError: There is no document, more than one, or one of an unknown kind.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    first = next((line for line in lines if line.strip() and not line.startswith(("#", "---", "%YAML"))), "")
    if first.startswith("{"):
        published = Page(_path_of_bare(path, where), parse_json(text.removeprefix("\ufeff"), where))
    elif _START.match(first):
        published = Page(_path_of_bare(path, where), _bare_yaml(lines, where))
    else:
        published = _from_page(lines, where, path)
    issues = check_form(where, published.document)
    if issues:
        raise SpecError(*issues)
    return published


def _bare_yaml(lines: list[str], where: str) -> Any:
    for number, line in enumerate(lines, start=1):
        if line and not line[0].isspace() and not _ROOT_KEY.match(line) and not line.startswith(("---", "%YAML")):
            raise SpecError(Issue(f"{where}, line {number}", f"{line[:40]!r} belongs to no OpenAPI document"))
    return parse_yaml("\n".join(lines), where)


def _from_page(lines: list[str], where: str, path: str | None) -> Page:
    starts = [number for number, line in enumerate(lines) if _START.match(line)]
    if not starts:
        raise SpecError(Issue(where, "no OpenAPI block found", "expected a line that begins with 'openapi: 3.'"))
    if len(starts) > 1:
        places = ", ".join(str(number + 1) for number in starts)
        raise SpecError(Issue(where, f"{len(starts)} OpenAPI blocks, at lines {places}", "give one page at a time"))
    start = starts[0]
    place = f"{where}, line {start + 1}"
    above = next((line for line in reversed(lines[:start]) if line.strip() and not _FENCE.match(line)), "")
    header = _HEADER.match(above)
    if header is None:
        raise SpecError(
            Issue(
                place,
                "the line above the OpenAPI block does not name its document",
                "expected something like 'market/NAME.json post /api/v1/jobs/createTask'",
            )
        )
    published = _checked_path(path or header["path"], place)
    document = parse_yaml("\n".join(lines[start : _end(lines, start)]) + "\n", where, first_line=start + 1)
    operations = document.get("paths") if isinstance(document, dict) else None
    operation = operations.get(header["url"]) if isinstance(operations, dict) else None
    if not isinstance(operation, dict) or header["method"] not in operation:
        announced = f"{header['method'].upper()} {header['url']}"
        raise SpecError(Issue(place, f"the block does not describe {announced}, which its header announces"))
    return Page(published, document)


def _end(lines: list[str], start: int) -> int:
    for number in range(start, len(lines)):
        line = lines[number]
        if line and not line[0].isspace() and not _ROOT_KEY.match(line):
            return number
    return len(lines)


def _path_of_bare(path: str | None, where: str) -> PurePosixPath:
    if path is None:
        steps = PurePosixPath(where.partition("?")[0]).parts
        if _ROOT not in steps:
            raise SpecError(
                Issue(where, "does not say where it is published", f"name it: --path {_ROOT}/VENDOR/MODEL.json")
            )
        path = str(PurePosixPath(*steps[steps.index(_ROOT) :]).with_suffix(".json"))
    return _checked_path(path, where)


def _checked_path(text: str, place: str) -> PurePosixPath:
    path = PurePosixPath(text.lstrip("/"))
    if ".." in path.parts or "\\" in text:
        raise SpecError(Issue(place, f"the document path {path} leaves its folder"))
    folders = path.parts[:-1]
    plain = len(str(path)) <= _LONGEST and str(path).isprintable() and not any(each.endswith(_OURS) for each in folders)
    if path.suffix != ".json" or not folders or not plain:
        raise SpecError(
            Issue(place, f"{text[:_LONGEST]!r} is no published path", f"expected {_ROOT}/VENDOR/MODEL.json")
        )
    return path
