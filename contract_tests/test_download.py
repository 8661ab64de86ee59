"""A file appears when it is complete, and where it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from apikley import NoResult, TransportError
from contract_tests.services import BOTH, Service, details

pytestmark = pytest.mark.parametrize("run", BOTH)
DONE = details("success", resultJson='{"resultUrls":["http://files.test/a.mp4"]}')


def _download(target: Path) -> Any:
    return lambda api: api.download("task_hailuo_1", target)


def test_the_result_is_saved_under_the_given_name(run: Any, tmp_path: Path) -> None:
    run(Service(DONE, httpx.Response(200, content=b"video")), _download(tmp_path / "a.mp4"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"video"}


def test_a_file_that_was_there_stays_until_the_new_one_is_complete(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(TransportError, match="broke off"):
        run(Service(DONE, httpx.ReadError("reset")), _download(tmp_path / "a.mp4"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.mp4": b"old"}


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_error_page_is_not_saved(run: Any, tmp_path: Path, status: int) -> None:
    with pytest.raises(TransportError, match=f"HTTP {status}"):
        run(Service(DONE, httpx.Response(status, content=b"<html>")), _download(tmp_path / "a.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_a_result_has_nothing_to_download(run: Any, tmp_path: Path) -> None:
    with pytest.raises(NoResult, match="task task_hailuo_1 has 0 results, no number 0; state: generating"):
        run(Service(details("generating", resultJson="")), _download(tmp_path / "a.mp4"))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "ftp://x.test/a"])
def test_only_web_addresses_are_fetched(run: Any, tmp_path: Path, url: str) -> None:
    service = Service(details("success", resultJson=f'{{"resultUrls":["{url}"]}}'))
    with pytest.raises(TransportError, match="is not an http or https URL"):
        run(service, _download(tmp_path / "a.mp4"))
    assert len(service.requests) == 1
