"""What the MCP server needs of the ledger's jobs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from apikley import CreateNotAdmitted, RequestInvalid
from apikley.batch import Batch
from apikley_mock.plugin import MockService
from contract_tests.mcp.agents import PNG
from contract_tests.simulator.simulators import request_for


def create(mock: MockService, folder: Path, body: dict[str, Any], **options: Any) -> Any:
    async def work() -> Any:
        place: dict[str, Any] = {"database": folder / "jobs.db", "out": folder}
        with Batch("jobs", **place, api_key=mock.api_key, base_url=mock.url) as batch:
            async with batch.jobs() as jobs:
                return await jobs.create("a", body, **options)

    return asyncio.run(work())


def test_a_text_never_names_a_local_file(
    apikley_mock: MockService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(PNG)
    body = request_for()
    with pytest.raises(RequestInvalid, match="image_url"):
        create(apikley_mock, tmp_path, {**body, "input": {**body["input"], "image_url": "cat.png"}})
    assert not apikley_mock.journal.requests()


def test_a_create_that_was_given_up_is_not_sent(apikley_mock: MockService, tmp_path: Path) -> None:
    give_up = asyncio.Event()
    give_up.set()
    with pytest.raises(CreateNotAdmitted, match="too long"):
        create(apikley_mock, tmp_path, request_for(), give_up=give_up)
    assert not apikley_mock.journal.requests()
