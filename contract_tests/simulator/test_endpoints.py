"""The endpoints for credits, links, uploads and files."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
from typing import Any

import httpx2
import pytest
from pytest_httpserver import HTTPServer

import apikley_contract
from apikley_mock.plugin import MockService
from apikley_mock.world.caller import Caller
from contract_tests.simulator.simulators import (
    CREATE,
    CREDITS,
    Received,
    assert_fits,
    create,
    in_process,
    poll,
    request_for,
)

DOWNLOAD = apikley_contract.operation("getDownloadUrl").path
STREAM, BASE64, URL = (
    apikley_contract.operation(name).path for name in ("uploadFileStream", "uploadFileBase64", "uploadFileUrl")
)

ALLOWED = pytest.mark.parametrize("apikley_mock_settings", [{"callback_hosts": ["127.0.0.1"]}])


def test_every_operation_of_the_contract_has_an_endpoint(http: httpx2.Client) -> None:
    for path, item in apikley_contract.openapi()["paths"].items():
        for method in item.keys() & {"get", "post", "put", "delete"}:
            assert http.request(method, path).json()["msg"] != f"No such endpoint: {path}"


def test_credits_are_a_plain_number(http: httpx2.Client, apikley_mock: MockService) -> None:
    response = http.get(CREDITS).json()
    assert_fits("CreditsResponse", response)
    assert response == {"code": 200, "msg": "success", "data": 5916.25}
    apikley_mock.set_credits(2.5)
    assert http.get(CREDITS).json()["data"] == 2.5


def test_a_download_link_works_for_twenty_minutes(http: httpx2.Client, apikley_mock: MockService) -> None:
    task_id = create(http)
    apikley_mock.advance(10)
    (result,) = json.loads(poll(http, task_id)["resultJson"])["resultUrls"]
    response = http.post(DOWNLOAD, json={"url": result}).json()
    assert_fits("DownloadUrlResponse", response)
    assert httpx2.get(response["data"]).content[4:8] == b"ftyp"
    apikley_mock.advance(19 * 60)
    assert httpx2.get(response["data"]).status_code == 200
    apikley_mock.advance(2 * 60)
    assert httpx2.get(response["data"]).status_code == 403


def test_a_file_in_a_form_is_stored_and_served(http: httpx2.Client) -> None:
    content = bytes(range(256)) * 8192
    response = http.post(
        STREAM, files={"file": ("cat.png", content)}, data={"uploadPath": "images/cats", "fileName": "cat.png"}
    ).json()
    assert_fits("UploadResponse", response)
    assert response["data"]["filePath"] == "default/images/cats/cat.png"
    assert (response["data"]["fileSize"], response["data"]["mimeType"]) == (len(content), "image/png")
    served = httpx2.get(response["data"]["downloadUrl"])
    assert served.content == content
    assert served.headers["content-type"] == "image/png"


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_base64_text_and_data_urls_are_stored(http: httpx2.Client, prefix: str) -> None:
    text = prefix + base64.b64encode(b"\x89PNG").decode()
    response = http.post(BASE64, json={"base64Data": text, "uploadPath": "a", "fileName": "b.png"}).json()
    assert httpx2.get(response["data"]["downloadUrl"]).content == b"\x89PNG"


def test_a_file_on_loopback_is_not_fetched_unless_it_is_allowed(http: httpx2.Client, apikley_mock: MockService) -> None:
    # A page in a browser must not have the simulator fetch what it cannot read itself.
    for url in (apikley_mock.url, apikley_mock.url.replace("127.0.0.1", "localhost"), "http://[::1]/"):
        response = http.post(URL, json={"fileUrl": url, "uploadPath": "a"}).json()
        assert httpx2.get(response["data"]["downloadUrl"]).content.startswith(b"\x89PNG\r\n")
        assert "is not allowed by name" in apikley_mock.journal.requests("POST", URL)[-1].note


@ALLOWED
def test_a_file_on_an_allowed_host_is_fetched(http: httpx2.Client) -> None:
    first = http.post(STREAM, files={"file": ("one.png", b"1234")}, data={"uploadPath": "a"}).json()["data"]
    response = http.post(URL, json={"fileUrl": first["downloadUrl"], "uploadPath": "b", "fileName": "one.png"}).json()
    assert response["data"]["filePath"] == "default/b/one.png"
    assert httpx2.get(response["data"]["downloadUrl"]).content == b"1234"


def test_a_file_on_another_host_is_replaced_by_a_picture(http: httpx2.Client, apikley_mock: MockService) -> None:
    response = http.post(URL, json={"fileUrl": "https://files.example.com/cat.png", "uploadPath": "a"}).json()
    assert httpx2.get(response["data"]["downloadUrl"]).content.startswith(b"\x89PNG\r\n")
    (entry,) = apikley_mock.journal.requests("POST", URL)
    assert "files.example.com is not allowed by name" in entry.note


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/cat.png", "http://[V1.x]/"])
def test_a_malformed_url_is_replaced_by_a_picture(http: httpx2.Client, apikley_mock: MockService, url: str) -> None:
    response = http.post(URL, json={"fileUrl": url, "uploadPath": "a"}).json()
    assert httpx2.get(response["data"]["downloadUrl"]).content.startswith(b"\x89PNG\r\n")
    assert "not sent: malformed URL" in apikley_mock.journal.requests("POST", URL)[0].note


@ALLOWED
def test_an_upload_fails_if_the_files_server_refuses_it(http: httpx2.Client, receiver: Received) -> None:
    response = http.post(URL, json={"fileUrl": receiver.url, "uploadPath": "a"})
    assert (response.status_code, response.json()["msg"]) == (400, "fileUrl: the file's server responded with HTTP 501")


def test_a_fetched_file_has_a_maximum_size(http: httpx2.Client) -> None:
    url = http.post(STREAM, files={"file": bytes(2001)}, data={"uploadPath": "a"}).json()["data"]["downloadUrl"]

    async def fetch() -> None:
        caller = Caller(frozenset(["127.0.0.1"]))
        with pytest.raises(ValueError, match="the file is larger than 2,000 bytes"):
            await caller.fetch(url, 10, 2000)
        assert await caller.fetch(url, 10, 2001) == bytes(2001)
        await caller.close()

    asyncio.run(fetch())


@pytest.mark.anyio
async def test_a_fetched_file_is_not_unpacked(httpserver: HTTPServer) -> None:
    packed = gzip.compress(bytes(1_000_000))
    httpserver.expect_request("/a").respond_with_data(packed, headers={"Content-Encoding": "gzip"})
    caller = Caller(frozenset(["localhost"]))
    assert await caller.fetch(httpserver.url_for("/a"), 60, len(packed)) == packed
    await caller.close()


@pytest.mark.anyio
async def test_a_fetched_file_has_a_timeout() -> None:
    caller = Caller(frozenset(["127.0.0.1"]))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(ValueError, match=r"no response within 0\.05 s"):
            await caller.fetch(url, 0.05, 10)
    await caller.close()


def test_uploaded_files_expire_after_three_days(http: httpx2.Client, apikley_mock: MockService) -> None:
    url = http.post(STREAM, files={"file": b"x"}, data={"uploadPath": "a"}).json()["data"]["downloadUrl"]
    apikley_mock.advance(3 * 24 * 3600 - 1)
    assert httpx2.get(url).status_code == 200
    apikley_mock.advance(2)
    assert httpx2.get(url).status_code == 404


@ALLOWED
@pytest.mark.parametrize(
    ("path", "sent", "message"),
    [
        (STREAM, {"files": {"file": b"x"}, "data": {"uploadPath": "/a"}}, "uploadPath: "),
        (STREAM, {"files": {"file": b"x"}}, "Missing required parameter: uploadPath"),
        (STREAM, {"data": {"uploadPath": "a"}, "files": {"other": b"x"}}, "Missing required parameter: file"),
        (STREAM, {"content": b"x"}, "expected the content type multipart/form-data with a boundary"),
        (STREAM, {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "not a form"),
        (BASE64, {"json": {"base64Data": "$$", "uploadPath": "a"}}, "Base64 decoding failed: Invalid Base64 format"),
        (BASE64, {"json": {"base64Data": "AAAA", "uploadPath": "a/"}}, "uploadPath: "),
        (URL, {"json": {"fileUrl": "no url", "uploadPath": "a"}}, "fileUrl: "),
        (URL, {"json": {"fileUrl": "http://127.0.0.1:9/x", "uploadPath": "a"}}, "fileUrl: "),
        (URL, {"content": b"{"}, "not JSON"),
    ],
)
def test_an_invalid_upload_gets_http_400(http: httpx2.Client, path: str, sent: Any, message: str) -> None:
    response = http.post(path, **sent)
    assert_fits("UploadErrorResponse", response.json())
    assert (response.status_code, response.json()["success"], response.json()["code"]) == (400, False, 400)
    assert message in response.json()["msg"]


def test_an_upload_without_the_key_gets_http_401(apikley_mock: MockService) -> None:
    response = httpx2.post(apikley_mock.url + BASE64, json={})
    assert (response.status_code, response.json()["code"], response.json()["success"]) == (401, 401, False)


@pytest.mark.anyio
async def test_the_storage_is_limited() -> None:
    async with in_process(max_storage=1000, max_upload=2000) as http:
        form = {"uploadPath": "a"}
        first = {**form, "fileName": "1"}
        assert (await http.post(STREAM, files={"file": ("1", b"x" * 800)}, data=first)).status_code == 200
        full = await http.post(STREAM, files={"file": ("2", b"x" * 300)}, data=form)
        assert full.status_code == 500
        assert "stores at most 1,000 bytes; 800 are in use" in full.json()["msg"]
        assert (await http.post(STREAM, files={"file": ("1", b"x" * 900)}, data=first)).status_code == 200


@pytest.mark.parametrize(
    ("header", "status", "first"),
    [("bytes=0-3", 206, 0), ("bytes=4-", 206, 4), ("bytes=-4", 206, -4), ("bytes=99999999-", 416, 0), ("x", 200, 0)],
)
def test_results_are_served_by_range(
    http: httpx2.Client, apikley_mock: MockService, header: str, status: int, first: int
) -> None:
    task_id = create(http)
    apikley_mock.advance(10)
    url = f"{apikley_mock.url}/results/{task_id}.mp4"
    whole = httpx2.get(url).content
    part = httpx2.get(url, headers={"Range": header})
    assert part.status_code == status
    if status == 206:
        start = first % len(whole)
        end = start + len(part.content)
        assert part.content == whole[start:end]
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"
    head = httpx2.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole)))


@pytest.mark.parametrize("code", ["401", "402", "404", "422", "429", "455", "500", "501", "505"])
def test_prefer_gets_every_documented_response(http: httpx2.Client, apikley_mock: MockService, code: str) -> None:
    response = http.post(CREATE, json={}, headers={"Prefer": f"code={code}"})
    assert (response.status_code, response.json()["code"]) == (int(code), int(code))
    assert response.headers.get("retry-after") == ("1" if code == "429" else None)
    assert_fits("ErrorResponse", response.json())
    assert apikley_mock.journal.created() == []


@pytest.mark.parametrize("header", ['code="402"', "CODE=402", "dynamic=true, code=402"])
def test_prefer_accepts_every_form_of_the_header(http: httpx2.Client, header: str) -> None:
    assert http.post(CREATE, json=request_for(), headers={"Prefer": header}).status_code == 402


def test_prefer_for_an_undocumented_response_is_not_found(http: httpx2.Client) -> None:
    response = http.get(CREDITS, headers={"Prefer": "code=466"})
    assert (response.status_code, response.json()["msg"]) == (404, "The contract has no response 466 here")
    assert http.post(BASE64, headers={"Prefer": "code=500"}).json()["success"] is False


OPERATIONS = ["createTask", "getTaskDetails", "getCredits", "getDownloadUrl", "uploadFileStream", "uploadFileBase64"]


@pytest.mark.parametrize("operation_id", [*OPERATIONS, "uploadFileUrl"])
def test_prefer_200_gets_the_documented_example_and_creates_nothing(
    http: httpx2.Client, apikley_mock: MockService, operation_id: str
) -> None:
    operation = apikley_contract.operation(operation_id)
    response = http.request(operation.method, operation.path, json=request_for(), headers={"Prefer": "code=200"})
    content = operation.description["responses"]["200"]["content"]["application/json"]
    examples = [content.get("example"), *(each["value"] for each in content.get("examples", {}).values())]
    assert (response.status_code, response.json() in examples) == (200, True)
    assert (apikley_mock.journal.created(), httpx2.get(f"{apikley_mock.url}/__mock__/tasks").json()) == ([], [])
