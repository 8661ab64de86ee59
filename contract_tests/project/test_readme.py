"""The README's code works as printed."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from apikley._flows.clock import Clock
from apikley_mock.plugin import MockService
from scripts.pipeline.io import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS = README + (ROOT / "apikley" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXTS, flags=re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^```sh\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def _driven(apikley_mock: MockService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings and clock of the simulator, for clients that the README makes itself."""
    monkeypatch.setenv("APIKLEY_API_KEY", apikley_mock.api_key)
    monkeypatch.setenv("APIKLEY_BASE_URL", apikley_mock.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    skipped = 0.0

    def sleep(_: Clock, seconds: float) -> None:
        nonlocal skipped
        skipped += seconds
        apikley_mock.advance(seconds)

    async def async_sleep(clock: Clock, seconds: float) -> None:
        sleep(clock, seconds)

    monkeypatch.setattr(Clock, "sleep", sleep)
    monkeypatch.setattr(Clock, "async_sleep", async_sleep)
    monkeypatch.setattr(Clock, "monotonic", lambda _: time.monotonic() + skipped)


@pytest.mark.usefixtures("_driven")
@pytest.mark.parametrize("block", BLOCKS, ids=[block.strip().splitlines()[0] for block in BLOCKS])
def test_a_block_of_python_runs(block: str, apikley_mock: MockService, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own text
    for name, value in names.items():
        if name.startswith("test_"):
            value(apikley_mock)
    assert "Traceback" not in capsys.readouterr().out


def test_there_is_something_to_run() -> None:
    assert len(BLOCKS) >= 5
    assert "task.download(" in BLOCKS[0]


def test_the_commands_exist() -> None:
    named = set(re.findall(r"scripts/[a-z-]+", README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert {"scripts/demo", "scripts/test"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_folders_of_the_map_exist() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", README, flags=re.MULTILINE)
    assert len(rows) >= 7
    assert [row for row in rows if not (ROOT / row).exists()] == []


def test_the_nox_sessions_named_exist() -> None:
    texts = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    named = set(re.findall(r"nox -s ([a-z]+)", texts))
    assert named
    assert [name for name in named if f"\ndef {name}(session" not in noxfile] == []
