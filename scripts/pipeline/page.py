"""Extracts the published document from a documentation page, bare YAML or bare JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from scripts.pipeline.io import parse_json, parse_yaml
from scripts.pipeline.issues import error, refuse
from scripts.pipeline.page_shape import check_page

# The line above the block, or the block's own fence, as in "````yaml market/NAME.json post /api/…":
# the published path of the document, and the operation it describes.
_HEADER = re.compile(r"^\s*(?:`{3,}\s*\w*\s+|~{3,}\s*\w*\s+)?(?P<path>\S+\.json)\s+[a-z]+\s+/\S+\s*$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*\w*\s*$")
_START = re.compile(r"^openapi:\s*['\"]?3\.")
# Unindented lines inside the block. Any other one ends it, because prose after the block, such as
# "… file at: https://…", would parse as one more YAML key.
_ROOT_KEY = re.compile(r"^(#|(openapi|info|servers|paths|components|security|tags|externalDocs|x-[\w-]+):(\s|$))")
# A bare document's file name or address contains its published path if it has this folder.
_ROOT = "market"
_PATH = re.compile(r"/?((?:\w[\w.-]*/)+\w[\w.-]*\.json)", re.ASCII)


@dataclass(frozen=True)
class Page:
    """A published document and its published path."""

    path: PurePosixPath
    document: dict[str, Any]


def extract(text: str, where: str, path: str | None = None) -> Page:
    """Extract the only published document.

    Args:
        text: A documentation page with one OpenAPI block, or an OpenAPI document as YAML or JSON.
        where: Its name in errors, which may contain the published path of a bare document.
        path: The published path, such as `market/NAME.json`, if the text does not contain it.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    first = next((line for line in lines if line.strip() and not line.startswith(("#", "---", "%YAML"))), "")
    if first.startswith("{"):
        published = Page(_path_of_bare(path, where), parse_json(text.removeprefix("\ufeff"), where))
    elif _START.match(first):
        published = Page(_path_of_bare(path, where), parse_yaml("\n".join(lines), where))
    else:
        published = _from_page(lines, where, path)
    refuse(check_page(where, published.document))
    return published


def _from_page(lines: list[str], where: str, path: str | None) -> Page:
    starts = [number for number, line in enumerate(lines) if _START.match(line)]
    if not starts:
        raise error(where, "no OpenAPI block found", "expected a line that begins with 'openapi: 3.'")
    if len(starts) > 1:
        places = ", ".join(str(number + 1) for number in starts)
        raise error(where, f"{len(starts)} OpenAPI blocks, at lines {places}", "give one page at a time")
    start = starts[0]
    place = f"{where}, line {start + 1}"
    above = next((line for line in reversed(lines[:start]) if line.strip() and not _FENCE.match(line)), "")
    header = _HEADER.match(above)
    if header is None:
        remedy = "expected something like 'market/NAME.json post /api/v1/jobs/createTask'"
        raise error(place, "the line above the OpenAPI block does not name its document", remedy)
    published = _checked_path(path or header["path"], place)
    block = "\n".join(lines[start : _end(lines, start)]) + "\n"
    return Page(published, parse_yaml(block, where, first_line=start + 1))


def _end(lines: list[str], start: int) -> int:
    rest = enumerate(lines[start:], start)
    return next((i for i, line in rest if line and not line[0].isspace() and not _ROOT_KEY.match(line)), len(lines))


def _path_of_bare(path: str | None, where: str) -> PurePosixPath:
    if path is None:
        steps = PurePosixPath(where.partition("?")[0]).parts
        if _ROOT not in steps:
            remedy = f"give its published path: --path {_ROOT}/VENDOR/MODEL.json"
            raise error(where, "does not contain its published path", remedy)
        path = str(PurePosixPath(*steps[steps.index(_ROOT) :]).with_suffix(".json"))
    return _checked_path(path, where)


def _checked_path(text: str, place: str) -> PurePosixPath:
    found = _PATH.fullmatch(text)
    if found is None:
        raise error(place, f"{text[:120]!r} is not a published path", f"expected {_ROOT}/VENDOR/MODEL.json")
    return PurePosixPath(found[1])
