"""A published page is read unchanged, or refused with the place of the error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract_tests.pipeline.pages import ACME, PAGES, STUDIO
from scripts.pipeline.io import OPENAPI, dump, parse_yaml, read
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page import extract
from scripts.pipeline.prepared import prepare
from scripts.pipeline.sources import fetch

NAME = "market/hailuo/02-image-to-video-pro.json"


def test_a_page_contains_the_vendored_document(page: str) -> None:
    published = extract(page, "page.txt")
    vendored = json.loads((OPENAPI / "vendored" / NAME).read_text(encoding="utf-8"))
    assert (published.path.as_posix(), published.document) == (NAME, vendored)


def test_only_the_openapi_block_is_read_and_it_is_not_repaired(page: str) -> None:
    document = extract(page, "page.txt").document
    assert list(document) == ["openapi", "info", "servers", "security", "paths", "components"]
    assert document["info"]["contact"]["email"] == ["email\u00a0protected"]


def test_a_fenced_block_is_read(page: str) -> None:
    start, end = page.index("openapi: 3.0.0"), page.index("To find navigation")
    fenced = f"{page[:start]}```yaml\n{page[start:end].rstrip()}\n```\n{page[end:]}"
    assert extract(fenced, "page.txt").document == extract(page, "page.txt").document


def test_bare_yaml_and_bare_json_are_read() -> None:
    text = read(PAGES[ACME])
    bare = text[text.index("openapi: 3.0.0") : text.index("To find navigation")]
    page = extract(text, "page")
    assert extract(bare, "x.yaml", "market/acme/1-fast.json") == page
    assert extract(f"# a comment\n---\n{bare}", "https://e.test/docs/market/acme/1-fast.yaml?raw=1") == page
    assert extract(dump(page.document), "docs/market/acme/1-fast.json") == page


def test_windows_line_ends_and_a_byte_order_mark_are_ignored() -> None:
    text = read(PAGES[STUDIO])
    assert extract("\ufeff" + text.replace("\n", "\r\n"), "page") == extract(text, "page")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("openapi: 3.0.0", "swagger: 2.0", "page.txt: no OpenAPI block found"),
        ("openapi: 3.0.0", "openapi: 3.0.0\nopenapi: 3.0.0", "page.txt: 2 OpenAPI blocks, at lines 20, 21"),
        ("  title: Hailuo API", "  title: Hailuo: API: [", "page.txt, line 22: broken YAML: mapping values are not"),
        ("market/hailuo", "../market/hailuo", f"page.txt: '../{NAME}' is not a published path"),
    ],
)
def test_an_invalid_page_is_refused_with_the_place(page: str, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        extract(page.replace(old, new), "page.txt")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_prose_after_bare_yaml_is_refused() -> None:
    text = read(PAGES[ACME])
    document = extract(text[text.index("openapi: 3.0.0") :], "x.yaml", "market/x/y.json").document
    with pytest.raises(SpecError, match="'To find navigation and other pages"):
        prepare("x", document)


@pytest.mark.parametrize("path", [f"market/{'x/' * 3}a b.json", "market/a\0/x.json", "market/../x.json", "x.json"])
def test_an_invalid_published_path_is_refused(page: str, path: str) -> None:
    with pytest.raises(SpecError, match=r"is not a published path; expected market/VENDOR/MODEL\.json"):
        extract(page, "x", path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"openapi": "3.0.0", "openapi": "3.0.1"}', "broken JSON: the key 'openapi' occurs twice in one object"),
        ('{"openapi": NaN}', "broken JSON: Out of range float values are not JSON compliant"),
        ('{"openapi": ', "broken JSON: Expecting value"),
        ("[" * 100_000, "no OpenAPI block found"),
        ('{"a":' * 100_000, "broken JSON: "),
        ("<!DOCTYPE html><html>", "is HTML; give the page's Markdown"),
    ],
)
def test_an_unreadable_document_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "market.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        extract(fetch(str(path)).text, str(path), "market/x/y.json")
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["2025-12-08", "no", "1_000", "0o17", "1e3", "~", "12:30"])
def test_values_follow_yaml_1_2(value: str) -> None:
    expected = {"1e3": 1000.0, "0o17": 15, "~": None}.get(value, value)
    assert parse_yaml(f"value: {value}\n", "x") == {"value": expected}
