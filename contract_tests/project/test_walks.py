"""CONTRIBUTING's walks through the code name existing files, and few of them."""

from __future__ import annotations

import re

import pytest

from scripts.pipeline.io import ROOT, read

WALKS = dict(re.findall(r"^\*\*([^*]+)\*\*\n\n((?:\d+\. .*\n)+)", read(ROOT / "CONTRIBUTING.md"), flags=re.MULTILINE))
LIMITS = {
    "A prompt, from `create` to the wire": 14,
    "A callback, from the socket to the handler": 11,
    "A simulated task, from the request to the callback": 14,
}


@pytest.mark.parametrize(("title", "limit"), LIMITS.items(), ids=LIMITS)
def test_a_walk_names_few_files_and_all_exist(title: str, limit: int) -> None:
    files = re.findall(r"^\d+\. `([^`]+)`", WALKS[title], flags=re.MULTILINE)
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert 5 < len(files) <= limit
