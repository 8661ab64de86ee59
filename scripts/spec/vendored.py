"""The published documents that are kept: what came, the document in it as JSON, and where it came from.

For each published path, such as `market/hailuo/02-image-to-video-pro.json`, `openapi/vendored/` holds
the document under that very name, beside it what was fetched, byte for byte (`….published.txt`), and
one entry of `sources.json`: source, date and hash.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from scripts.spec.files import decode, dump, read_bytes, read_document, shown
from scripts.spec.page import extract
from scripts.spec.problems import Problem, SpecError
from scripts.spec.sources import Source, is_url

SOURCES = "sources.json"


def documents(vendored: Path) -> list[Path]:
    """The vendored documents, in the order of their published paths."""
    return sorted(path for path in vendored.rglob("*.json") if path != vendored / SOURCES)


def records(vendored: Path) -> dict[str, dict[str, str]]:
    """What is written down of each document, by published path."""
    path = vendored / SOURCES
    found: dict[str, dict[str, str]] = read_document(path) if path.exists() else {}
    return found


def keep(vendored: Path, sources: list[Source], path: str | None, today: date) -> list[str]:
    """Put published documents in their places.

    A document that has not changed leaves its record as it is, date included.

    Args:
        vendored: The folder to keep them in.
        sources: What was fetched.
        path: The published path, where the one source does not say it.
        today: The date to record.

    Returns:
        One line for each document: what happened to it.

    Raises:
        SpecError: A source holds no document that we know, or two of them are the same one.
    """
    problems: list[Problem] = []
    kept: dict[PurePosixPath, str] = {}
    recorded = records(vendored)
    lines = []
    for source in sources:
        try:
            page = extract(source.text, source.where, path)
        except SpecError as error:
            problems += error.problems
            continue
        if page.path in kept:
            problems.append(Problem(f"{kept[page.path]} and {source.where}", f"are both {page.path}"))
            continue
        kept[page.path] = source.where
        digest = hashlib.sha256(source.content).hexdigest()
        before = recorded.get(str(page.path))
        same_content = before is not None and before["sha256"] == digest
        if before and same_content and (before["source"] == source.recorded or not is_url(source.recorded)):
            lines.append(f"{page.path}: as before")
            continue
        day = before["date"] if before and same_content else today.isoformat()
        recorded[str(page.path)] = {"source": source.recorded, "date": day, "sha256": digest}
        target = vendored / page.path
        text = dump(page.document)
        same = target.exists() and target.read_text(encoding="utf-8") == text
        lines.append(f"{page.path}: {'the same document in another text or place' if same else _verb(before)}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
        _published(target).write_bytes(source.content)
    if problems:
        raise SpecError(*problems)
    (vendored / SOURCES).write_text(dump(dict(sorted(recorded.items()))), encoding="utf-8", newline="\n")
    return lines


def _verb(before: object) -> str:
    return "updated" if before else "added"


def addresses(vendored: Path) -> list[str]:
    """The recorded sources that can be fetched again.

    Raises:
        SpecError: There is none.
    """
    found = [record["source"] for record in records(vendored).values() if is_url(record["source"])]
    if not found:
        raise SpecError(
            Problem(shown(vendored / SOURCES), "records no address to fetch", "run once: scripts/update-spec URL")
        )
    return found


def check_kept(vendored: Path) -> list[Problem]:
    """Where the vendored documents are not what was published."""
    problems = []
    recorded = records(vendored)
    paths = {path.relative_to(vendored).as_posix(): path for path in documents(vendored)}
    for name in sorted({*paths, *recorded}):
        place = shown(vendored / name)
        if name not in paths or name not in recorded:
            problems.append(Problem(place, f"is missing, or has no entry in {SOURCES}", "run: scripts/update-spec"))
            continue
        content = read_bytes(_published(paths[name]))
        if hashlib.sha256(content).hexdigest() != recorded[name]["sha256"]:
            problems.append(Problem(shown(_published(paths[name])), f"is not what {SOURCES} recorded"))
        elif _document(content, name) != read_document(paths[name]):
            problems.append(Problem(place, "is not what was published", "edit openapi/overlay.yaml instead"))
    return problems


def _document(content: bytes, name: str) -> Any:
    return extract(decode(content, name), name, name).document


def _published(document: Path) -> Path:
    return document.with_name(f"{document.stem}.published.txt")
