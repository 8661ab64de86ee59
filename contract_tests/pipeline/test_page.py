"""A published page is read as it is, or refused with the place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.pipeline.io import OPENAPI
from scripts.pipeline.issues import SpecError
from scripts.pipeline.page import extract

NAME = "market/hailuo/02-image-to-video-pro.json"


def test_the_page_gives_the_vendored_document(page: str) -> None:
    published = extract(page, "page.txt")
    vendored = json.loads((OPENAPI / "vendored" / NAME).read_text(encoding="utf-8"))
    assert published.path.as_posix() == NAME
    assert published.document == vendored


def test_only_the_block_is_taken_and_nothing_is_mended(page: str) -> None:
    document = extract(page, "page.txt").document
    assert list(document) == ["openapi", "info", "servers", "security", "paths", "components"]
    assert document["info"]["contact"]["email"] == ["email\u00a0protected"]


def test_a_fenced_block_is_read_too(page: str) -> None:
    start, end = page.index("openapi: 3.0.0"), page.index("To find navigation")
    fenced = f"{page[:start]}```yaml\n{page[start:end].rstrip()}\n```\n{page[end:]}"
    assert extract(fenced, "page.txt").document == extract(page, "page.txt").document


def _without_block(page: str) -> str:
    return page.replace("openapi: 3.0.0", "swagger: 2.0")


def _with_two_blocks(page: str) -> str:
    return page + "\n\n" + page


def _with_broken_yaml(page: str) -> str:
    return page.replace("  title: Hailuo API", "  title: Hailuo: API: [")


def _without_header(page: str) -> str:
    return page.replace("market/hailuo/02-image-to-video-pro.json post", "See")


def _with_another_path(page: str) -> str:
    return page.replace("  /api/v1/jobs/createTask:", "  /api/v1/jobs/other:")


def _leaving_its_folder(page: str) -> str:
    return page.replace("market/hailuo/02-image", "../market/hailuo/02-image")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_without_block, "page.txt: no OpenAPI block found"),
        (_with_two_blocks, "page.txt: 2 OpenAPI blocks, at lines 20, 272"),
        (_with_broken_yaml, "page.txt, line 22: broken YAML: mapping values are not allowed"),
        (_without_header, "page.txt, line 20: the line above the OpenAPI block does not name its document"),
        (_with_another_path, "page.txt, line 20: the block does not describe POST /api/v1/jobs/createTask"),
        (
            _leaving_its_folder,
            "page.txt, line 20: the document path ../market/hailuo/02-image-to-video-pro.json leaves",
        ),
    ],
)
def test_a_broken_page_is_refused_with_the_place(page: str, spoil: Any, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        extract(spoil(page), "page.txt")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["2025-12-08", "no", "1_000", "0o17", "1e3", "~", "12:30"])
def test_values_are_read_by_the_rules_of_yaml_1_2(page: str, value: str) -> None:
    from scripts.pipeline.io import parse_yaml

    expected = {"1e3": 1000.0, "0o17": 15, "~": None}.get(value, value)
    assert parse_yaml(f"value: {value}\n", "x") == {"value": expected}
