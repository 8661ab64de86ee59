"""Faults of downloads: results, download links and uploaded files."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

import apikley_contract
from apikley import Hailuo02ImageToVideoPro
from apikley_mock.plugin import MockService
from apikley_mock.world.storage import Storage, StorageFullError
from contract_tests.simulator.simulators import CREDITS, assert_fits, create, poll

DOWNLOAD, STREAM, BASE64, URL = (
    apikley_contract.operation(name).path
    for name in ("getDownloadUrl", "uploadFileStream", "uploadFileBase64", "uploadFileUrl")
)


@pytest.fixture
def urls(http: httpx2.Client, apikley_mock: MockService) -> dict[str, str]:
    """One file of each kind, by its name in a fault."""
    task_id = create(http)
    apikley_mock.advance(10)
    (result,) = json.loads(poll(http, task_id)["resultJson"])["resultUrls"]
    link = http.post(DOWNLOAD, json={"url": result}).json()["data"]
    upload = http.post(STREAM, files={"file": ("a.bin", b"x" * 1000)}, data={"uploadPath": "a"}).json()
    return {"result": result, "link": link, "file": upload["data"]["downloadUrl"]}


@pytest.mark.parametrize("kind", ["result", "link", "file"])
def test_a_broken_download_is_resumed_by_range(apikley_mock: MockService, urls: dict[str, str], kind: str) -> None:
    whole = httpx2.get(urls[kind]).content
    apikley_mock.fail_next(fault="cut", stage="after", when={"operation": kind})
    chunks: list[bytes] = []
    with httpx2.stream("GET", urls[kind]) as response, pytest.raises(httpx2.RemoteProtocolError):
        chunks.extend(response.iter_bytes())
    got = b"".join(chunks)
    assert got == whole[: len(whole) // 2]
    rest = httpx2.get(urls[kind], headers={"Range": f"bytes={len(got)}-"})
    assert (rest.status_code, got + rest.content) == (206, whole)


@pytest.mark.parametrize("kind", ["result", "link", "file"])
@pytest.mark.parametrize(("options", "status"), [({"code": 503}, 503), ({"code": 429}, 429), ({"fault": "html"}, 502)])
def test_a_download_fails_with_a_real_http_status(
    apikley_mock: MockService, urls: dict[str, str], kind: str, options: Any, status: int
) -> None:
    apikley_mock.fail_next(**options, when={"operation": kind})
    response = httpx2.get(urls[kind])
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/")
    assert response.headers.get("retry-after") == ("1" if status == 429 else None)
    assert httpx2.get(urls[kind]).status_code == 200


def test_a_fault_without_operation_is_not_for_downloads(
    http: httpx2.Client, apikley_mock: MockService, urls: dict[str, str]
) -> None:
    apikley_mock.fail_next(500)
    assert [httpx2.get(url).status_code for url in urls.values()] == [200, 200, 200]
    assert http.get(CREDITS).json()["code"] == 500


def test_a_fault_for_one_kind_of_download_spares_the_others(apikley_mock: MockService, urls: dict[str, str]) -> None:
    apikley_mock.fail_next(500, when={"operation": "link"})
    assert {kind: httpx2.get(url).status_code for kind, url in urls.items()} == {
        "result": 200,
        "link": 500,
        "file": 200,
    }


def test_the_client_saves_the_whole_video_after_a_broken_download(apikley_mock: MockService, tmp_path: Path) -> None:
    with apikley_mock.client() as api:
        done = api.create(Hailuo02ImageToVideoPro(prompt="a ship", image_url="https://files.example.com/a.png")).wait()
        apikley_mock.fail_next(fault="cut", stage="after", when={"operation": "result"})
        path = done.download(tmp_path / "clip.mp4")
    assert path.read_bytes() == httpx2.get(done.result_urls[0]).content


def test_a_link_is_created_only_for_the_exact_url(http: httpx2.Client, urls: dict[str, str]) -> None:
    foreign = "https://elsewhere.test/" + urls["result"].partition("//")[2].partition("/")[2]
    candidates = (urls["result"], foreign, urls["result"].replace("/results/", "/results/0"))
    assert [http.post(DOWNLOAD, json={"url": url}).json()["code"] for url in candidates] == [200, 422, 422]


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("./images", "images/a.bin"),
        ("a/../b", "b/a.bin"),
        ("a/./b/.", "a/b/a.bin"),
        ("../../etc", "etc/a.bin"),
        ("..", "a.bin"),
        ("a//b", "a//b/a.bin"),
        (".hidden/...", ".hidden/.../a.bin"),
    ],
)
def test_an_upload_is_served_at_its_url(http: httpx2.Client, folder: str, path: str) -> None:
    response = http.post(
        STREAM, files={"file": ("a.bin", b"x")}, data={"uploadPath": folder, "fileName": "a.bin"}
    ).json()["data"]
    assert response["filePath"] == f"default/{path}"
    assert httpx2.get(response["downloadUrl"]).content == b"x"


def test_a_field_of_a_form_is_not_a_file(http: httpx2.Client) -> None:
    response = http.post(STREAM, data={"uploadPath": "a"}, files={"file": (None, b"hello")})
    assert_fits("UploadErrorResponse", response.json())
    assert (response.status_code, response.json()["code"]) == (400, 400)
    assert "file: has no filename" in response.json()["msg"]


def test_a_file_may_be_empty(http: httpx2.Client) -> None:
    response = http.post(STREAM, files={"file": ("a.bin", b"")}, data={"uploadPath": "a"}).json()
    assert (response["code"], response["data"]["fileSize"]) == (200, 0)


def test_expired_files_free_their_space() -> None:
    storage = Storage(1000)
    storage.store("a", "one", b"x" * 800, now=0)
    with pytest.raises(StorageFullError):
        storage.store("a", "two", b"x" * 800, now=3 * 24 * 3600 - 1)
    storage.store("a", "two", b"x" * 800, now=3 * 24 * 3600)
    assert storage.find("a/one", now=0) is None


@pytest.mark.parametrize("apikley_mock_settings", [{"callback_hosts": ["127.0.0.1"]}])
def test_a_redirect_is_not_followed_to_a_file(http: httpx2.Client) -> None:
    requested: list[str] = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(302 if self.path == "/first.png" else 200)
            self.send_header("Location", "/second.png")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/first.png"
        response = http.post(URL, json={"fileUrl": url, "uploadPath": "a"})
        server.shutdown()
        thread.join()
    assert (response.status_code, response.json()["msg"]) == (400, "fileUrl: the file's server responded with HTTP 302")
    assert requested == ["/first.png"]
