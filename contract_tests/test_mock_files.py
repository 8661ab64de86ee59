"""What the simulator's answers lead to can fail, too: results, download links and uploaded files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import apikley_contract
from apikley import Hailuo02ImageToVideoPro
from apikley_mock.plugin import MockService
from contract_tests.simulators import CREDITS, create, look

DOWNLOAD, STREAM = (apikley_contract.operation(name).path for name in ("getDownloadUrl", "uploadFileStream"))


@pytest.fixture
def urls(http: httpx.Client, apikley_mock: MockService) -> dict[str, str]:
    """One file of each kind, by the name that faults give it."""
    task_id = create(http)
    apikley_mock.advance(10)
    (result,) = json.loads(look(http, task_id)["resultJson"])["resultUrls"]
    link = http.post(DOWNLOAD, json={"url": result}).json()["data"]
    upload = http.post(STREAM, files={"file": ("a.bin", b"x" * 1000)}, data={"uploadPath": "a"}).json()
    return {"result": result, "link": link, "file": upload["data"]["downloadUrl"]}


@pytest.mark.parametrize("kind", ["result", "link", "file"])
def test_a_download_breaks_off_and_goes_on_by_range(apikley_mock: MockService, urls: dict[str, str], kind: str) -> None:
    whole = httpx.get(urls[kind]).content
    apikley_mock.fail_next(fault="cut", stage="after", when={"operation": kind})
    chunks: list[bytes] = []
    with httpx.stream("GET", urls[kind]) as answer, pytest.raises(httpx.RemoteProtocolError):
        chunks.extend(answer.iter_bytes())
    got = b"".join(chunks)
    assert got == whole[: len(whole) // 2]
    rest = httpx.get(urls[kind], headers={"Range": f"bytes={len(got)}-"})
    assert (rest.status_code, got + rest.content) == (206, whole)


@pytest.mark.parametrize("kind", ["result", "link", "file"])
@pytest.mark.parametrize(("options", "status"), [({"code": 503}, 503), ({"code": 429}, 429), ({"fault": "html"}, 502)])
def test_a_file_fails_with_a_real_http_status(
    apikley_mock: MockService, urls: dict[str, str], kind: str, options: Any, status: int
) -> None:
    apikley_mock.fail_next(**options, when={"operation": kind})
    answer = httpx.get(urls[kind])
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/")
    assert answer.headers.get("retry-after") == ("1" if status == 429 else None)
    assert httpx.get(urls[kind]).status_code == 200


def test_a_fault_for_any_request_waits_for_one_of_the_api(
    http: httpx.Client, apikley_mock: MockService, urls: dict[str, str]
) -> None:
    apikley_mock.fail_next(500)
    assert [httpx.get(url).status_code for url in urls.values()] == [200, 200, 200]
    assert http.get(CREDITS).json()["code"] == 500


def test_a_fault_of_one_kind_leaves_the_others_alone(apikley_mock: MockService, urls: dict[str, str]) -> None:
    apikley_mock.fail_next(500, when={"operation": "link"})
    assert {kind: httpx.get(url).status_code for kind, url in urls.items()} == {"result": 200, "link": 500, "file": 200}


def test_the_client_saves_the_whole_video_though_its_download_breaks_off(
    apikley_mock: MockService, tmp_path: Path
) -> None:
    with apikley_mock.client() as api:
        done = api.create(Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png")).wait()
        for kind in ("result", "link"):
            apikley_mock.fail_next(fault="cut", stage="after", when={"operation": kind})
        path = done.download(tmp_path / "clip.mp4")
    assert path.read_bytes() == httpx.get(done.result_urls[0]).content
