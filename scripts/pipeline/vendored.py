"""The vendored documents: each page as fetched, its document as JSON, and a record of its source.

For each published path, such as `market/hailuo/02-image-to-video-pro.json`, `openapi/vendored/` contains the
document, the unchanged page (`….published.txt`), and an entry of `sources.json` with source, date and hash. An
entry whose source is a file keeps the address of an earlier import, so that the page is still fetched.
"""

from __future__ import annotations

import hashlib
import shutil
from datetime import date
from pathlib import Path

from scripts.pipeline.io import decode, display_path, dump, read_bytes, read_document
from scripts.pipeline.issues import Issue, error
from scripts.pipeline.page import Page, extract
from scripts.pipeline.page_shape import model_of
from scripts.pipeline.sources import Source, is_url

SOURCES = "sources.json"
_NO_ADDRESS = "run once: scripts/update-spec URL"


def documents(vendored: Path) -> list[Path]:
    """Return the vendored documents, sorted by path."""
    return sorted(path for path in vendored.rglob("*.json") if path != vendored / SOURCES)


def records(vendored: Path) -> dict[str, dict[str, str]]:
    """Return the entries of `sources.json` by published path."""
    path = vendored / SOURCES
    found: dict[str, dict[str, str]] = read_document(path) if path.exists() else {}
    return found


def address_of(record: dict[str, str]) -> str | None:
    """Return the address of a recorded document, or None."""
    return record["source"] if is_url(record["source"]) else record.get("address")


def paths_of_models(vendored: Path) -> dict[str, str]:
    """Return the published path of each model."""
    found = {}
    for path in documents(vendored):
        if model := model_of(read_document(path)):
            found[model] = path.relative_to(vendored).as_posix()
    return found


def is_current(vendored: Path, source: Source, page: Page) -> bool:
    """Return whether a document is vendored already, with the same page and source."""
    before = records(vendored).get(str(page.path))
    if before is None or before["sha256"] != hashlib.sha256(source.content).hexdigest():
        return False
    return before["source"] == source.recorded or not is_url(source.recorded)


def store(vendored: Path, source: Source, page: Page, today: date) -> None:
    """Store a document and the record of its source.

    Raises:
        SpecError: A file of another document has the path of a folder, or the reverse.
    """
    name = str(page.path)
    recorded = records(vendored)
    before = recorded.get(name)
    digest = hashlib.sha256(source.content).hexdigest()
    day = before["date"] if before and before["sha256"] == digest else today.isoformat()
    address = address_of(before) if before and not is_url(source.recorded) else None
    recorded[name] = {"source": source.recorded, "date": day, "sha256": digest}
    recorded[name] |= {"address": address} if address else {}
    target = vendored / page.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dump(page.document), encoding="utf-8", newline="\n")
        _page_of(target).write_bytes(source.content)
    except OSError as caught:
        raise error(source.where, f"cannot be stored as {name}: {caught.strerror}") from None
    _write_records(vendored, recorded)


def restore(vendored: Path, original: Path, name: str) -> None:
    """Undo `store`: give a document the state that it has in another folder of vendored documents."""
    recorded, before = records(vendored), records(original).get(name)
    target = vendored / name
    for path, source in ((target, original / name), (_page_of(target), _page_of(original / name))):
        if source.exists():
            shutil.copyfile(source, path)
        else:
            path.unlink(missing_ok=True)
    recorded.pop(name, None)
    _write_records(vendored, {**recorded, **({name: before} if before else {})})


def _write_records(vendored: Path, recorded: dict[str, dict[str, str]]) -> None:
    (vendored / SOURCES).write_text(dump(dict(sorted(recorded.items()))), encoding="utf-8", newline="\n")


def addresses(vendored: Path) -> list[str]:
    """Return all recorded addresses, at least one."""
    found = [address for record in records(vendored).values() if (address := address_of(record))]
    if not found:
        raise error(display_path(vendored / SOURCES), "has no address to fetch", _NO_ADDRESS)
    return [*dict.fromkeys(found)]


def without_address(vendored: Path) -> list[str]:
    """Return one line about each document without an address."""
    return [
        f"{name}: has no recorded address and is not fetched; {_NO_ADDRESS}"
        for name, record in records(vendored).items()
        if address_of(record) is None
    ]


def check_vendored(vendored: Path) -> list[Issue]:
    """Return where vendored documents differ from the published pages."""
    issues = []
    recorded = records(vendored)
    paths = {path.relative_to(vendored).as_posix(): path for path in documents(vendored)}
    for name in sorted({*paths, *recorded}):
        place = display_path(vendored / name)
        if name not in paths or name not in recorded:
            issues.append(Issue(place, f"is missing, or has no entry in {SOURCES}", "run: scripts/update-spec"))
            continue
        page = _page_of(paths[name])
        content = read_bytes(page)
        if hashlib.sha256(content).hexdigest() != recorded[name]["sha256"]:
            issues.append(Issue(display_path(page), f"does not match its hash in {SOURCES}"))
        elif extract(decode(content, name), name, name).document != read_document(paths[name]):
            issues.append(Issue(place, "differs from the published page", "edit openapi/overlay.yaml instead"))
    return issues


def _page_of(document: Path) -> Path:
    return document.with_name(f"{document.stem}.published.txt")
