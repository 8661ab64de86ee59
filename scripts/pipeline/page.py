"""Extracts the published document from a documentation page, bare YAML or bare JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from scripts.pipeline.io import parse_json, parse_yaml
from scripts.pipeline.issues import SpecError, error
from scripts.pipeline.page_shape import model_of

# Above the block or in its fence, as in "````yaml market/NAME.json post /api/…": the published path of the
# document, and the operation it describes.
_HEADER = re.compile(r"^\s*(?:`{3,}\s*\w*\s+|~{3,}\s*\w*\s+)?(?P<path>\S+\.json)\s+[a-z]+\s+/\S+\s*$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
# A button's word, such as "Copy", may stand between the header and the block.
_MAX_LINES_TO_HEADER = 3
_START = re.compile(r"^(openapi:\s*['\"]?3\.|\{\s*$|\{\s*\"openapi\")")
# Unindented lines inside a block without a fence. Any other one ends it, because prose after the block, such as
# "… file at: https://…", would parse as one more YAML key.
_ROOT_KEY = re.compile(r"^(#|(openapi|info|servers|paths|components|security|tags|externalDocs|x-[\w-]+):(\s|$))")
# A bare document's file name or address contains its published path if it has this folder.
_ROOT = "market"
_PATH = re.compile(r"/?((?:\w[\w.-]*/)+\w[\w.-]*\.json)", re.ASCII)


class NoDocument(SpecError):
    """A page without an OpenAPI document."""


@dataclass(frozen=True)
class Page:
    """A published document and its published path.

    Attributes:
        path: The published path.
        document: The document as published.
        names_itself: Whether the page contains the path; otherwise it follows from the model.
    """

    path: PurePosixPath
    document: dict[str, Any]
    names_itself: bool = True


def extract(text: str, where: str, path: str | None = None) -> Page:
    """Extract the only published document.

    Args:
        text: A documentation page with one OpenAPI block, or an OpenAPI document as YAML or JSON.
        where: Its name in errors, which may contain the published path of a bare document.
        path: The published path, such as `market/NAME.json`, if the text does not contain it.

    Raises:
        NoDocument: The text contains no OpenAPI document.
        SpecError: The document cannot be read, or has no published path.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    first = next((line for line in lines if line.strip() and not line.startswith(("#", "---", "%YAML"))), "")
    if first.startswith("{"):
        document, header = parse_json(text.removeprefix("\ufeff"), where), None
    elif _START.match(first):
        document, header = parse_yaml("\n".join(lines), where), None
    else:
        document, header = _from_page(lines, where)
    known = path or header or _path_in(where)
    if known:
        return Page(_checked_path(known, where), document)
    # A document without a model is refused later.
    return Page(path_of_model(model_of(document) or "unknown"), document, names_itself=False)


def _from_page(lines: list[str], where: str) -> tuple[Any, str | None]:
    """Return the document in a page, and its published path if the page contains it."""
    starts = [
        number
        for number, line in enumerate(lines)
        if _START.match(line) and (line[0] != "{" or (number and _FENCE.match(lines[number - 1])))
    ]
    starts = [number for number in starts if lines[number][0] != "{" or _is_openapi(lines[number:])]
    if not starts:
        what = "no OpenAPI block found"
        raise NoDocument(*error(where, what, "expected a line that begins with 'openapi: 3.'").issues)
    if len(starts) > 1:
        places = ", ".join(str(number + 1) for number in starts)
        raise error(where, f"{len(starts)} OpenAPI blocks, at lines {places}", "give one page at a time")
    start = starts[0]
    above = [line for line in reversed(lines[:start]) if line.strip()][:_MAX_LINES_TO_HEADER]
    header = next(filter(None, map(_HEADER.match, above)), None)
    is_fenced = start > 0 and _FENCE.match(lines[start - 1]) is not None
    text = "\n".join(lines[start : (_end_of_fence if is_fenced else _end)(lines, start)]) + "\n"
    document = parse_json(text, where) if text[0] == "{" else parse_yaml(text, where, first_line=start + 1)
    return document, header["path"] if header else None


def _is_openapi(lines: list[str]) -> bool:
    return any('"openapi"' in line for line in lines[:3])


def _end_of_fence(lines: list[str], start: int) -> int:
    fence = _FENCE.match(lines[start - 1])
    assert fence
    # Descriptions contain fences, too, but these are indented.
    closing = re.compile(rf"^{re.escape(fence[0])}[`~]*\s*$")
    return next((i for i in range(start, len(lines)) if closing.match(lines[i])), len(lines))


def _end(lines: list[str], start: int) -> int:
    """Return the end of a block without a fence, whose lists may be unindented."""
    in_list = False
    for number, line in enumerate(lines[start:], start):
        if not line or line[0].isspace():
            continue
        if line.startswith("- ") and in_list:
            continue
        if not _ROOT_KEY.match(line):
            return number
        in_list = line.rstrip().endswith(":")
    return len(lines)


def _path_in(where: str) -> str | None:
    steps = PurePosixPath(where.partition("?")[0]).parts
    if _ROOT not in steps[:-1]:
        return None
    return str(PurePosixPath(*steps[steps.index(_ROOT) :]).with_suffix(".json"))


def path_of_model(model: str) -> PurePosixPath:
    """Return the published path of a model whose page does not contain it."""
    steps = [re.sub(r"[^A-Za-z0-9._-]+", "-", step).strip("-.") for step in model.split("/")]
    return PurePosixPath(_ROOT, *filter(None, steps[:-1]), f"{steps[-1] or 'model'}.json")


def _checked_path(text: str, where: str) -> PurePosixPath:
    found = _PATH.fullmatch(text)
    if found is None:
        raise error(where, f"{text[:120]!r} is not a published path", f"expected {_ROOT}/VENDOR/MODEL.json")
    return PurePosixPath(found[1])
