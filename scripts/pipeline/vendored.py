"""The vendored documents: each page as fetched, its document as JSON, and a record of its source.

For each published path, such as `market/hailuo/02-image-to-video-pro.json`, `openapi/vendored/` holds
the document, the fetched page byte for byte (`….published.txt`), and an entry of `sources.json` with
source, date and hash. If the source is a file, the entry keeps an address that was known before.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.pipeline.io import decode, dump, read_bytes, read_document, shown
from scripts.pipeline.issues import Issue, SpecError
from scripts.pipeline.page import Page, extract
from scripts.pipeline.schema_checks import check_sources, refuse
from scripts.pipeline.sources import Source, is_url

SOURCES = "sources.json"


def documents(vendored: Path) -> list[Path]:
    """Return the vendored documents, sorted by path."""
    return sorted(path for path in vendored.rglob("*.json") if path != vendored / SOURCES)


def records(vendored: Path) -> dict[str, dict[str, str]]:
    """Return the entries of `sources.json` by published path."""
    path = vendored / SOURCES
    found: dict[str, dict[str, str]] = read_document(path) if path.exists() else {}
    refuse(check_sources(shown(path), found))
    return found


def address_of(record: dict[str, str]) -> str | None:
    """Return the address of a recorded document, or None."""
    return record["source"] if is_url(record["source"]) else record.get("address")


def store(vendored: Path, pages: list[tuple[Source, Page]], today: date) -> list[str]:
    """Store published documents.

    The record of an unchanged document stays as it is. A file that replaces a known address keeps the
    address in its record, so that the page is still fetched.

    Args:
        vendored: The folder to store them in.
        pages: The sources and their documents.
        today: The date to record.

    Returns:
        One line about each document.

    Raises:
        SpecError: Two sources have the same document, or one cannot be written.
    """
    issues: list[Issue] = []
    kept: dict[PurePosixPath, str] = {}
    recorded = records(vendored)
    lines = []
    for source, page in pages:
        if page.path in kept:
            issues.append(Issue(f"{kept[page.path]} and {source.where}", f"are both {page.path}"))
            continue
        kept[page.path] = source.where
        digest = hashlib.sha256(source.content).hexdigest()
        before = recorded.get(str(page.path))
        same_content = before is not None and before["sha256"] == digest
        if before and same_content and (before["source"] == source.recorded or not is_url(source.recorded)):
            lines.append(f"{page.path}: unchanged")
            continue
        day = before["date"] if before and same_content else today.isoformat()
        recorded[str(page.path)] = {"source": source.recorded, "date": day, "sha256": digest}
        known = address_of(before) if before and not is_url(source.recorded) else None
        if known:
            recorded[str(page.path)]["address"] = known
        target = vendored / page.path
        text = dump(page.document)
        same = target.exists() and target.read_text(encoding="utf-8") == text
        lines.append(f"{page.path}: {'same document, other text or source' if same else _verb(before)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
            _published(target).write_bytes(source.content)
        except OSError as error:
            issues.append(Issue(source.where, f"cannot be stored as {page.path}: {error.strerror}"))
    if issues:
        raise SpecError(*issues)
    (vendored / SOURCES).write_text(dump(dict(sorted(recorded.items()))), encoding="utf-8", newline="\n")
    return lines


def _verb(before: object) -> str:
    return "updated" if before else "added"


def addresses(vendored: Path) -> list[str]:
    """Return all recorded addresses.

    Raises:
        SpecError: No address is recorded.
    """
    found = [address for record in records(vendored).values() if (address := address_of(record))]
    if not found:
        raise SpecError(
            Issue(shown(vendored / SOURCES), "has no address to fetch", "run once: scripts/update-spec URL")
        )
    return [*dict.fromkeys(found)]


def without_address(vendored: Path) -> list[str]:
    """Return one line about each document without an address."""
    return [
        f"{name}: no address is recorded, so it is not fetched; run once: scripts/update-spec URL"
        for name, record in records(vendored).items()
        if address_of(record) is None
    ]


def check_kept(vendored: Path) -> list[Issue]:
    """Return where vendored documents differ from what was published."""
    issues = []
    recorded = records(vendored)
    paths = {path.relative_to(vendored).as_posix(): path for path in documents(vendored)}
    for name in sorted({*paths, *recorded}):
        place = shown(vendored / name)
        if name not in paths or name not in recorded:
            issues.append(Issue(place, f"is missing, or has no entry in {SOURCES}", "run: scripts/update-spec"))
            continue
        content = read_bytes(_published(paths[name]))
        if hashlib.sha256(content).hexdigest() != recorded[name]["sha256"]:
            issues.append(Issue(shown(_published(paths[name])), f"is not what {SOURCES} recorded"))
        elif _document(content, name) != read_document(paths[name]):
            issues.append(Issue(place, "is not what was published", "edit openapi/overlay.yaml instead"))
    return issues


def _document(content: bytes, name: str) -> Any:
    return extract(decode(content, name), name, name).document


def _published(document: Path) -> Path:
    return document.with_name(f"{document.stem}.published.txt")
